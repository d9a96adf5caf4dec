"""Training the tiers of a recipe, one after the other, each as far as it is not trained yet."""

from __future__ import annotations

import logging
from pathlib import Path

from mtcrnn.core.interrupt import stop_on_interrupt
from mtcrnn.data.dataset import ParamManager
from mtcrnn.runs import checkpoint, folders
from mtcrnn.runs.recipe import Recipe, TierPlan, check_same, differences
from mtcrnn.training.run import resume, train

log = logging.getLogger(__name__)

# what may change between two runs of a recipe: how long to train and where, when to save
FREE = {"num_steps", "minutes", "loss_cutoff", "checkpoint", "device", "output_dir"}


def train_recipe(recipe: Recipe, only: str | None = None) -> dict[str, Path]:
    """Train every tier of a recipe that is not trained yet; go on where one was interrupted.

    A tier is trained when its model has its `num_steps`; with more steps in the recipe it goes on. Ctrl-C ends the
    tier in hand, saves it, and leaves the others.

    Args:
        recipe: the recipe.
        only: the name of one tier to train.

    Returns:
        The newest model of each tier that is trained, by name.

    Raises:
        InputError: data that lacks a parameter of any tier, or a tier that was trained by another recipe (says what
            differs): then nothing is trained; also as `training.train`.
    """
    plans = [recipe.get(only)] if only else list(recipe.tiers.values())
    for plan in plans:
        _check_data(plan)
        _check_trained(recipe, plan)
    saved: dict[str, Path] = {}
    with stop_on_interrupt() as stop:
        for plan in plans:
            saved[plan.name] = _train(plan)
            if stop.wanted:
                break
    return saved


def _train(plan: TierPlan) -> Path:
    """Train one tier to its `num_steps`, from its newest model on if there is one."""
    models = folders.steps(plan.folder / "model")
    if not models:
        log.info("tier %s: %s", plan.name, plan.folder)
        return train(plan.tier, plan.net, plan.train)
    newest = folders.model_path(plan.folder / "model", models[-1])
    if models[-1] >= plan.num_steps:
        log.info("tier %s is trained: %s", plan.name, newest)
        return newest
    log.info("tier %s goes on from step %d", plan.name, models[-1])
    changes = {name: getattr(plan.train, name) for name in FREE - {"num_steps", "output_dir"}}
    if checkpoint.load_train_state(newest).end != plan.num_steps:
        changes["num_steps"] = plan.num_steps - models[-1]
    return resume(str(newest), 0, {}, changes, {})


def _check_data(plan: TierPlan) -> None:
    """Raise InputError where a param file of the tier's data lacks one of its parameters."""
    data = ParamManager.at(plan.train.data_dir, plan.train.param_dir)
    for wav, file in data.files() if plan.tier.parameters else ():
        for name in plan.tier.parameters:
            file.get(name, data.path_of(wav))


def _check_trained(recipe: Recipe, plan: TierPlan) -> None:
    """Raise InputError where the tier was trained with other options than it has now."""
    models = folders.steps(plan.folder / "model")
    if not models:
        return
    newest = folders.model_path(plan.folder / "model", models[-1])
    check_same(recipe, plan, folders.read_config(newest))
    saved = checkpoint.load_train_state(newest).train
    changed = [text for name, text in differences(plan.train, saved) if name not in FREE]
    if changed:
        raise recipe.changed(plan, changed)
