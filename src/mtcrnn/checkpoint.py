"""Level 2: models on disk.

`OUTPUT_DIR/model/model_STEP/` holds `config.json` and `weights.safetensors`, all that generating and playing need;
`OUTPUT_DIR/model/train_state_STEP.pt` holds what only resuming needs. Both appear whole or not at all.
"""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_tensors

from mtcrnn.errors import InputError, listing
from mtcrnn.files import keep_previous, write_bytes, write_folder
from mtcrnn.model import Model
from mtcrnn.runs import CONFIG, WEIGHTS, model_path, read_config, read_weights, step_of


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


def load(path: Path) -> Model:
    """Rebuild the model in a model_STEP folder.

    Raises:
        InputError: as `read_config`, or weights that are missing, broken or do not fit the config.
    """
    model = Model(read_config(path))
    weights = {name: torch.tensor(array) for name, array in read_weights(path).items()}
    fit_weights(model.module, weights, str(path / WEIGHTS))
    return model


def load_train_state(path: Path) -> dict[str, Any]:
    """What resuming from the model_STEP folder `path` needs. Only tensors and plain values are unpickled.

    Raises:
        InputError: there is none, it is damaged, or it holds anything else.
    """
    file = path.parent / f"train_state_{step_of(path)}.pt"
    if not file.is_file():
        raise InputError(f"{path} can be played but not resumed: {file.name} is not beside it")
    try:
        state = torch.load(io.BytesIO(file.read_bytes()), weights_only=True, map_location="cpu")
    except Exception as error:  # damaged bytes make the unpickler fail in any way
        raise InputError(f"{file} is damaged, or no training state ({type(error).__name__})") from error
    expected = {"optimiser", "train", "end", "elapsed", "carried", "best"}
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
