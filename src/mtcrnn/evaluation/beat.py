"""What can be measured back from a sound, to compare with what was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENVELOPE_HZ = 1000  # of the envelope that events are found in
SLOWEST_S, FASTEST_S = 1.0, 0.02  # periods between events that are looked for
FLOOR = 1e-3  # of full scale: what is softer makes no onsets
HIGH = 0.8  # a peak of the autocorrelation this close to the highest one counts as the first beat
BLUR_S = 0.003  # events are this unsharp


@dataclass(frozen=True)
class Beat:
    """How often events come in a sound, per second, and how regularly: 1 for a clockwork, 0 for none."""

    rate_hz: float
    strength: float


def beat(samples: NDArray[np.float32], sample_rate: int) -> Beat | None:
    """The beat of mono samples [T]: place and height of the first high peak in the onsets' autocorrelation.

    Onsets are the rises of the log envelope. Counting peaks instead fails where events overlap. None for a sound with
    no onsets, or too short for two periods.
    """
    onsets = onset_strength(samples, sample_rate)
    latest = round(SLOWEST_S * ENVELOPE_HZ)
    if len(onsets) < 2 * latest or not onsets.any():
        return None
    onsets = onsets - onsets.mean()
    both = autocorrelation(onsets)[: latest + 2] * len(onsets) / (len(onsets) - np.arange(latest + 2))
    curve = both / both[0]
    first = round(FASTEST_S * ENVELOPE_HZ)
    found = first_high_peak(curve, first, latest)
    return None if found is None else Beat(ENVELOPE_HZ / found[0], found[1])


def autocorrelation(signals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of products [..., T] of signals [..., T] with themselves 0 to T - 1 steps later."""
    length = signals.shape[-1]
    return np.fft.irfft(np.abs(np.fft.rfft(signals, 2 * length)) ** 2)[..., :length]


def first_high_peak(curve: NDArray[np.float64], first: int, last: int) -> tuple[float, float] | None:
    """Place (not rounded) and height of the first peak, from `first` to `last`, that is about as high as any."""
    inner = curve[first : last + 1]
    peaks = first + np.flatnonzero((inner > curve[first - 1 : last]) & (inner >= curve[first + 1 : last + 2]))
    if not len(peaks) or curve[peaks].max() <= 0:
        return None
    lag = int(peaks[np.flatnonzero(curve[peaks] >= HIGH * curve[peaks].max())[0]])
    return lag + summit(curve[lag - 1 : lag + 2])[0], float(curve[lag])


def summit(three: NDArray[np.float64]) -> tuple[float, float]:
    """Where, from the middle one, the parabola through three values is highest, and how high."""
    left, top, right = three
    bend = left - 2 * top + right
    shift = 0.5 * (left - right) / bend if bend else 0.0
    return float(shift), float(top - 0.25 * (left - right) * shift)


def onset_strength(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Rises of the log envelope [T * 1000 / sample_rate]; 0 where it falls."""
    edges = np.arange(int(len(samples) * ENVELOPE_HZ / sample_rate) + 1) * sample_rate // ENVELOPE_HZ
    power = np.add.reduceat(samples.astype(np.float64) ** 2, edges[:-1]) / np.diff(edges)
    width = np.arange(-10, 11) / (BLUR_S * ENVELOPE_HZ)
    blur = np.exp(-0.5 * width**2)
    envelope = np.log(np.sqrt(power) + FLOOR)
    rises = np.maximum(np.diff(envelope, prepend=envelope[:1]), 0.0)
    return np.convolve(rises, blur / blur.sum(), mode="same")
