"""Recipes: TOML files that describe a chain of tiers and their data; reading them, and checking that the tiers fit.

    data_dir = "sounds"                  # the options of the same names
    param_dir = "sounds"
    output_dir = "brass"                 # tier NAME goes to output/brass/NAME (default: the recipe's name)
    controls = ["note"]                  # parameters that the player gives; a tier generates all others

    [tiers.notes]                        # any name; the options of `mtcrnn train`
    generate = ["rmse", "centroid"]
    prop = ["note"]
    sample_rate = 125

A tier can be conditioned on controls, and on parameters that a tier of at most its sample rate generates.
"""

from __future__ import annotations

import graphlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mtcrnn.config.nets import Net
from mtcrnn.config.presets import complete
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError, listing, unknown
from mtcrnn.core.validation import parse, read_toml
from mtcrnn.models.config import ModelConfig
from mtcrnn.runs import folders

FOLDERS = ("data_dir", "param_dir", "output_dir")
KEYS = (*FOLDERS, "controls", "tiers")


@dataclass(frozen=True)
class TierPlan:
    """One tier of a recipe: its tier, net and training options; `train.output_dir` is the tier's own run."""

    name: str
    tier: Tier
    net: Net
    train: Train

    @property
    def folder(self) -> Path:
        """The folder of the tier's run."""
        return folders.run_folder(self.train.output_dir)

    @property
    def num_steps(self) -> int:
        """The number of training steps; a recipe always gives it."""
        assert self.train.num_steps is not None
        return self.train.num_steps


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes:
        path: its file.
        controls: names of the parameters that the player gives.
        tiers: by name, each after those that it is conditioned on.
    """

    path: Path
    controls: tuple[str, ...]
    tiers: dict[str, TierPlan]

    def get(self, name: str) -> TierPlan:
        """The tier of a name. Raises InputError, listing the tiers, if there is none."""
        if name not in self.tiers:
            raise unknown("tier", name, self.tiers)
        return self.tiers[name]

    def audio(self) -> TierPlan:
        """The tier that generates audio. Raises InputError if there is none."""
        for plan in self.tiers.values():
            if plan.tier.is_audio:
                return plan
        raise InputError(f"{self.path} has no tier that generates audio; its tiers are {listing(self.tiers)}")

    def changed(self, plan: TierPlan, what: Sequence[str]) -> InputError:
        """The error for a tier that was trained with other options; `what` lists them."""
        return InputError(
            f"{self.path}: the tier {plan.name} was trained with {'; '.join(what)}; change it back, or give the recipe "
            f"another output_dir, or move {plan.folder} away to train it again"
        )


def check_same(recipe: Recipe, plan: TierPlan, trained: ModelConfig) -> None:
    """Raise InputError, listing the differences, unless a trained tier is what the recipe now describes."""
    what = [text for pair in ((plan.tier, trained.tier), (plan.net, trained.net)) for _, text in differences(*pair)]
    if what:
        raise recipe.changed(plan, what)


def differences(now: object, before: object) -> list[tuple[str, str]]:
    """The fields in which two objects of a config class differ: (name, text that shows both values)."""
    shown = {spec.name: (getattr(now, spec.name), getattr(before, spec.name)) for spec in fields(type(now))}  # type: ignore[arg-type]
    return [(name, f"{name} = {old!r}, not {new!r}") for name, (new, old) in shown.items() if new != old]


def read_recipe(path: Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read and check a recipe.

    Args:
        path: the TOML file.
        overrides: training options that replace those of the recipe, in all tiers.

    Raises:
        InputError: no such file, broken TOML, unknown keys, invalid options, or tiers that do not fit together, see
            `check_chain`.
    """
    content = read_toml(path)
    for key in content:
        if key not in KEYS:
            raise InputError(f"{path}: {unknown('key', key, KEYS)}")
    tables = content.get("tiers")
    if not isinstance(tables, dict) or not tables or not all(isinstance(table, dict) for table in tables.values()):
        raise InputError(f"{path} names no tiers; each is a table [tiers.NAME]")
    controls = content.get("controls", [])
    if not isinstance(controls, list) or not all(isinstance(name, str) for name in controls):
        raise InputError(f"{path}: controls must be a list of names, got {controls!r}")
    if len(set(controls)) < len(controls):
        raise InputError(f"{path}: controls {listing(controls)}: a name occurs twice")
    common = {key: content[key] for key in FOLDERS if key in content}
    for key, value in common.items():
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise InputError(f"{path}: {key} must be a folder in quotes, got {value!r}")
    common = {"output_dir": path.stem, **common, **(overrides or {})}
    plans = {name: _plan(path, name, table, common) for name, table in tables.items()}
    order = check_chain(f"{path}", {name: plan.tier for name, plan in plans.items()}, tuple(controls))
    return Recipe(path, tuple(controls), {name: plans[name] for name in order})


def check_chain(where: str, tiers: Mapping[str, Tier], controls: tuple[str, ...]) -> list[str]:
    """The names of the tiers, each after those that it is conditioned on.

    Args:
        where: the recipe, as messages name it.
        tiers: by name.
        controls: names of the parameters that the player gives.

    Raises:
        InputError: a parameter that has two sources (two tiers, or a tier and the player) or none; a control that no
            tier uses; a cycle; a tier conditioned on a faster one.
    """
    source: dict[str, str] = {}
    for name, tier in tiers.items():
        for parameter in tier.generate:
            if parameter in source:
                raise InputError(f"{where}: the tiers {source[parameter]} and {name} both generate {parameter}")
            if parameter in controls:
                raise InputError(f"{where}: {parameter} is in controls, but the tier {name} generates it")
            source[parameter] = name
    for name, tier in tiers.items():
        for parameter in tier.prop:
            if parameter not in source and parameter not in controls:
                raise InputError(
                    f"{where}: the tier {name} is conditioned on {parameter}, which no tier generates and controls "
                    f"({listing(controls)}) do not include"
                )
    used = {parameter for tier in tiers.values() for parameter in tier.prop}
    for parameter in controls:
        if parameter not in used:
            raise InputError(f"{where}: {parameter} is in controls, but no tier is conditioned on it")
    above = {name: dict.fromkeys(source[p] for p in tier.prop if p in source) for name, tier in tiers.items()}
    try:
        order = list(graphlib.TopologicalSorter(above).static_order())
    except graphlib.CycleError as error:
        raise InputError(f"{where}: the tiers form a cycle: {' -> '.join(error.args[1])}") from error
    for name in order:
        for upper in above[name]:
            if tiers[upper].sample_rate > tiers[name].sample_rate:
                raise InputError(
                    f"{where}: the tier {name} ({tiers[name].sample_rate} Hz) is conditioned on {upper}, which is "
                    f"faster ({tiers[upper].sample_rate} Hz)"
                )
    return order


def _plan(path: Path, name: str, table: Mapping[str, Any], common: Mapping[str, Any]) -> TierPlan:
    """One tier, from its own table and from the options that all tiers share."""
    where = f"{path}: tiers.{name}"
    if not re.fullmatch(r"[\w-]{1,100}", name):
        raise InputError(f"{where}: a tier's name is also a folder's: 1 to 100 letters, digits, _ and - only")
    known = [spec.name for cls in (Tier, Net, Train) for spec in fields(cls) if spec.name not in FOLDERS]
    for key, value in table.items():
        if key not in known:
            raise InputError(f"{where}: {unknown('key', key, known)}")
        if not all(isinstance(part, str | int | float) for part in (value if isinstance(value, list) else [value])):
            raise InputError(f"{where}: {key} is {value}; it must be text, a number, true or false, or a list of names")
    parts = [{spec.name: table[spec.name] for spec in fields(cls) if spec.name in table} for cls in (Tier, Net, Train)]
    training = {**parts[2], **common, "output_dir": os.path.join(common["output_dir"], name)}
    best = complete({"channels": "mono", "period": (), **parts[0]}, parts[1], training)
    tier, net, train = parse(Tier, best[0], where), parse(Net, best[1], where), parse(Train, best[2], where)
    net.check_for(tier)
    if tier.channels == "auto":
        raise InputError(f"{where}: channels is auto; a recipe must say mono (the default) or stereo")
    if names := tier.periods_by_unit:
        raise InputError(f"{where}: period {listing(names)}; a recipe must say NAME=UNIT or NAME=EXPRESSION")
    if train.num_steps is None:
        raise InputError(f"{where}: num_steps is missing; a recipe must say how many steps each tier is trained")
    return TierPlan(name, tier, net, train)
