"""Spectra of sounds: mean level and noise floor per octave, stereo coherence, log-mel frames, and a kernel distance.

The kernel distance is the squared maximum mean discrepancy (Gretton et al. 2012) under a cubic polynomial kernel, as in
the kernel inception distance (Binkowski et al. 2018, arXiv 1801.01401); for audio see Chung et al. 2025, arXiv
2502.15602. It is the biased estimate, which is above 0, so that distances can be divided by each other.
"""

from __future__ import annotations

import itertools
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
MOST_STDS = 5.0  # from the mean, where a kernel distance clips what it compares
LEAST_STD = 0.1  # of a column, as a share of the mean over all columns
MOST_ROWS = 1000  # of each set, evenly spread, for a kernel distance


def power_spectra(sounds: Sequence[NDArray[np.float32]]) -> Array:
    """Power spectra [n, FRAME / 2 + 1] of the Hann frames of all sounds; the sum of one is the mean square."""
    return np.concatenate([np.abs(_spectra(sound)) ** 2 for sound in sounds])


def band_levels(power: Array, sample_rate: int, per_octave: int = 1) -> tuple[Array, Array, Array]:
    """Lower edges in Hz, mean levels and noise floors in dB of full scale, by octave or a part of it.

    Args:
        power: from `power_spectra`.
        sample_rate: in Hz.
        per_octave: how many parts an octave has; those without a frequency of the spectra are left out.
    """
    loudness = power.sum(axis=1)
    quiet = power[loudness <= np.quantile(loudness, QUIET_SHARE)]
    parts = _parts(sample_rate, per_octave)
    mean, floor = (
        np.array([_decibels(rows[:, inside].sum(axis=1).mean()) for _, inside in parts]) for rows in (power, quiet)
    )
    return np.array([low for low, _ in parts]), mean, floor


def coherence(frames: NDArray[np.float32], sample_rate: int) -> Array:
    """The magnitude-squared coherence of the two channels of frames [T, 2] by octave, 0 to 1: a mean over frequencies.

    It is 1 for a sound in the middle or at one side, and near 0 for independent channels.
    """
    left, right = (_spectra(channel) for channel in frames.T)
    cross = np.abs((left * right.conj()).mean(axis=0)) ** 2
    both = (np.abs(left) ** 2).mean(axis=0) * (np.abs(right) ** 2).mean(axis=0)
    whole = cross / np.maximum(both, 1e-30)
    return np.array([whole[inside].mean() for _, inside in _parts(sample_rate, 1)])


def _parts(sample_rate: int, per_octave: int) -> list[tuple[float, NDArray[np.bool_]]]:
    """The parts of octaves that have frequencies: the lower edge of each in Hz, and which frequencies it has."""
    frequencies = np.fft.rfftfreq(FRAME, 1 / sample_rate)
    count = math.ceil(per_octave * math.log2(sample_rate / 2 / LOWEST_HZ))
    edges = LOWEST_HZ * 2.0 ** (np.arange(count + 1) / per_octave)
    parts = [(low, (frequencies >= low) & (frequencies < high)) for low, high in itertools.pairwise(edges.tolist())]
    return [(low, inside) for low, inside in parts if inside.any()]


def log_mel_frames(power: Array, sample_rate: int) -> Array:
    """Frames [n, MELS] of a mel spectrogram, in dB, `MEL_FLOOR_DB` at least, from `power_spectra`."""
    from mtcrnn.core.numba_math import ensure_cache_folder

    ensure_cache_folder("librosa")
    import librosa

    weights = librosa.filters.mel(sr=sample_rate, n_fft=FRAME, n_mels=MELS)
    return np.maximum(10 * np.log10(power @ weights.T + 1e-20), MEL_FLOOR_DB)


def kernel_distance(first: Array, second: Array) -> float:
    """The squared maximum mean discrepancy of two sets of rows [n, d], scaled by the second set's mean and std.

    At least 0; two samples of one distribution are as far from each other as their number of rows allows. Columns that
    hardly vary are scaled as if their std were `LEAST_STD` of the mean one, and all are clipped at `MOST_STDS`.
    """
    mean, std = second.mean(axis=0), second.std(axis=0)
    std = np.maximum(std, LEAST_STD * std.mean() + 1e-9)
    x, y = (np.clip((rows[_spread(len(rows))] - mean) / std, -MOST_STDS, MOST_STDS) for rows in (first, second))
    return float(_k(x, x).mean() + _k(y, y).mean() - 2 * _k(x, y).mean())


def _k(x: Array, y: Array) -> Array:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def _spread(rows: int) -> NDArray[np.int64]:
    return np.linspace(0, rows - 1, min(rows, MOST_ROWS)).astype(np.int64)


def _spectra(sound: NDArray[np.float32]) -> NDArray[np.complex128]:
    """Spectra [n, FRAME / 2 + 1] of the Hann frames of samples [T]; the squares of one sum up to the mean square."""
    sound = np.pad(sound, (0, max(FRAME - len(sound), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]
    window = np.hanning(FRAME)
    return np.fft.rfft(frames * window, axis=1) * (2 / (FRAME * (window**2).sum())) ** 0.5


def _decibels(power: float) -> float:
    return max(10 * float(np.log10(power + 1e-20)), SILENCE_DB)
