"""Training runs: start a new one, continue a saved one, or start over one that ended before its first save."""

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
from mtcrnn.core.processes import is_main_process
from mtcrnn.core.validation import parse, read_json
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.skipping import skipped_in
from mtcrnn.data.splitting import measure_emphasis
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.runs import checkpoint, folders
from mtcrnn.runs.locks import locked
from mtcrnn.runs.packing import is_packed
from mtcrnn.runs.train_state import TrainState
from mtcrnn.training.distributed import join
from mtcrnn.training.schedule import Schedule
from mtcrnn.training.trainer import Trainer

log = logging.getLogger(__name__)

T = TypeVar("T")
Sizes = Mapping[str, int | None]  # `gen_size` and `cond_size`, where given


def train(tier: Tier, net: Net, options: Train, folder: Path | None = None) -> Path:
    """Train a new model and return the folder of its last saved state.

    Ctrl-C ends the run after the current step and saves it. The folder may hold a run that ended before its first save.

    Args:
        tier: what is generated, under which parameters.
        net: the net that generates it.
        options: how to train.
        folder: of the run, if it is not the one that `options` name.

    Raises:
        InputError: bad data or options, an output folder that holds another run or in which another process trains, a
            loss that is not finite (models saved before are kept), or a full disk.
    """
    net.check_for(tier)
    folder = folders.run_folder(options.output_dir) if folder is None else folder
    _check_free(folder)
    data = ParamManager.at(options.data_dir, options.param_dir)
    wavs = data.wavs()
    emphasis = measure_emphasis(tier, wavs, skipped_in(data, wavs)) if net.spec.framed else ()
    corpus = Corpus(tier, data, emphasis=emphasis, glides=options.glides, disturbed=True)
    config = ModelConfig(tier, net, corpus.ranges, spans=corpus.spans, emphasis=emphasis)
    model = new_model(config, options.rand_seed)
    with join(options.device) as world:
        trainer = Trainer(model, corpus, options, folder, world)
        with locked(folder) if world.leads else nullcontext():
            if world.leads:
                _check_free(folder)  # another run may have saved a model in the meantime
                checkpoint.tidy(folder)
            return trainer.run()


def _check_free(folder: Path) -> None:
    """Raise InputError if a folder holds models."""
    models = folder / "model"
    if folders.steps(models) or folders.original_steps(models):
        raise InputError(f"{folder} already holds a run; choose another `output_dir`")


def _start_over(folder: Path, typed_model: Mapping[str, Any], typed_options: Mapping[str, Any], sizes: Sizes) -> Path:
    """Start over a run that ended before its first save, with the options in its log."""
    file = folder / folders.ARGS
    logged = read_json(file)
    if not isinstance(logged, dict):
        raise InputError(f"{file} does not say how the run was started")

    def part(cls: type[T]) -> T:
        names = [spec.name for spec in dataclasses.fields(cls)]  # type: ignore[arg-type]
        return parse(cls, {name: logged[name] for name in names if name in logged}, str(file))

    tier, net, options = part(Tier), part(Net), part(Train)
    check_agreement(tier, net, typed_model)
    check_sizes(tier, sizes)
    log.info("%s ended before its first save: it starts over", folder)
    return train(tier, net, dataclasses.replace(options, **typed_options), folder)


def resume(
    model_dir: str,
    step: int,
    typed_model: Mapping[str, Any],
    typed_options: Mapping[str, Any],
    sizes: Sizes,
) -> Path:
    """Continue a run with its options, optimiser and place in the data; on one CPU bit for bit as if uninterrupted.

    An unfinished run continues to its planned end, a finished one for as many steps or minutes again. If it continues
    from an earlier step, the models of later steps are kept under another name.

    Args:
        model_dir: the run's folder, or its model/ folder.
        step: which saved step; 0: the newest.
        typed_model: options of the tier and the net that the user gave although the run has them; they must agree.
        typed_options: training options to change from here on.
        sizes: `gen_size` and `cond_size` where given; they must agree.

    Raises:
        InputError: as `train`; also no such model, nothing to resume from, options that contradict the model, or data
            that lacks a parameter.
    """
    if (unsaved := folders.find_unsaved(model_dir)) is not None:
        return _start_over(unsaved, typed_model, typed_options, sizes)
    path = folders.find(model_dir, step)
    if is_packed(path):
        raise InputError(f"{path} is packed: it can be played, but not trained further")
    folder = path.parent.parent
    if "output_dir" in typed_options:
        folder = folders.run_folder(typed_options["output_dir"])
    with locked(folder) if is_main_process() else nullcontext():
        if is_main_process():
            checkpoint.tidy(folder)
        model = checkpoint.load(path)
        check_agreement(model.config.tier, model.config.net, typed_model)
        check_sizes(model.config.tier, sizes)
        state = checkpoint.load_train_state(path)
        state.check_for(model, f"the training state of {path}")
        options = dataclasses.replace(state.train, **typed_options)
        schedule = _remaining(state, options, typed_options, model.config.step)
        data = ParamManager.at(options.data_dir, options.param_dir)
        corpus = Corpus.of_model(model.config, data, options.glides, disturbed=True)
        if state.data and (changes := corpus.changes(state.data)):
            log.warning("the data differ from those that the run was trained on: %s", "; ".join(changes))
        with join(options.device) as world:
            trainer = Trainer(model, corpus, options, folder, world, schedule)
            trainer.restore(state)
            return trainer.run()


def is_over(path: Path) -> bool:
    """Whether a run had reached its planned end when it saved this model. Raises InputError as `resume`."""
    state = checkpoint.load_train_state(path)
    by_steps = state.end is not None and state.end <= (folders.step_of(path) or 0)
    return by_steps or Schedule(state.end, state.train.minutes, state.elapsed).time_is_up


def _remaining(state: TrainState, options: Train, typed: Mapping[str, Any], step: int) -> Schedule:
    """The schedule of what remains of a run after `step`; of a finished one, as much again as was asked for."""
    end, elapsed = state.end, state.elapsed
    if "num_steps" in typed or (end is not None and end <= step and "minutes" not in typed):
        end = step + int(options.num_steps or 0)
    elif end is not None and end <= step:
        end = None
    if "minutes" in typed or Schedule(end, options.minutes, elapsed).time_is_up:
        elapsed = 0.0
    return Schedule(end, options.minutes, elapsed)
