"""Training the tiers of a recipe one after another: finished tiers are skipped, interrupted ones continue."""

from __future__ import annotations

import logging
from pathlib import Path

from mtcrnn.core.interrupt import stop_on_interrupt
from mtcrnn.data.dataset import ParamManager
from mtcrnn.runs import checkpoint, folders
from mtcrnn.runs.recipe import Recipe, TierPlan, check_same, differences
from mtcrnn.training.run import resume, train

log = logging.getLogger(__name__)

# options that a recipe may change for a tier already in training: how long, on which device, where, when to save
MAY_CHANGE = {"num_steps", "minutes", "loss_cutoff", "checkpoint", "device", "output_dir"}


def train_recipe(recipe: Recipe, only: str | None = None) -> dict[str, Path]:
    """Train every tier of a recipe that is not trained yet; continue where one was interrupted.

    A tier is trained once its model has `num_steps` steps; if the recipe then asks for more, it continues. Ctrl-C ends
    the current tier, saves it, and leaves the others.

    Args:
        recipe: the recipe.
        only: the name of the one tier to train; None: all.

    Returns:
        The newest model of each tier that is trained, by name.

    Raises:
        InputError: data that lacks a parameter of any tier, or a tier that was trained by another recipe (the message
            says what differs); then nothing is trained. Also as `run.train`.
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
    """Train one tier to its `num_steps`, starting from its newest model if there is one."""
    models = folders.steps(plan.folder / "model")
    if not models:
        log.info("tier %s: %s", plan.name, plan.folder)
        return train(plan.tier, plan.net, plan.train)
    newest = folders.model_path(plan.folder / "model", models[-1])
    if models[-1] >= plan.num_steps:
        log.info("tier %s is trained: %s", plan.name, newest)
        return newest
    log.info("tier %s continues from step %d", plan.name, models[-1])
    changes = {name: getattr(plan.train, name) for name in MAY_CHANGE - {"num_steps", "output_dir"}}
    if checkpoint.load_train_state(newest).end != plan.num_steps:
        changes["num_steps"] = plan.num_steps - models[-1]
    return resume(str(newest), 0, {}, changes, {})


def _check_data(plan: TierPlan) -> None:
    """Raise InputError if a param file of the tier's data lacks one of its parameters."""
    data = ParamManager.at(plan.train.data_dir, plan.train.param_dir)
    for wav, file in data.files() if plan.tier.parameters else ():
        for name in plan.tier.parameters:
            file.get(name, data.path_of(wav))


def _check_trained(recipe: Recipe, plan: TierPlan) -> None:
    """Raise InputError if the tier was trained with other options than it has now."""
    models = folders.steps(plan.folder / "model")
    if not models:
        return
    newest = folders.model_path(plan.folder / "model", models[-1])
    check_same(recipe, plan, folders.read_config(newest))
    saved = checkpoint.load_train_state(newest).train
    changed = [text for name, text in differences(plan.train, saved) if name not in MAY_CHANGE]
    if changed:
        raise recipe.changed(plan, changed)
