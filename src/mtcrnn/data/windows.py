"""Where training windows lie in a data set, and the streams that read them one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.rng import Purpose, generator

TAIL_SHARE, TAIL_SECONDS = 0.1, 1.0  # the held-out tail of a file: a tenth of it, at most one second
STREAM_STEPS = 100  # windows that a stream reads in a row before it restarts elsewhere


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


def tail_of(length: int, step_rate: float) -> int:
    """How many of the `length` steps of a file are its tail, which may be held out."""
    return min(int(length * TAIL_SHARE), int(step_rate * TAIL_SECONDS))


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
    that a stream leaves for random ones.
    """
    if before is None or before.step != step - 1:
        before = None
        for earlier in range(max(1, step - STREAM_STEPS), step):
            before = _next_streams(windows, size, seed, earlier, before, jumps)
    return _next_streams(windows, size, seed, step, before, jumps)


def _next_streams(windows: Windows, size: int, seed: int, step: int, before: Streams | None, jumps: float) -> Streams:
    anywhere = windows.starts(generator(seed, Purpose.STREAMS, step).integers(len(windows), size=size))
    if before is None:
        return Streams(step, anywhere, np.ones(size, dtype=bool), anywhere)
    following, inside = windows.following(before.starts)
    due = (step + np.arange(size) * STREAM_STEPS // size) % STREAM_STEPS == 0
    fresh = ~inside | due
    jump = ~fresh & (generator(seed, Purpose.JUMPS, step).random(size) < jumps)
    starts = np.where(fresh | jump, anywhere, following)
    return Streams(step, starts, fresh, np.where(jump, following, starts))
