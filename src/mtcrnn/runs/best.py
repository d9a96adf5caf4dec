"""The best of a run's saved models, in `model/best.json`: the newest one that, left to itself, plays on.

Not that with the lowest held-out loss: nets that know ten notes by heart continue them best (docs/log.md).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import write_text
from mtcrnn.core.validation import parse, read_json, strict
from mtcrnn.runs.folders import steps

NAME = "best.json"


@strict
@dataclass(frozen=True)
class Best:
    """The step of the best model."""

    step: int


def read_best(models: Path) -> int | None:
    """The step of the best of the models in a folder; None if none is noted, or it is no longer there."""
    try:
        best = parse(Best, read_json(models / NAME), str(models / NAME))
    except InputError:
        return None
    return best.step if best.step in steps(models) else None


def note_best(models: Path, step: int) -> None:
    """Note the model of a step as the best one. Raises InputError if that cannot be written."""
    write_text(models / NAME, json.dumps(asdict(Best(step))) + "\n")
