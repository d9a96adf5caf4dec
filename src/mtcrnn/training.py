"""Level 3: training: a run from its start, or from where it stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtcrnn import checkpoint, runs
from mtcrnn.config import Net, Tier, Train
from mtcrnn.corpus import Corpus
from mtcrnn.distributed import join
from mtcrnn.errors import InputError
from mtcrnn.model import new_model
from mtcrnn.modelconfig import ModelConfig
from mtcrnn.options import check_agreement, check_sizes
from mtcrnn.paramset import ParamManager
from mtcrnn.schedule import Schedule
from mtcrnn.trainer import Trainer
from mtcrnn.validation import parse


def train(tier: Tier, net: Net, options: Train) -> Path:
    """Train a new model and return the folder of its last saved state.

    Ctrl-C ends the run after the step in hand and saves.

    Raises:
        InputError: bad data or options, an output folder that holds another run, a loss that is no finite number
            (models saved before stay), a full disk.
    """
    net.check_for(tier)
    folder = runs.run_folder(options.output_dir)
    if (folder / "model").exists() and any((folder / "model").iterdir()):
        raise InputError(f"{folder} already holds a run; choose another --output_dir")
    corpus = Corpus(tier, ParamManager.at(options.data_dir, options.param_dir))
    model = new_model(ModelConfig(tier, net, corpus.ranges), options.rand_seed)
    with join(options.device) as world:
        return Trainer(model, corpus, options, folder, world).run()


def resume(
    model_dir: str,
    step: int,
    typed_model: Mapping[str, Any],
    typed_options: Mapping[str, Any],
    sizes: Mapping[str, int | None],
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
    path = runs.find(model_dir, step)
    model = checkpoint.load(path)
    check_agreement(model.config.tier, model.config.net, typed_model)
    check_sizes(model.config.tier, sizes)
    state = checkpoint.load_train_state(path)
    options = dataclasses.replace(parse(Train, state["train"], f"{path}'s training options"), **typed_options)
    schedule = _rest(state, options, typed_options, model.config.step)
    data = ParamManager.at(options.data_dir, options.param_dir)
    corpus = Corpus(model.config.tier, data, model.config.ranges)
    folder = runs.run_folder(options.output_dir) if "output_dir" in typed_options else path.parent.parent
    with join(options.device) as world:
        trainer = Trainer(model, corpus, options, folder, world, schedule)
        trainer.restore(state)
        return trainer.run()


def _rest(state: Mapping[str, Any], options: Train, typed: Mapping[str, Any], step: int) -> Schedule:
    """What is left of a run after `step`; of a finished one, as much as was asked for once more."""
    end, elapsed = state["end"], float(state["elapsed"])
    if "num_steps" in typed or (end is not None and end <= step and "minutes" not in typed):
        end = step + int(options.num_steps or 0)
    elif end is not None and end <= step:
        end = None
    if "minutes" in typed or Schedule(end, options.minutes, elapsed).time_is_up:
        elapsed = 0.0
    return Schedule(end, options.minutes, elapsed)
