"""The models that can be played live: one, a recipe's cascade, or all of a folder; opened at first use."""

from __future__ import annotations

import dataclasses
import logging
import shlex
import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtcrnn.config.generate import Playing
from mtcrnn.core.errors import InputError, listing
from mtcrnn.rendering.opening import open_path
from mtcrnn.rendering.player import Player
from mtcrnn.rendering.stream import Stream
from mtcrnn.runs import folders
from mtcrnn.runs.packing import is_packed
from mtcrnn.web.export import PRECISIONS, model_data

log = logging.getLogger(__name__)

RECIPE = ".toml"
CHECK_S = 0.5  # seconds of sound that are rendered to measure a model's speed,
MOST_CHECK_S = 1.0  # or as much as can be rendered in this time


@dataclass(frozen=True)
class Opened:
    """A model that can be played live.

    Attributes:
        name: of the model.
        player: renders its sound.
        rtf: how many times faster than real time that is.
        command: the shell command that renders a gesture again, without the gesture, its seed and the output's name.
    """

    name: str
    player: Player
    rtf: float
    command: str

    def describe(self) -> dict[str, Any]:
        """What a page needs to know about it."""
        tier, ranges = self.player.config.tier, self.player.config.ranges
        return {
            "name": self.name,
            "sample_rate": tier.sample_rate,
            "channels": tier.columns,
            "controls": [{"name": name, **dataclasses.asdict(ranges[name])} for name in tier.prop],
            "rtf": self.rtf,
            "command": self.command,
        }


def speed(player: Player) -> float:
    """The real-time factor of a player, measured now: seconds of sound that it renders in a second.

    It is that of the median block: some blocks are late because of other programs, which is not the model's fault.
    """
    stream = Stream(player, 0)
    times: list[float] = []
    while len(times) < max(round(CHECK_S * stream.control_rate), 1) and sum(times) < MOST_CHECK_S:
        started = time.perf_counter()
        stream.render()
        times.append(time.perf_counter() - started)
    return 1 / (stream.control_rate * statistics.median(times))


class Models:
    """The models at a path, by name.

    Args:
        path: a recipe (.toml), a model or its run, or a folder of runs.
        playing: how they play.
        step: which saved step; 0 the newest.

    Attributes:
        names: of the models, in order.

    Raises:
        InputError: no model there generates sound; a step given with a recipe.
    """

    def __init__(self, path: str, playing: Playing | None = None, step: int = 0) -> None:
        self._playing, self._step = playing or Playing(), step
        self._opened: dict[str, Opened] = {}
        self._opening = threading.Lock()
        self._paths = _find(path, step)
        self.names = list(self._paths)

    def open(self, name: str | None = None) -> Opened:
        """A model by name; left out or empty: the first.

        Raises:
            InputError: an unknown name, a model that cannot be read or does not generate sound.
        """
        name = name or self.names[0]
        if name not in self._paths:
            raise InputError(f"no model {name!r}; there are {listing(self.names)}")
        with self._opening:
            if name not in self._opened:
                self._opened[name] = self._open(name)
            return self._opened[name]

    def voice(self, name: str) -> dict[str, Any]:
        """A model, by name, as a page makes its sound itself.

        Raises:
            InputError: as `open`; also a recipe, and a model whose weights are used as int8.
        """
        opened, path = self.open(name), self._paths[name]
        if path.suffix == RECIPE:
            raise InputError("a recipe plays on the server")
        player: Any = opened.player
        precision = getattr(player, "player", player).precision  # that of the engine
        if precision not in PRECISIONS.values():
            raise InputError(f"weights are used as {precision}, on the server")
        found = folders.find(str(path), self._step)
        return {**model_data(found, precision), "name": name, "command": opened.command}

    def _open(self, name: str) -> Opened:
        path = self._paths[name]
        player = open_path(path, self._playing, self._step, threads=1)  # a second core may be busy with another program
        if not player.config.tier.is_audio:
            made = listing(player.config.tier.generate)
            raise InputError(f"{path} generates {made}, no sound: it plays as a tier of a recipe")
        rtf = speed(player)
        if rtf < 1:
            log.warning(
                "%s is slower than real time on this CPU (RTF %.2f), so there will be gaps: a smaller net helps, or "
                "`precision` int8; mtcrnn generate renders without gaps",
                name,
                rtf,
            )
        return Opened(name, player, rtf, shlex.join(self._command(path)))

    def _command(self, path: Path) -> list[str]:
        """The words of the command that renders a gesture to the same samples as live."""
        recipe = path.suffix == RECIPE
        words = ["mtcrnn", "cascade", str(path)] if recipe else ["mtcrnn", "generate", "--model_dir", str(path)]
        if self._step:
            words += ["--step", str(self._step)]
        if self._playing.precision != Playing.precision:
            words += ["--precision", self._playing.precision]
        return words


def _find(path: str, step: int) -> dict[str, Path]:
    """Models by name."""
    given = Path(path)
    if given.suffix == RECIPE:
        if step:
            raise InputError(f"`step` {step} goes with a model; a recipe plays the newest of each tier")
        return {given.stem: given}
    try:
        return {folders.name_of(folders.find(path, step)): given}
    except InputError:
        children = sorted(given.iterdir()) if given.is_dir() else []
        sounding = {child.name: child for child in children if _sounds(child)}
        if not sounding:
            raise
        return sounding


def _sounds(run: Path) -> bool:
    """Whether a run, or a packed model, generates sound; one that cannot be read is logged and left out."""
    if not (is_packed(run) or folders.steps(run / "model")):
        return False
    try:
        return folders.read_config(folders.find(str(run))).tier.is_audio
    except InputError as error:
        log.warning("left out: %s", error)
        return False
