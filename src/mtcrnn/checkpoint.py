"""Level 2: models on disk.

`OUTPUT_DIR/model/model_STEP/` holds `config.json` and `weights.safetensors`, all that generating and playing need;
`OUTPUT_DIR/model/train_state_STEP.pt` holds what only resuming needs. Both appear whole or not at all.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from mtcrnn.errors import InputError, listing
from mtcrnn.files import keep_previous, write_bytes, write_folder
from mtcrnn.model import FORMAT_VERSION, Model, ModelConfig
from mtcrnn.validation import parse, read_json

CONFIG, WEIGHTS = "config.json", "weights.safetensors"
OUTPUT_ROOT = Path("output")  # relative output folders lie under it, as in the original


def run_folder(output_dir: str) -> Path:
    """Where a run goes: as given if absolute (or under output/ already), else under output/."""
    path = Path(output_dir)
    inside = path.is_absolute() or path.parts[:1] == OUTPUT_ROOT.parts
    return path if inside else OUTPUT_ROOT / path


def model_folder(output_dir: str) -> Path:
    """The folder of a run's saved models."""
    return run_folder(output_dir) / "model"


def model_path(folder: Path, step: int) -> Path:
    """Where the model of a step lies in a folder of saved models."""
    return folder / f"model_{step}"


def save(folder: Path, model: Model, train_state: dict[str, Any] | None = None) -> Path:
    """Save a model as `folder/model_STEP`, and beside it what resuming needs.

    Raises:
        InputError: the disk is full or the folder cannot be written; models saved before stay as they were.
    """
    state_file = folder / f"train_state_{model.config.step}.pt"
    if train_state is not None:  # first, so that every model that is there can be resumed from
        buffer = io.BytesIO()
        torch.save(train_state, buffer)
        write_bytes(state_file, buffer.getvalue())
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.module.state_dict().items()}
    config = json.dumps(dataclasses.asdict(model.config), indent=2) + "\n"
    path = model_path(folder, model.config.step)
    keep_previous(path)
    try:
        write_folder(path, {CONFIG: config.encode(), WEIGHTS: save_tensors(weights)})
    except InputError:
        state_file.unlink(missing_ok=True)
        raise
    return path


def find(model_dir: str, step: int = 0) -> Path:
    """The model_STEP folder that a user means: by run folder, model folder or itself, also under output/.

    Args:
        model_dir: what the user gave.
        step: the step; 0 takes the newest.

    Raises:
        InputError: nothing there (lists what is), or no such step (lists those that exist).
    """
    candidates = [Path(model_dir), run_folder(model_dir)]
    given = next((path for path in candidates if path.exists()), None)
    if given is None:
        raise InputError(f"{model_dir}: no such model folder")
    if (given / CONFIG).is_file():
        if step and _step_of(given) != step:
            raise InputError(f"{given} is one model; --step {step} does not go with it")
        return given
    folder = given / "model" if (given / "model").is_dir() else given
    found = steps(folder)
    if not found:
        inside = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else [folder.name]
        raise InputError(f"{folder} holds no models (folders named model_STEP); it holds {listing(inside)}")
    if step and step not in found:
        raise InputError(f"{folder} has no model of step {step}; it has steps {listing(found)}")
    return model_path(folder, step or found[-1])


def steps(folder: Path) -> list[int]:
    """The steps of the models in a folder, rising."""
    found = [_step_of(path.parent) for path in folder.glob(f"model_*/{CONFIG}")]
    return sorted(step for step in found if step is not None)


def read_config(path: Path) -> ModelConfig:
    """The configuration in a model_STEP folder.

    Raises:
        InputError: a missing or broken file, or a version from the future.
    """
    content = read_json(path / CONFIG)
    version = content.get("version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise InputError(f"{path / CONFIG}: version {version!r}; this mtcrnn reads version {FORMAT_VERSION}")
    return parse(ModelConfig, content, str(path / CONFIG))


def load(path: Path) -> Model:
    """Rebuild the model in a model_STEP folder.

    Raises:
        InputError: as `read_config`, or weights that are missing, broken or do not fit the config.
    """
    model = Model(read_config(path))
    try:
        weights = load_tensors((path / WEIGHTS).read_bytes())
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path / WEIGHTS} cannot be read as model weights: {error}") from error
    fit_weights(model.module, weights, str(path / WEIGHTS))
    return model


def load_train_state(path: Path) -> dict[str, Any]:
    """What resuming from the model_STEP folder `path` needs. Only tensors and plain values are unpickled.

    Raises:
        InputError: there is none, it is damaged, or it holds anything else.
    """
    file = path.parent / f"train_state_{_step_of(path)}.pt"
    if not file.is_file():
        raise InputError(f"{path} can be played but not resumed: {file.name} is not beside it")
    try:
        state = torch.load(io.BytesIO(file.read_bytes()), weights_only=True, map_location="cpu")
    except Exception as error:  # damaged bytes make the unpickler fail in any way
        raise InputError(f"{file} is damaged, or no training state ({type(error).__name__})") from error
    expected = {"optimiser", "train", "end", "carried", "best"}
    if not isinstance(state, dict) or set(state) != expected:
        raise InputError(f"{file} is no training state: it must hold {listing(sorted(expected))}")
    return state


def fit_weights(module: torch.nn.Module, weights: dict[str, torch.Tensor], where: str) -> None:
    """Load weights strictly; every missing, foreign or wrongly shaped tensor is named.

    Raises:
        InputError: anything that does not fit.
    """
    expected = module.state_dict()
    problems = [f"{name} is missing" for name in expected if name not in weights]
    problems += [f"{name} is not known" for name in weights if name not in expected]
    problems += [
        f"{name} is {list(weights[name].shape)}, not {list(tensor.shape)}"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if problems:
        raise InputError(f"{where} does not fit the model: {'; '.join(problems[:8])}")
    module.load_state_dict(weights)


def _step_of(path: Path) -> int | None:
    match = re.fullmatch(r"model_(\d+)", path.name)
    return int(match[1]) if match else None
