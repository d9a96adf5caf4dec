"""The period, tone, peak, middle and vibrato meters: periodicity, peak and median of the spectrum, vibrato."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import hilbert, welch

from mtcrnn.listening.beat import autocorrelation, first_high_peak, parabolic_peak

Array = NDArray[np.float64]

FRAME_S = 0.25  # for which sounds count as steady
SLOWEST_HZ, FASTEST_HZ = 15.0, 2000.0  # repetition rates that are looked for
FASTEST_VIBRATO_HZ = 200.0


def periodicity(samples: NDArray[np.float32], sample_rate: int) -> tuple[float, float] | None:
    """The repetition rate of the waveform in Hz, and how exactly it repeats (1: fully, 0: not at all).

    From the first high peak of the autocorrelation, over frames of `FRAME_S`. None if there is no such peak.
    """
    length = round(FRAME_S * sample_rate)
    if len(samples) < length or not samples.any():
        return None
    fastest = round(sample_rate / FASTEST_HZ)
    window = np.hanning(length + 2)[1:-1]
    frames = np.lib.stride_tricks.sliding_window_view(samples, length)[:: length // 2] * window
    lags = slice(length // 2)
    curve = autocorrelation(frames).sum(axis=0)[lags] / autocorrelation(window)[lags]
    apart = int(np.argmax(curve < 0))  # earlier peaks are ripples on the one at lag 0
    found = first_high_peak(curve / curve[0], max(apart, fastest), round(sample_rate / SLOWEST_HZ))
    return None if found is None else (sample_rate / found[0], found[1])


def peak_hz(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """The frequency with the most power in the mean spectrum, in Hz; None for silence."""
    hz, power = _spectrum(samples, sample_rate)
    if not power.any():
        return None
    top = int(np.argmax(power[1:-1])) + 1
    return float(hz[1] * (top + parabolic_peak(np.log(power[top - 1 : top + 2] + 1e-30))[0]))


def middle_hz(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    """The frequency below which half of the power lies, in Hz; None for silence."""
    hz, power = _spectrum(samples, sample_rate)
    below = np.cumsum(power)
    return float(np.interp(0.5 * below[-1], below, hz + hz[1] / 2)) if below[-1] > 0 else None


def _spectrum(samples: NDArray[np.float32], sample_rate: int) -> tuple[Array, Array]:
    return welch(samples.astype(np.float64), sample_rate, nperseg=min(round(FRAME_S * sample_rate), len(samples)))


def vibrato(samples: NDArray[np.float32], sample_rate: int) -> tuple[float, float, float] | None:
    """A tone's mean frequency in Hz, the rate of its vibrato in Hz, and the vibrato's depth over its rate, in radians.

    From the phase of the analytic signal. None for silence, or for less than half a second of sound.
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
    shift, height = parabolic_peak(heights[top - 1 : top + 2])
    swing = (top + shift) * sample_rate / size
    return float(hz.mean()), float(swing), float(height / swing)
