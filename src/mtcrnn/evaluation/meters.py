"""Meters: one number out of a sound, to hold against a parameter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.features import QUIET, Settings, measure
from mtcrnn.evaluation.beat import beat
from mtcrnn.evaluation.events import density, spread
from mtcrnn.evaluation.tones import middle_hz, peak_hz, periodicity, vibrato

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


def _sure(read: Callable[[Samples, int], float | None]) -> Meter:
    """A meter that says nothing about how sure it is."""

    def meter(samples: Samples, rate: int) -> tuple[float, float] | None:
        found = read(samples, rate)
        return None if found is None else (found, 1.0)

    return meter


def _level(samples: Samples, rate: int) -> float | None:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if samples.any() else None


def _swing(samples: Samples, rate: int) -> float | None:
    """How far the level swings, slowly: standard deviation over mean, of frames of a quarter of a second."""
    length = rate // 4
    if len(samples) < 8 * length or not samples.any():
        return None
    levels = np.sqrt((samples[: len(samples) // length * length].reshape(-1, length) ** 2).mean(axis=1))
    return float(levels.std() / levels.mean())


def _tone(samples: Samples, rate: int) -> float | None:
    found = periodicity(samples, rate)
    return None if found is None else found[1]


def _vibrato(which: int) -> Meter:
    def read(samples: Samples, rate: int) -> float | None:
        found = vibrato(samples, rate)
        return None if found is None else found[which]

    return _sure(read)


# What they read, and how sure they are (beat, period: strength; else the share of frames that could be measured).
METERS: dict[str, Meter] = {
    "beat": _beat,  # events a second, that come regularly
    "pitch": _feature("pitch"),  # Hz
    "loudness": _feature("rmse"),  # rms of the median frame
    "centroid": _feature("centroid"),  # Hz, of the spectrum's magnitude
    "level": _sure(_level),  # rms of the whole
    "middle": _sure(middle_hz),  # Hz: half of the power is below
    "peak": _sure(peak_hz),  # Hz: most power
    "period": periodicity,  # Hz, of the waveform
    "tone": _sure(_tone),  # 0 to 1: how periodic the waveform is
    "density": _sure(density),  # events a second, that come when they like
    "spread": _sure(spread),  # of the time between events: 0 to 1
    "swing": _sure(_swing),  # of the level
    "carrier": _vibrato(0),  # Hz
    "vibrato": _vibrato(1),  # Hz
    "index": _vibrato(2),  # radians
}
MATCHED = ("beat", "pitch", "loudness", "centroid")  # which may belong to a parameter of which nobody said
