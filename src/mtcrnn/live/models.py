"""Level 3: what can be played: one model, a recipe's cascade, or all models of a folder; opened when first wanted."""

from __future__ import annotations

import dataclasses
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtcrnn import runs
from mtcrnn.config import Generate
from mtcrnn.errors import InputError, listing
from mtcrnn.live.conductor import speed
from mtcrnn.playable import Renderer
from mtcrnn.recipe_rendering import open_path

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """A model that can be played live: its player, and how many times faster than real time it is."""

    name: str
    player: Renderer
    rtf: float

    def describe(self) -> dict[str, Any]:
        """What a page needs to know of it."""
        tier, ranges = self.player.config.tier, self.player.config.ranges
        controls = [{"name": name, **dataclasses.asdict(ranges[name])} for name in tier.prop]
        return {"name": self.name, "sample_rate": tier.sample_rate, "controls": controls, "rtf": self.rtf}


class Models:
    """The models at a path, by name.

    Args:
        path: a recipe (.toml), a model or its run, or a folder of runs.
        options: how to play them: precision and temperature.

    Attributes:
        names: of the models, in order.

    Raises:
        InputError: nothing there that makes sound.
    """

    def __init__(self, path: str, options: Generate) -> None:
        self._options = options
        self._opened: dict[str, Opened] = {}
        self._opening = threading.Lock()
        self._paths = _find(path)
        self.names = list(self._paths)

    def open(self, name: str | None = None) -> Opened:
        """A model by name; left out or empty: the first.

        Raises:
            InputError: an unknown name, a model that cannot be read, makes no sound, or is slower than real time.
        """
        name = name or self.names[0]
        if name not in self._paths:
            raise InputError(f"no model {name!r}; there are {listing(self.names)}")
        with self._opening:
            if name not in self._opened:
                self._opened[name] = self._open(name)
            return self._opened[name]

    def _open(self, name: str) -> Opened:
        player = open_path(self._paths[name], self._options)
        if not player.config.tier.is_audio:
            made = listing(player.config.tier.generate)
            raise InputError(f"{self._paths[name]} generates {made}, no sound: it plays as a tier of a recipe")
        rtf = speed(player)
        if rtf < 1:
            raise InputError(
                f"{name} is slower than real time on this CPU (RTF {rtf:.2f}): a smaller net helps, or "
                f"--precision int8; mtcrnn generate plays it slowly"
            )
        return Opened(name, player, rtf)


def _find(path: str) -> dict[str, Path]:
    """Models by name."""
    given = Path(path)
    if given.suffix == ".toml":
        return {given.stem: given}
    try:
        found = runs.find(path)
        return {found.absolute().parent.parent.name: found}
    except InputError:
        if not given.is_dir():
            raise
        inside = {child.name: child for child in sorted(given.iterdir()) if runs.steps(child / "model")}
        sounding = {name: run for name, run in inside.items() if runs.read_config(runs.find(str(run))).tier.is_audio}
        if not sounding:
            raise
        return sounding
