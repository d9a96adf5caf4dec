"""The parameter curves of a data set, stored as knots and interpolated on demand; resampling of control arrays.

Knots are a few numbers a file, whatever the rate.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.ranges import Range, normalise
from mtcrnn.data.params import Param

Floats = NDArray[np.float64]


class Curves:
    """Normalised parameters at any step of any file: `curves[start:end]` is float32 [end - start, C].

    Args:
        files: the C curves of each file.
        offsets: int64 [files + 1]; file i has the steps offsets[i] .. offsets[i + 1] - 1.
        rate: steps per second.
        names: the names of the C parameters.
        ranges: their ranges, by name.
    """

    def __init__(
        self,
        files: Sequence[Sequence[Param]],
        offsets: NDArray[np.int64],
        rate: float,
        names: Sequence[str],
        ranges: dict[str, Range],
    ) -> None:
        self._knots: list[list[tuple[Floats, Floats]]] = [
            [(np.array(curve.times), np.array(curve.values)) for curve in curves] for curves in files
        ]
        self._offsets, self._rate, self._names, self._ranges = offsets, rate, tuple(names), ranges

    def __len__(self) -> int:
        return int(self._offsets[-1])

    def __getitem__(self, steps: slice) -> NDArray[np.float32]:
        start, end, _ = steps.indices(len(self))
        parts = [np.zeros((0, len(self._names)), np.float32)]
        while start < end:
            i = int(np.searchsorted(self._offsets, start, side="right")) - 1
            last = min(end, int(self._offsets[i + 1]))
            parts.append(self.windows(np.array([start]), last - start)[0])
            start = last
        return np.concatenate(parts) if len(parts) != 2 else parts[1]

    def windows(self, starts: NDArray[np.int64], count: int) -> NDArray[np.float32]:
        """Windows of `count` steps from each of `starts` [B], each inside one file: [B, count, C].

        The same as `Param.sample`, bit for bit.
        """
        files = np.searchsorted(self._offsets, starts, side="right") - 1
        moments = ((starts - self._offsets[files])[:, None] + np.arange(count)) / self._rate
        values = np.empty((len(starts), count, len(self._names)))
        for i in np.unique(files):
            rows = files == i
            for k, (times, heights) in enumerate(self._knots[i]):
                values[rows, :, k] = np.interp(moments[rows], times, heights)
        return normalise(values, self._ranges, self._names)

    def spread(self, most: int) -> NDArray[np.float32]:
        """Roughly `most` steps (all, if there are fewer), evenly spaced over all files: [n, C]."""
        stride = max(-(-len(self) // most), 1)
        return np.concatenate([self[a:b][::stride] for a, b in zip(self._offsets, self._offsets[1:], strict=False)])

    def extremes(self, name: str, files: int) -> tuple[float, float]:
        """The lowest and the highest value of a parameter in the first so many files, in the user's units."""
        k = self._names.index(name)
        return (
            min(float(knots[k][1].min()) for knots in self._knots[:files]),
            max(float(knots[k][1].max()) for knots in self._knots[:files]),
        )

    def checksum(self, i: int, skipped: Sequence[tuple[float, float]] = ()) -> int:
        """A checksum of the curves of file i, and of the stretches of it that are skipped."""
        parts = [part.tobytes() for knots in self._knots[i] for part in knots]
        return zlib.crc32(b"".join([*parts, *(np.array(pair).tobytes() for pair in skipped)]))


def sample_array(
    array: NDArray[Any], array_rate: float, rate: float, first: int, count: int, first_row: int = 0
) -> NDArray[np.float64]:
    """Sample an array of control values [B, L, C] at (first + k) / rate seconds, k = 0 .. count-1: [B, count, C].

    Value j of the array is at (first_row + j) / array_rate seconds. Interpolation is linear; the last value is held.
    """
    place = np.minimum(np.arange(first, first + count) / rate * array_rate, first_row + array.shape[1] - 1)
    left = np.minimum(place.astype(np.int64), max(first_row + array.shape[1] - 2, 0))
    weight = (place - left)[None, :, None]
    left -= first_row
    right = np.minimum(left + 1, array.shape[1] - 1)
    return array[:, left] * (1.0 - weight) + array[:, right] * weight
