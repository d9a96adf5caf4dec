"""The best of a run's saved models, in `model/best.json`: a later model is another one, not always a better one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import write_text
from mtcrnn.core.validation import parse, read_json, strict
from mtcrnn.runs.folders import steps

NAME = "best.json"
TIE_NATS = 0.01  # a later model is as good with a held-out loss that is higher by so much


@strict
@dataclass(frozen=True)
class Best:
    """The step of the best model, and the lowest held-out loss of the saved models, in nats per step."""

    step: int
    held_out: float


def read_best(models: Path) -> Best | None:
    """The best of the models in a folder; None if none is noted, or it is no longer there."""
    try:
        best = parse(Best, read_json(models / NAME), str(models / NAME))
    except InputError:
        return None
    return best if best.step in steps(models) else None


def note_best(models: Path, known: Best | None, step: int, held_out: float) -> Best | None:
    """Note the model of a step as the best one, unless an earlier one is better; returns the best one."""
    lowest = min(known.held_out, held_out) if known else held_out
    if held_out > lowest + TIE_NATS:
        return known
    best = Best(step, lowest)
    write_text(models / NAME, json.dumps(asdict(best)) + "\n")
    return best
