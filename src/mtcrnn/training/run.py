"""Training: a run from its start, or from where it stands."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

from mtcrnn.config.agreement import check_agreement, check_sizes
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError
from mtcrnn.core.processes import leads
from mtcrnn.core.validation import parse, read_json
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.runs import checkpoint, folders
from mtcrnn.runs.locks import locked
from mtcrnn.runs.train_state import TrainState
from mtcrnn.training.distributed import join
from mtcrnn.training.schedule import Schedule
from mtcrnn.training.trainer import Trainer

log = logging.getLogger(__name__)

T = TypeVar("T")
Sizes = Mapping[str, int | None]  # `gen_size` and `cond_size`, where given


def train(tier: Tier, net: Net, options: Train, folder: Path | None = None) -> Path:
    """Train a new model and return the folder of its last saved state.

    Ctrl-C ends the run after the step in hand and saves. A folder in which a run ended before its first save is free.

    Args:
        tier: what is generated.
        net: by what.
        options: how.
        folder: of the run, where it is not the one that `options` name.

    Raises:
        InputError: bad data or options, an output folder that holds another run or in which another process trains, a
            loss that is no finite number (models saved before stay), a full disk.
    """
    net.check_for(tier)
    folder = folders.run_folder(options.output_dir) if folder is None else folder
    _check_free(folder)
    corpus = Corpus(tier, ParamManager.at(options.data_dir, options.param_dir))
    model = new_model(ModelConfig(tier, net, corpus.ranges), options.rand_seed)
    with join(options.device) as world:
        trainer = Trainer(model, corpus, options, folder, world)
        with locked(folder) if world.leads else nullcontext():
            if world.leads:
                _check_free(folder)  # another run may have been and gone since
                checkpoint.tidy(folder)
            return trainer.run()


def _check_free(folder: Path) -> None:
    """Raise InputError where a folder holds models."""
    models = folder / "model"
    if folders.steps(models) or folders.original_steps(models):
        raise InputError(f"{folder} already holds a run; choose another `output_dir`")


def _anew(folder: Path, typed_model: Mapping[str, Any], typed_options: Mapping[str, Any], sizes: Sizes) -> Path:
    """Begin a run again that ended before its first save, as its log says that it was begun."""
    file = folder / folders.LOG
    said = read_json(file)
    if not isinstance(said, dict):
        raise InputError(f"{file} does not say how the run was begun")

    def part(cls: type[T]) -> T:
        names = [spec.name for spec in dataclasses.fields(cls)]  # type: ignore[arg-type]
        return parse(cls, {name: said[name] for name in names if name in said}, str(file))

    tier, net, options = part(Tier), part(Net), part(Train)
    check_agreement(tier, net, typed_model)
    check_sizes(tier, sizes)
    log.info("%s ended before its first save: it begins anew", folder)
    return train(tier, net, dataclasses.replace(options, **typed_options), folder)


def resume(
    model_dir: str,
    step: int,
    typed_model: Mapping[str, Any],
    typed_options: Mapping[str, Any],
    sizes: Sizes,
) -> Path:
    """Go on with a run: what it was started with, its optimiser, its place in the data; bit for bit on one CPU.

    An unfinished run goes on to its planned end, a finished one for as many steps or minutes more. Models of later
    steps, where an earlier one is picked, are kept aside under another name.

    Args:
        model_dir: the run's folder, or its model/ folder.
        step: which saved step; 0 takes the newest.
        typed_model: options of the tier and the net that the user gave all the same: they must agree.
        typed_options: training options to change from here on.
        sizes: `gen_size` and `cond_size` where given: they must agree.

    Raises:
        InputError: as `train`; also no such model, nothing to resume from, options that contradict the model, data
            that lacks a parameter.
    """
    if (unsaved := folders.find_unsaved(model_dir)) is not None:
        return _anew(unsaved, typed_model, typed_options, sizes)
    path = folders.find(model_dir, step)
    folder = path.parent.parent
    if "output_dir" in typed_options:
        folder = folders.run_folder(typed_options["output_dir"])
    with locked(folder) if leads() else nullcontext():
        if leads():
            checkpoint.tidy(folder)
        model = checkpoint.load(path)
        check_agreement(model.config.tier, model.config.net, typed_model)
        check_sizes(model.config.tier, sizes)
        state = checkpoint.load_train_state(path)
        state.check_for(model, f"the training state of {path}")
        options = dataclasses.replace(state.train, **typed_options)
        schedule = _rest(state, options, typed_options, model.config.step)
        data = ParamManager.at(options.data_dir, options.param_dir)
        corpus = Corpus(model.config.tier, data, model.config.ranges)
        if state.data and (changes := corpus.changes(state.data)):
            log.warning("the data are not those that it was trained on: %s", "; ".join(changes))
        with join(options.device) as world:
            trainer = Trainer(model, corpus, options, folder, world, schedule)
            trainer.restore(state)
            return trainer.run()


def is_over(path: Path) -> bool:
    """Whether the run that a saved model is of had come to its planned end there. Raises InputError as `resume`."""
    state = checkpoint.load_train_state(path)
    by_steps = state.end is not None and state.end <= (folders.step_of(path) or 0)
    return by_steps or Schedule(state.end, state.train.minutes, state.elapsed).time_is_up


def _rest(state: TrainState, options: Train, typed: Mapping[str, Any], step: int) -> Schedule:
    """What is left of a run after `step`; of a finished one, as much as was asked for once more."""
    end, elapsed = state.end, state.elapsed
    if "num_steps" in typed or (end is not None and end <= step and "minutes" not in typed):
        end = step + int(options.num_steps or 0)
    elif end is not None and end <= step:
        end = None
    if "minutes" in typed or Schedule(end, options.minutes, elapsed).time_is_up:
        elapsed = 0.0
    return Schedule(end, options.minutes, elapsed)
