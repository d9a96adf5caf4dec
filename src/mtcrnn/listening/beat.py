"""The beat meter: rate and regularity of events, from the autocorrelation of onset strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENVELOPE_HZ = 1000  # sample rate of the envelope in which events are found
SLOWEST_S, FASTEST_S = 1.0, 0.02  # the longest and the shortest period between events
FLOOR = 1e-3  # of full scale: softer sound makes no onsets
HIGH = 0.8  # the beat is the first peak of the autocorrelation that is this high, relative to the highest
BLUR_S = 0.003  # std of the Gaussian that blurs the onsets


@dataclass(frozen=True)
class Beat:
    """The rate of events, per second, and their regularity: 1 for perfectly regular events, 0 for irregular ones."""

    rate_hz: float
    strength: float


def beat(samples: NDArray[np.float32], sample_rate: int) -> Beat | None:
    """The beat of mono samples [T]: position and height of the first high peak in the autocorrelation of the onsets.

    Onsets are rises of the log envelope. (Counting peaks of the envelope fails where events overlap.) None for a sound
    without onsets, or one shorter than two of the longest periods.
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
    """The autocorrelation [..., T] of signals [..., T] at lags 0 to T - 1, as sums of products."""
    length = signals.shape[-1]
    return np.fft.irfft(np.abs(np.fft.rfft(signals, 2 * length)) ** 2)[..., :length]


def first_high_peak(curve: NDArray[np.float64], first: int, last: int) -> tuple[float, float] | None:
    """Position (not rounded) and height of the first peak from `first` to `last` that is about as high as any.

    None if there is no peak above 0.
    """
    inner = curve[first : last + 1]
    peaks = first + np.flatnonzero((inner > curve[first - 1 : last]) & (inner >= curve[first + 1 : last + 2]))
    if not len(peaks) or curve[peaks].max() <= 0:
        return None
    lag = int(peaks[np.flatnonzero(curve[peaks] >= HIGH * curve[peaks].max())[0]])
    return lag + parabolic_peak(curve[lag - 1 : lag + 2])[0], float(curve[lag])


def parabolic_peak(three: NDArray[np.float64]) -> tuple[float, float]:
    """The peak of the parabola through three values: its position relative to the middle one, and its height."""
    left, top, right = three
    bend = left - 2 * top + right
    shift = 0.5 * (left - right) / bend if bend else 0.0
    return float(shift), float(top - 0.25 * (left - right) * shift)


def onset_strength(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Rises of the log envelope at `ENVELOPE_HZ`, [T * 1000 / sample_rate]; 0 where it falls."""
    edges = np.arange(int(len(samples) * ENVELOPE_HZ / sample_rate) + 1) * sample_rate // ENVELOPE_HZ
    power = np.add.reduceat(samples.astype(np.float64) ** 2, edges[:-1]) / np.diff(edges)
    width = np.arange(-10, 11) / (BLUR_S * ENVELOPE_HZ)
    blur = np.exp(-0.5 * width**2)
    envelope = np.log(np.sqrt(power) + FLOOR)
    rises = np.maximum(np.diff(envelope, prepend=envelope[:1]), 0.0)
    return np.convolve(rises, blur / blur.sum(), mode="same")
