"""Checkpoints: saving and loading models and training states.

`OUTPUT_DIR/model/model_STEP/` holds `config.json` and `weights.safetensors`, all that generating and playing need;
`OUTPUT_DIR/model/train_state_STEP.pt` holds what only resuming needs. Both are written completely or not at all.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import torch
from safetensors.torch import save as save_tensors

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import is_temporary, keep_previous, remove, write_bytes, write_folder
from mtcrnn.models.model import Model, misfits, weight_shapes
from mtcrnn.runs import train_state
from mtcrnn.runs.folders import CONFIG, WEIGHTS, model_path, read_config, read_weights, step_of, steps
from mtcrnn.runs.train_state import TrainState


def save(folder: Path, model: Model, state: bytes | None = None) -> Path:
    """Save a model as `folder/model_STEP`, and next to it the file with this training state, if any.

    Returns:
        The model's folder.

    Raises:
        InputError: the disk is full or the folder cannot be written; models saved before are unchanged.
    """
    state_path = state_file(folder, model.config.step)
    if state is not None:  # first, so that every saved model can be resumed
        write_bytes(state_path, state)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.module.state_dict().items()}
    config = json.dumps(dataclasses.asdict(model.config), indent=2) + "\n"
    path = model_path(folder, model.config.step)
    keep_previous(path)
    try:
        write_folder(path, {CONFIG: config.encode(), WEIGHTS: save_tensors(weights)})
    except InputError:
        state_path.unlink(missing_ok=True)
        raise
    return path


def load(path: Path) -> Model:
    """Rebuild the model in a model_STEP folder.

    Raises:
        InputError: as `read_config`; also weights that are missing, broken or do not fit the config.
    """
    config, weights = read_config(path), read_weights(path)
    if problems := misfits(weight_shapes(config), weights):  # before anything of the config's sizes is allocated
        raise InputError(f"{path / WEIGHTS} does not fit the model: {'; '.join(problems[:8])}")
    model = Model(config)
    model.module.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    return model


def load_train_state(path: Path) -> TrainState:
    """The training state that belongs to the model_STEP folder `path`.

    Raises:
        InputError: there is none; or as `train_state.load`.
    """
    file = state_file(path.parent, step_of(path))
    if not file.is_file():
        raise InputError(f"{path} can be played but not resumed: {file.name} is not next to it")
    return train_state.load(file)


def state_file(folder: Path, step: int | None) -> Path:
    """The file of the training state of a step, in a folder of saved models."""
    return folder / f"train_state_{step}.pt"


def tidy(folder: Path) -> None:
    """Remove what a killed process left in a run's folder: unfinished files, and training states without a model."""
    for place in (folder, folder / "model", folder / "log"):
        for path in place.iterdir() if place.is_dir() else ():
            if is_temporary(path):
                remove(path)
    models = folder / "model"
    states = {state_file(models, step) for step in steps(models)}
    for path in models.glob("train_state_*.pt"):
        if path not in states:
            remove(path)
