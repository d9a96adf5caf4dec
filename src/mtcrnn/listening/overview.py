"""What a person sees of a sound: its peaks and its spectrum, column by column."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.listening.texture_statistics import Array

RATE = 16.0  # columns per second of the overview of a whole recording; others have four times as many, or 16
BANDS = 64  # of the spectrum, from LOWEST_HZ to half the sample rate, on a logarithmic scale
LOWEST_HZ = 50.0
WINDOW_S = 0.03  # least length of a spectrum's window
QUIETEST_DB, LOUDEST_DB = -100.0, -20.0  # of a band: shown as 0 and 255

Columns = NDArray[np.uint8]  # [2 + BANDS, columns]: the lowest and the highest sample (128 is 0), then the spectrum


def columns_of(samples: NDArray[np.float32], sample_rate: int, moments: NDArray[Any], seconds: float) -> Columns:
    """Columns of `seconds` around each moment (in seconds from the first sample) of mono samples [T]."""
    out = np.zeros((2 + BANDS, len(moments)), np.uint8)
    if not len(samples):
        return out
    first = np.clip(np.round((moments - seconds / 2) * sample_rate).astype(np.int64), 0, len(samples) - 1)
    size = max(round(seconds * sample_rate), 1)
    padded = np.pad(samples, (0, size), mode="edge")
    if len(moments):
        edges = np.stack([first, first + size], axis=1).ravel()
        for row, extreme in enumerate((np.minimum, np.maximum)):
            values = extreme.reduceat(padded, edges)[::2]
            out[row] = np.clip(128 + 127 * values, 0, 255)
    length = 1 << int(np.ceil(np.log2(WINDOW_S * sample_rate)))
    window = np.hanning(length) * (2 / length)
    around = np.pad(samples, length)
    starts = np.clip(np.round(moments * sample_rate).astype(np.int64), 0, len(samples)) + length // 2
    frames = np.lib.stride_tricks.sliding_window_view(around, length)
    matrix = _bands(length, sample_rate)
    for k in range(0, len(moments), 1000):  # so many at once, for memory
        power = np.abs(np.fft.rfft(frames[starts[k : k + 1000]] * window)) ** 2 @ matrix
        shown = (10 * np.log10(power.T + 1e-12) - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)
        out[2:, k : k + 1000] = np.clip(255 * shown, 0, 255)
    return out


@lru_cache(maxsize=4)
def _bands(length: int, sample_rate: int) -> Array:
    """Which bins [length // 2 + 1] belong to which band [BANDS]: triangles on a logarithmic scale, each of sum 1."""
    hz = np.fft.rfftfreq(length, 1 / sample_rate)
    edges = np.geomspace(LOWEST_HZ, sample_rate / 2, BANDS + 2)
    place = np.interp(np.log(np.maximum(hz, 1.0)), np.log(edges), np.arange(BANDS + 2))
    matrix = np.maximum(1 - np.abs(place[:, None] - np.arange(1, BANDS + 1)), 0.0)
    centres = np.abs(hz[:, None] - edges[1:-1]).argmin(axis=0)
    matrix[centres, np.arange(BANDS)] = np.maximum(matrix[centres, np.arange(BANDS)], 1e-3)  # bands between two bins
    return matrix / matrix.sum(axis=0)
