"""What is periodic in a sound, and where in the spectrum it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import hilbert, welch

from mtcrnn.evaluation.beat import autocorrelation, first_high_peak, summit

Array = NDArray[np.float64]

FRAME_S = 0.25  # sounds are taken for steady this long
SLOWEST_HZ, FASTEST_HZ = 15.0, 2000.0  # of periods
FASTEST_VIBRATO_HZ = 200.0


def periodicity(samples: NDArray[np.float32], sample_rate: int) -> tuple[float, float] | None:
    """How often a second the waveform repeats itself, and how exactly (1: in full, 0: not at all); None if nowhere.

    The first high peak of the autocorrelation, over frames of `FRAME_S`.
    """
    length = round(FRAME_S * sample_rate)
    if len(samples) < length or not samples.any():
        return None
    fastest = round(sample_rate / FASTEST_HZ)
    window = np.hanning(length + 2)[1:-1]
    frames = np.lib.stride_tricks.sliding_window_view(samples, length)[:: length // 2] * window
    lags = slice(length // 2)
    curve = autocorrelation(frames).sum(axis=0)[lags] / autocorrelation(window)[lags]
    apart = int(np.argmax(curve < 0))  # peaks before are ripples on the summit at 0
    found = first_high_peak(curve / curve[0], max(apart, fastest), round(sample_rate / SLOWEST_HZ))
    return None if found is None else (sample_rate / found[0], found[1])


def peak_hz(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """The frequency of most power in the mean spectrum; None for silence."""
    hz, power = _spectrum(samples, sample_rate)
    if not power.any():
        return None
    top = int(np.argmax(power[1:-1])) + 1
    return float(hz[1] * (top + summit(np.log(power[top - 1 : top + 2] + 1e-30))[0]))


def middle_hz(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """The frequency below which half of the power is; None for silence."""
    hz, power = _spectrum(samples, sample_rate)
    below = np.cumsum(power)
    return float(np.interp(0.5 * below[-1], below, hz + hz[1] / 2)) if below[-1] > 0 else None


def _spectrum(samples: NDArray[np.float32], sample_rate: int) -> tuple[Array, Array]:
    return welch(samples.astype(np.float64), sample_rate, nperseg=min(round(FRAME_S * sample_rate), len(samples)))


def vibrato(samples: NDArray[np.float32], sample_rate: int) -> tuple[float, float, float] | None:
    """A tone's frequency in Hz, how often a second that swings, and how far, over the swing's own frequency.

    From the phase of the analytic signal. None for silence, or less than half a second.
    """
    if len(samples) < sample_rate // 2 or not samples.any():
        return None
    hz = np.diff(np.unwrap(np.angle(hilbert(samples.astype(np.float64))))) * sample_rate / (2 * np.pi)
    hz = hz[len(hz) // 20 : -len(hz) // 20]  # the ends are not periodic
    window = np.hanning(len(hz))
    size = 4 * len(hz)
    heights = 2 * np.abs(np.fft.rfft((hz - hz.mean()) * window, size)) / window.sum()
    last = round(FASTEST_VIBRATO_HZ * size / sample_rate)
    top = int(np.argmax(heights[1:last])) + 1
    shift, height = summit(heights[top - 1 : top + 2])
    swing = (top + shift) * sample_rate / size
    return float(hz.mean()), float(swing), float(height / swing)
