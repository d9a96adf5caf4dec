"""Run folders and model folders: finding them, and reading a model's configuration and weights. Needs no torch.

`OUTPUT_DIR/model/model_STEP/` holds `config.json` and `weights.safetensors`: all that generating and playing need.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.validation import parse, read_json
from mtcrnn.models.config import FORMAT_VERSION, ModelConfig
from mtcrnn.runs.packing import is_packed, read_about, read_packed_config, read_packed_weights

CONFIG, WEIGHTS = "config.json", "weights.safetensors"
ARGS = Path("log/args.txt")  # in a run: the options that it was started with
OUTPUT_ROOT = Path("output")  # relative output folders are in it, as in the original


def run_folder(output_dir: str) -> Path:
    """The folder of a run: a name goes under output/; a path (/..., ./..., ../..., output/...) is used as it is.

    >>> run_folder("pops").as_posix(), run_folder("../pops").as_posix()
    ('output/pops', '../pops')
    """
    path = Path(output_dir)
    as_it_is = path.is_absolute() or path.parts[:1] in (OUTPUT_ROOT.parts, ("..",))
    return path if as_it_is or re.match(r"\.[/\\]", output_dir) else OUTPUT_ROOT / path


def model_folder(output_dir: str) -> Path:
    """The folder of a run's saved models."""
    return run_folder(output_dir) / "model"


def candidates(model_dir: str) -> list[Path]:
    """The existing folders that a user may mean, as given and under output/; those that hold a run come first."""
    both = [Path(model_dir).expanduser(), run_folder(os.path.expanduser(model_dir))]
    return sorted((path for path in both if path.exists()), key=lambda path: not holds_run(path))


def holds_run(folder: Path) -> bool:
    """Whether a folder is a run or a model, or a run that has not saved a model yet."""
    return any((folder / name).exists() for name in (CONFIG, "model", ARGS)) or bool(
        steps(folder) or original_steps(folder)
    )


def model_path(folder: Path, step: int) -> Path:
    """The folder of the model of a step, in a folder of saved models."""
    return folder / f"model_{step}"


def find(model_dir: str, step: int = 0) -> Path:
    """The model_STEP folder that a user means by a run folder, a folder of models or itself, also under output/.

    A packed model (`packing`) is found as it is.

    Args:
        model_dir: the folder that the user gave.
        step: the step; 0 for the newest.

    Raises:
        InputError: no model (lists what the folder holds), or no such step (lists the steps that exist).
    """
    given = next(iter(candidates(model_dir)), None)
    if given is None:
        raise InputError(f"{model_dir}: no such model folder")
    if is_packed(given):
        if step:
            raise InputError(f"{given} is a single model: it goes without `step`")
        return given
    if (given / CONFIG).is_file():
        if step and step_of(given) != step:
            raise InputError(f"{given} is a single model, and not that of `step` {step}")
        return given
    folder = given / "model" if (given / "model").is_dir() else given
    found = steps(folder)
    if not found:
        if find_unsaved(model_dir):
            raise InputError(f"{given} has no model yet: mtcrnn train --model_dir {given} starts the run again")
        inside = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else [folder.name]
        raise InputError(f"{folder} holds no models (folders named model_STEP); it holds {listing(inside)}")
    if step and step not in found:
        raise InputError(f"{folder} has no model of step {step}; it has steps {listing(found)}")
    return model_path(folder, step or found[-1])


def name_of(model: Path) -> str:
    """The name of a model_STEP folder: that of its run, or its own where it is in none; of a packed model its own."""
    if is_packed(model):
        return read_about(model).name
    model = model.absolute()
    return model.parent.parent.name if model.parent.name == "model" else model.name


def find_unsaved(model_dir: str) -> Path | None:
    """The run that a user means if it ended before its first save, else None."""
    for given in candidates(model_dir):
        folder = given.parent if given.name == "model" else given
        if (folder / ARGS).is_file() and not steps(folder / "model") and not original_steps(folder / "model"):
            return folder
    return None


def steps(folder: Path) -> list[int]:
    """The steps of the models in a folder, in increasing order."""
    found = [step_of(path.parent) for path in folder.glob(f"model_*/{CONFIG}")]
    return sorted(step for step in found if step is not None)


def read_config(path: Path) -> ModelConfig:
    """The configuration in a model_STEP folder.

    Raises:
        InputError: a missing or broken file, or another format version.
    """
    content = read_packed_config(path) if is_packed(path) else read_json(path / CONFIG)
    version = content.get("version") if isinstance(content, dict) else None
    if version not in range(1, FORMAT_VERSION + 1) or isinstance(version, bool):
        raise InputError(f"{path / CONFIG}: version {version!r}; this mtcrnn reads versions 1 to {FORMAT_VERSION}")
    net = content.get("net")
    if isinstance(net, dict) and (order := net.pop("lpc_order", 0)):  # of mtcrnn 0.1
        raise InputError(f"{path / CONFIG}: lpc_order is {order!r}, but linear prediction is no longer supported")
    return parse(ModelConfig, content, str(path / CONFIG))


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors in a model_STEP folder, by name.

    Raises:
        InputError: weights that are missing, broken, not finite, or not float32.
    """
    file = path / WEIGHTS
    if is_packed(path):
        return _checked({name: _as_float32(tensor, path) for name, tensor in read_packed_weights(path).items()}, path)
    try:
        with safe_open(file, "numpy") as content:  # maps the file: only the tensors taken are read
            kinds = {name: content.get_slice(name).get_dtype() for name in content.keys()}  # noqa: SIM118
            if odd := [name for name, kind in kinds.items() if kind != "F32"]:
                raise InputError(f"{file} holds {odd[0]} as {kinds[odd[0]]}; weights are F32")
            weights = {name: content.get_tensor(name) for name in kinds}
    except (OSError, SafetensorError) as error:
        raise InputError(f"{file} cannot be read as model weights: {error}") from error
    return _checked(weights, file)


def _as_float32(tensor: NDArray[Any], path: Path) -> NDArray[np.float32]:
    if tensor.dtype not in (np.float16, np.float32):
        raise InputError(f"{path} holds weights as {tensor.dtype}; they have 16 or 32 bits")
    return tensor.astype(np.float32)


def _checked(weights: dict[str, NDArray[np.float32]], file: Path) -> dict[str, NDArray[np.float32]]:
    if broken := [name for name, tensor in weights.items() if not np.isfinite(tensor).all()]:
        raise InputError(f"{file}: the model's weights are broken: {broken[0]} holds NaN or infinite numbers")
    return weights


def original_steps(folder: Path) -> list[int]:
    """The steps of the original's models in a folder, in increasing order."""
    found = (re.fullmatch(r"model_(\d+)\.pkl", path.name) for path in folder.glob("model_*.pkl"))
    return sorted(int(match[1]) for match in found if match)


def find_original(model_dir: str, step: int = 0) -> Path | None:
    """The original's model that a user means (step 0: the newest), or None if there is none of that step."""
    for folder in original_folders(model_dir):
        found = original_steps(folder)
        if not step or step in found:
            return folder / f"model_{step or found[-1]}.pkl"
    return None


def original_folders(model_dir: str) -> list[Path]:
    """The folders that hold models of the original, of those that a user may mean."""
    both = [folder for base in candidates(model_dir) for folder in (base, base / "model") if folder.is_dir()]
    return [folder for folder in both if original_steps(folder)]


def step_of(path: Path) -> int | None:
    """The step in the name of a model_STEP folder; None if the name is another."""
    match = re.fullmatch(r"model_(\d+)", path.name)
    return int(match[1]) if match else None
