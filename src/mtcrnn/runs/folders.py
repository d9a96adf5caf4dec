"""Where runs and their models lie, and what a model folder says of itself. Needs no torch.

`OUTPUT_DIR/model/model_STEP/` holds `config.json` and `weights.safetensors`: all that generating and playing need.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.validation import parse, read_json
from mtcrnn.models.config import FORMAT_VERSION, ModelConfig

CONFIG, WEIGHTS = "config.json", "weights.safetensors"
LOG = Path("log/args.txt")  # of a run: what it was started with
OUTPUT_ROOT = Path("output")  # relative output folders lie under it, as in the original


def run_folder(output_dir: str) -> Path:
    """Where a run goes: a name under output/; a path (/..., ./..., ../..., output/...) as it is.

    >>> run_folder("pops").as_posix(), run_folder("../pops").as_posix()
    ('output/pops', '../pops')
    """
    path = Path(output_dir)
    as_it_is = path.is_absolute() or path.parts[:1] in (OUTPUT_ROOT.parts, ("..",))
    return path if as_it_is or re.match(r"\.[/\\]", output_dir) else OUTPUT_ROOT / path


def model_folder(output_dir: str) -> Path:
    """The folder of a run's saved models."""
    return run_folder(output_dir) / "model"


def places(model_dir: str) -> list[Path]:
    """Where a folder may be that a user names, as it stands or under output/: first what holds a run, then the rest."""
    both = [Path(model_dir).expanduser(), run_folder(os.path.expanduser(model_dir))]
    return sorted((path for path in both if path.exists()), key=lambda path: not holds_run(path))


def holds_run(folder: Path) -> bool:
    """Whether a folder is a run or a model, or was to become one."""
    return any((folder / name).exists() for name in (CONFIG, "model", LOG)) or bool(
        steps(folder) or original_steps(folder)
    )


def model_path(folder: Path, step: int) -> Path:
    """Where the model of a step lies in a folder of saved models."""
    return folder / f"model_{step}"


def find(model_dir: str, step: int = 0) -> Path:
    """The model_STEP folder that a user means: by run folder, model folder or itself, also under output/.

    Args:
        model_dir: what the user gave.
        step: the step; 0 takes the newest.

    Raises:
        InputError: nothing there (lists what is), or no such step (lists those that exist).
    """
    given = next(iter(places(model_dir)), None)
    if given is None:
        raise InputError(f"{model_dir}: no such model folder")
    if (given / CONFIG).is_file():
        if step and step_of(given) != step:
            raise InputError(f"{given} is one model; `step` {step} does not go with it")
        return given
    folder = given / "model" if (given / "model").is_dir() else given
    found = steps(folder)
    if not found:
        if find_unsaved(model_dir):
            raise InputError(f"{given} has no model yet: mtcrnn train --model_dir {given} begins the run anew")
        inside = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else [folder.name]
        raise InputError(f"{folder} holds no models (folders named model_STEP); it holds {listing(inside)}")
    if step and step not in found:
        raise InputError(f"{folder} has no model of step {step}; it has steps {listing(found)}")
    return model_path(folder, step or found[-1])


def find_unsaved(model_dir: str) -> Path | None:
    """The run that a user means where it ended before its first save, else None."""
    for place in places(model_dir):
        folder = place.parent if place.name == "model" else place
        if (folder / LOG).is_file() and not steps(folder / "model") and not original_steps(folder / "model"):
            return folder
    return None


def steps(folder: Path) -> list[int]:
    """The steps of the models in a folder, rising."""
    found = [step_of(path.parent) for path in folder.glob(f"model_*/{CONFIG}")]
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
    net = content.get("net")
    if isinstance(net, dict) and (order := net.pop("lpc_order", 0)):  # of mtcrnn 0.1
        raise InputError(f"{path / CONFIG}: lpc_order is {order!r}, but linear prediction is no longer there")
    return parse(ModelConfig, content, str(path / CONFIG))


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors in a model_STEP folder by name.

    Raises:
        InputError: weights that are missing, broken, not finite, or of another type than float32.
    """
    file = path / WEIGHTS
    try:
        with safe_open(file, "numpy") as content:  # maps the file: nothing is read that is not taken
            kinds = {name: content.get_slice(name).get_dtype() for name in content.keys()}  # noqa: SIM118
            if odd := [name for name, kind in kinds.items() if kind != "F32"]:
                raise InputError(f"{file} holds {odd[0]} as {kinds[odd[0]]}; weights are F32")
            weights = {name: content.get_tensor(name) for name in kinds}
    except (OSError, SafetensorError) as error:
        raise InputError(f"{file} cannot be read as model weights: {error}") from error
    if broken := [name for name, tensor in weights.items() if not np.isfinite(tensor).all()]:
        raise InputError(f"{file}: the model's weights are broken: {broken[0]} holds NaN or infinite numbers")
    return weights


def original_steps(folder: Path) -> list[int]:
    """The steps of the original's models in a folder, rising."""
    found = (re.fullmatch(r"model_(\d+)\.pkl", path.name) for path in folder.glob("model_*.pkl"))
    return sorted(int(match[1]) for match in found if match)


def find_original(model_dir: str, step: int = 0) -> Path | None:
    """The original's model that a user means (step 0: the newest), or None where there is none of that step."""
    for base in places(model_dir):
        for folder in (base, base / "model"):
            found = original_steps(folder) if folder.is_dir() else []
            if found and (not step or step in found):
                return folder / f"model_{step or found[-1]}.pkl"
    return None


def step_of(path: Path) -> int | None:
    """The step in the name of a model_STEP folder."""
    match = re.fullmatch(r"model_(\d+)", path.name)
    return int(match[1]) if match else None
