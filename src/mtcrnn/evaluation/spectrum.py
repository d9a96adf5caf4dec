"""Spectra of sounds: mean level and noise floor per octave, and log-mel frames with a kernel distance between sets.

The kernel distance is the unbiased squared maximum mean discrepancy (Gretton et al. 2012) under a cubic polynomial
kernel, as in the kernel inception distance (Binkowski et al. 2018, arXiv 1801.01401); for audio see Chung et al. 2025,
arXiv 2502.15602.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FRAME, HOP = 2048, 1024  # samples
LOWEST_HZ = 31.25  # of the lowest octave
QUIET_SHARE = 0.1  # the quietest frames, whose mean is the noise floor
SILENCE_DB = -120.0  # what has no power
MELS, MEL_FLOOR_DB = 64, -100.0
MOST_ROWS = 1000  # of each set, evenly spread, for a kernel distance


def power_spectra(sounds: Sequence[NDArray[np.float32]]) -> Array:
    """Power spectra [n, FRAME / 2 + 1] of the Hann frames of all sounds; the sum of one is the mean square."""
    return np.concatenate([_power(sound) for sound in sounds])


def octave_levels(power: Array, sample_rate: int) -> tuple[Array, Array, Array]:
    """Lower edges in Hz, mean levels and noise floors in dB of full scale, by octave, from `power_spectra`."""
    frequencies = np.fft.rfftfreq(FRAME, 1 / sample_rate)
    loudness = power.sum(axis=1)
    quiet = power[loudness <= np.quantile(loudness, QUIET_SHARE)]
    edges = LOWEST_HZ * 2.0 ** np.arange(math.ceil(math.log2(sample_rate / 2 / LOWEST_HZ)))
    octaves = [(low, (frequencies >= low) & (frequencies < 2 * low)) for low in edges.tolist()]
    octaves = [(low, inside) for low, inside in octaves if inside.any()]
    mean, floor = (
        np.array([_decibels(part[:, inside].sum(axis=1).mean()) for _, inside in octaves]) for part in (power, quiet)
    )
    return np.array([low for low, _ in octaves]), mean, floor


def log_mel_frames(power: Array, sample_rate: int) -> Array:
    """Frames [n, MELS] of a mel spectrogram, in dB, `MEL_FLOOR_DB` at least, from `power_spectra`."""
    from mtcrnn.core.numba_math import ensure_cache_folder

    ensure_cache_folder("librosa")
    import librosa

    weights = librosa.filters.mel(sr=sample_rate, n_fft=FRAME, n_mels=MELS)
    return np.maximum(10 * np.log10(power @ weights.T + 1e-20), MEL_FLOOR_DB)


def kernel_distance(first: Array, second: Array) -> float:
    """The squared maximum mean discrepancy of two sets of rows [n, d], scaled by the second set's mean and std.

    Unbiased, so that it is about 0 for two samples of one distribution, and can be below.
    """
    mean, std = second.mean(axis=0), second.std(axis=0) + 1e-9
    x, y = ((rows[_spread(len(rows))] - mean) / std for rows in (first, second))
    within = [(kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1)) for kernel in (_k(x, x), _k(y, y))]
    return float(sum(within) - 2 * _k(x, y).mean())


def _k(x: Array, y: Array) -> Array:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def _spread(rows: int) -> NDArray[np.int64]:
    return np.linspace(0, rows - 1, min(rows, MOST_ROWS)).astype(np.int64)


def _power(sound: NDArray[np.float32]) -> Array:
    sound = np.pad(sound, (0, max(FRAME - len(sound), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]
    window = np.hanning(FRAME)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 * (2 / (FRAME * (window**2).sum()))
    return np.asarray(power, np.float64)


def _decibels(power: float) -> float:
    return max(10 * float(np.log10(power + 1e-20)), SILENCE_DB)
