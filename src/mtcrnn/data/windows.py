"""Where training windows lie in a data set, and the streams that read them one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.rng import Purpose, generator

STREAM_STEPS = 100  # windows that a stream reads in a row before it restarts elsewhere
LANDINGS, HEARD = 64, 16  # places of which a jump takes the one that is most alike, over so many steps before it


@dataclass(frozen=True)
class Windows:
    """Where windows of T+1 values may start: `first[i] + stride * k` for k = 0 .. count[i]-1, for each stretch i."""

    first: NDArray[np.int64]
    count: NDArray[np.int64]
    stride: int
    seq_len: int

    def __len__(self) -> int:
        return int(self.count.sum())

    def starts(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The start of window number `index`, counting through all stretches."""
        ends = np.cumsum(self.count)
        stretch = np.searchsorted(ends, index, side="right")
        return self.first[stretch] + (index - (ends - self.count)[stretch]) * self.stride

    def following(self, starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The starts of the windows right after those at `starts`, and which of them lie in the same stretch."""
        stretch = np.searchsorted(self.first, starts, side="right") - 1
        last = self.first[stretch] + (self.count[stretch] - 1) * self.stride
        return starts + self.seq_len, starts + self.seq_len <= last

    def near(self, starts: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.int64]:
        """The starts of windows half a window before (share 0) to half a window after (1) those at `starts`."""
        stretch = np.searchsorted(self.first, starts, side="right") - 1
        steps = ((share - 0.5) * (self.seq_len / self.stride)).astype(np.int64)
        inside = np.clip((starts - self.first[stretch]) // self.stride + steps, 0, self.count[stretch] - 1)
        return self.first[stretch] + inside * self.stride


@dataclass(frozen=True)
class Streams:
    """Where each of B streams reads at one step.

    Attributes:
        step: the number of the step.
        starts: of the windows [B].
        fresh: which streams restart there [B], from the net's initial state.
        before: the index of the value that the net reads first [B]: that of the window, or where the stream has jumped,
            the last one before the jump.
    """

    step: int
    starts: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    before: NDArray[np.int64]


def make_windows(stretches: list[tuple[int, int]], seq_len: int, stride: int) -> Windows:
    """The windows of `seq_len` steps in stretches (first value, end), `stride` apart; each stretch has room for one."""
    first = np.array([start for start, _ in stretches], dtype=np.int64)
    count = np.array([(end - start - seq_len - 1) // stride + 1 for start, end in stretches], dtype=np.int64)
    return Windows(first, count, stride, seq_len)


def streams(
    windows: Windows,
    values: NDArray[Any],
    size: int,
    seed: int,
    step: int,
    before: Streams | None = None,
    jumps: float = 0.0,
) -> Streams:
    """Where `size` streams read at `step` (counted from 1): a pure function of (seed, step).

    A stream reads its file window by window. It restarts at a random window when the file ends, and also once
    every `STREAM_STEPS` steps (each stream at a different step), so nothing older than that matters. `before`, the
    result for step - 1, only saves recomputing the steps up to there. `jumps` is the share of the other windows
    that a stream leaves for random ones. Near there, it takes the place before which the encoded `values` [N, G] of
    the data are most like those that it has heard: else nets learn that anything may begin at any moment.
    """
    if before is None or before.step != step - 1:
        before = None
        for earlier in range(max(1, step - STREAM_STEPS), step):
            before = _next_streams(windows, values, size, seed, earlier, before, jumps)
    return _next_streams(windows, values, size, seed, step, before, jumps)


def _next_streams(
    windows: Windows,
    values: NDArray[Any],
    size: int,
    seed: int,
    step: int,
    before: Streams | None,
    jumps: float,
) -> Streams:
    anywhere = windows.starts(generator(seed, Purpose.STREAMS, step).integers(len(windows), size=size))
    if before is None:
        return Streams(step, anywhere, np.ones(size, dtype=bool), anywhere)
    following, inside = windows.following(before.starts)
    due = (step + np.arange(size) * STREAM_STEPS // size) % STREAM_STEPS == 0
    fresh = ~inside | due
    rng = generator(seed, Purpose.JUMPS, step)
    jump = ~fresh & (rng.random(size) < jumps)
    starts = np.where(fresh, anywhere, following)
    for k in np.flatnonzero(jump):
        starts[k] = _most_alike(values, following[k], windows.near(anywhere[k], rng.random(LANDINGS)))
    return Streams(step, starts, fresh, np.where(jump, following, starts))


def _most_alike(values: NDArray[Any], place: np.int64, others: NDArray[np.int64]) -> np.int64:
    """The one of the `others` up to which the values are nearest to those up to `place`."""
    heard = values[np.maximum(place - np.arange(HEARD), 0)].astype(np.float64)
    there = values[np.maximum(others[:, None] - np.arange(HEARD), 0)]
    found: np.int64 = others[np.abs(there - heard).sum(axis=(1, 2)).argmin()]
    return found
