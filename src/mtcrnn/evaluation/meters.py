"""Level 3: meters: one number out of a sound, to hold against a parameter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mtcrnn.evaluation.beat import beat
from mtcrnn.features import QUIET, Settings, measure

Samples = NDArray[np.float32]
Meter = Callable[[Samples, int], tuple[float, float] | None]


def _beat(samples: Samples, rate: int) -> tuple[float, float] | None:
    found = beat(samples, rate)
    return None if found is None else (found.rate_hz, found.strength)


def _feature(name: str) -> Meter:
    def read(samples: Samples, rate: int) -> tuple[float, float] | None:
        if len(samples) < rate // 10 or float(np.abs(samples).max()) < QUIET:
            return None
        curves = measure(samples, rate, Settings((name,) if name == "rmse" else (name, "rmse"), 50.0))
        heard = curves["rmse"] > 0.1 * curves["rmse"].max()
        if name == "pitch":
            heard &= curves["voicing"] > 0.5
        return (float(np.median(curves[name][heard])), float(heard.mean())) if heard.any() else None

    return read


# what they read, and how sure they are (beat: strength; else the share of frames that could be measured)
METERS: dict[str, Meter] = {
    "beat": _beat,
    "pitch": _feature("pitch"),
    "loudness": _feature("rmse"),
    "centroid": _feature("centroid"),
}
