"""Meters: one number read from a sound (event rate, pitch, loudness, ...), to compare with a parameter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.features import QUIET, Settings, measure
from mtcrnn.evaluation.events import density, spread
from mtcrnn.evaluation.tones import middle_hz, peak_hz, periodicity, vibrato
from mtcrnn.listening.beat import beat
from mtcrnn.listening.measures import MEASURES, reading

Samples = NDArray[np.float32]
Meter = Callable[[Samples, int], tuple[float, float] | None]  # (samples [T], rate) -> (reading, confidence)


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


def _as_meter(read: Callable[[Samples, int], float | None]) -> Meter:
    """A meter from a function that gives no confidence: it is 1 then."""

    def meter(samples: Samples, rate: int) -> tuple[float, float] | None:
        found = read(samples, rate)
        return None if found is None else (found, 1.0)

    return meter


def _level(samples: Samples, rate: int) -> float | None:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if samples.any() else None


def _swing(samples: Samples, rate: int) -> float | None:
    """How much the level varies, slowly: standard deviation over mean, of frames of a quarter of a second."""
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

    return _as_meter(read)


def _measure(name: str) -> Meter:
    """A meter from one of the measures of `mtcrnn describe`; of a level in dB, the amplitude."""

    def read(samples: Samples, rate: int) -> tuple[float, float] | None:
        found = reading(samples, rate, name)
        if found is None or MEASURES[name].units != "dB":
            return found
        return 10 ** (found[0] / 20), found[1]

    return read


# The confidence of beat and period is the height of the autocorrelation's peak; that of pitch, loudness and centroid is
# the share of frames that could be measured, as that of all measures of `listening.measures`; that of all others is 1.
METERS: dict[str, Meter] = {
    "beat": _beat,  # regular events per second
    "pitch": _feature("pitch"),  # Hz
    "loudness": _feature("rmse"),  # rms of the median frame
    "centroid": _feature("centroid"),  # Hz, of the spectrum's magnitude
    "level": _as_meter(_level),  # rms of the whole sound
    "middle": _as_meter(middle_hz),  # Hz: half of the power lies below it
    "peak": _as_meter(peak_hz),  # Hz: the frequency with the most power
    "period": periodicity,  # Hz, of the waveform
    "tone": _as_meter(_tone),  # 0 to 1: how periodic the waveform is
    "density": _as_meter(density),  # irregular (Poisson) events per second
    "spread": _as_meter(spread),  # of the time between events: standard deviation over mean
    "swing": _as_meter(_swing),  # of the level: standard deviation over mean
    "carrier": _vibrato(0),  # Hz: a tone's mean frequency
    "vibrato": _vibrato(1),  # Hz: rate of the vibrato
    "index": _vibrato(2),  # radians: depth of the vibrato over its rate
}
METERS |= {name: _measure(name) for name in MEASURES if name not in METERS}
MATCHED = ("beat", "pitch", "loudness", "centroid")  # tried for a parameter whose meter is not given
