"""What can be played: one model, a recipe's cascade, or all models of a folder; opened when first wanted."""

from __future__ import annotations

import dataclasses
import logging
import shlex
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtcrnn.config.generate import Generate
from mtcrnn.config.presets import defaults
from mtcrnn.core.errors import InputError, listing
from mtcrnn.live.conductor import speed
from mtcrnn.rendering.player import Renderer
from mtcrnn.rendering.recipe import open_path
from mtcrnn.runs import folders

log = logging.getLogger(__name__)

RECIPE = ".toml"


@dataclass(frozen=True)
class Opened:
    """A model that can be played live.

    Attributes:
        name: of the model.
        player: what makes its sound.
        rtf: how many times faster than real time that is.
        command: the words, for a shell, that render its gestures again; the gesture, its seed and a name come after.
    """

    name: str
    player: Renderer
    rtf: float
    command: str

    def describe(self) -> dict[str, Any]:
        """What a page needs to know of it."""
        tier, ranges = self.player.config.tier, self.player.config.ranges
        return {
            "name": self.name,
            "sample_rate": tier.sample_rate,
            "controls": [{"name": name, **dataclasses.asdict(ranges[name])} for name in tier.prop],
            "rtf": self.rtf,
            "command": self.command,
        }


class Models:
    """The models at a path, by name.

    Args:
        path: a recipe (.toml), a model or its run, or a folder of runs.
        options: how to play them: precision, temperature, step.

    Attributes:
        names: of the models, in order.

    Raises:
        InputError: nothing there that makes sound; a step of a recipe.
    """

    def __init__(self, path: str, options: Generate) -> None:
        self._options = options
        self._opened: dict[str, Opened] = {}
        self._opening = threading.Lock()
        self._paths = _find(path, options.step)
        self.names = list(self._paths)

    def open(self, name: str | None = None) -> Opened:
        """A model by name; left out or empty: the first.

        Raises:
            InputError: an unknown name, a model that cannot be read or makes no sound.
        """
        name = name or self.names[0]
        if name not in self._paths:
            raise InputError(f"no model {name!r}; there are {listing(self.names)}")
        with self._opening:
            if name not in self._opened:
                self._opened[name] = self._open(name)
            return self._opened[name]

    def _open(self, name: str) -> Opened:
        path = self._paths[name]
        player = open_path(path, self._options, threads=1)  # a second core may be another program's: it would be late
        if not player.config.tier.is_audio:
            made = listing(player.config.tier.generate)
            raise InputError(f"{path} generates {made}, no sound: it plays as a tier of a recipe")
        rtf = speed(player)
        if rtf < 1:
            log.warning(
                "%s is slower than real time on this CPU (RTF %.2f), so there will be gaps: a smaller net helps, or "
                "--precision int8; mtcrnn generate takes its time",
                name,
                rtf,
            )
        return Opened(name, player, rtf, shlex.join(self._command(path)))

    def _command(self, path: Path) -> list[str]:
        """The words of the command that renders a model's gestures to the samples that were played."""
        recipe = path.suffix == RECIPE
        words = ["mtcrnn", "cascade", str(path)] if recipe else ["mtcrnn", "generate", "--model_dir", str(path)]
        plain = defaults(Generate)
        for name in ("step", "precision"):
            if (value := getattr(self._options, name)) != plain[name]:
                words += [f"--{name}", str(value)]
        return words


def _find(path: str, step: int) -> dict[str, Path]:
    """Models by name."""
    given = Path(path)
    if given.suffix == RECIPE:
        if step:
            raise InputError(f"--step {step} goes with a model; a recipe plays the newest of each tier")
        return {given.stem: given}
    try:
        found = folders.find(path, step).absolute()
        return {found.parent.parent.name if found.parent.name == "model" else found.name: given}
    except InputError:
        sounding = {child.name: child for child in sorted(given.iterdir()) if _sounds(child)} if given.is_dir() else {}
        if not sounding:
            raise
        return sounding


def _sounds(run: Path) -> bool:
    """Whether a folder is a run that makes sound; one that cannot be read is named, and left out."""
    if not folders.steps(run / "model"):
        return False
    try:
        return folders.read_config(folders.find(str(run))).tier.is_audio
    except InputError as error:
        log.warning("left out: %s", error)
        return False
