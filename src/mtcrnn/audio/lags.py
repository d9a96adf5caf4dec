"""Lags: how far back a sound was one period ago, and what its sub-bands were there.

As in the long-term prediction of speech coders (the pitch lag of LPCNet and FARGAN, arXiv 2405.21069). A lag is as many
whole periods as it takes to reach sound that is already known when a step is made, and that the newest samples, which a
net reads in any case, do not say: a high tone would go by those and drift. The next lag is a period longer. So a sound
that repeats only every second time is told from one that repeats every time. A lag is found from the phase, the sum of
all frequencies so far: a period ago, the phase was less by one, also where the period changes.

Silence a lag ago says that nothing comes now, unless the sound has not begun, or has been lost. What tells them apart
is how loud it was of late: in a sound that repeats, the last period is never silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.subbands import delaying_filters, filter_bank
from mtcrnn.core.numba_math import BARE, cached_njit
from mtcrnn.core.vectors import dot

LAGS = 2  # of each period
LEAST = 128  # samples of a lag, at least
FRACTIONS = 16  # lags are in such parts of a sample
FADING = 1.4  # what was heard fades to a quarter within a lag, e^-1.4
NO_LAG = 0
_ZERO = np.float32(0)
_jit = cached_njit("the search for periods", "audio/lags.py", **BARE)


@dataclass(frozen=True)
class Reach:
    """What is read of the past of a sound of N bands; see `reach`.

    Attributes:
        bands: N.
        around: A: the A steps before and after the one a lag ago are read too.
        filters: float32 [FRACTIONS, N, taps], see `subbands.delaying_filters`; the oldest sample's first.
        synthesis: float32 [N, (1 + reach) N], see `subbands.FilterBank.synthesis`; the oldest step's first.
        ahead: samples that they look ahead.
        delay: samples by which what is synthesised comes later than the sound that was analysed.
        least: the shortest lag in samples: all that is read is known.
    """

    bands: int
    around: int
    filters: NDArray[np.float32]
    synthesis: NDArray[np.float32]
    ahead: int
    delay: int
    least: int

    @property
    def steps(self) -> int:
        """Steps that are read for each lag."""
        return 2 * self.around + 1

    def kept(self, longest: int) -> int:
        """Samples of the past that are needed for lags of at most `longest`."""
        return longest + self.filters.shape[2] + (self.around + 1) * self.bands


@cache
def reach(bands: int) -> Reach:
    """The reach into the past of a sound of so many bands."""
    (filters, ahead), bank = delaying_filters(bands, FRACTIONS), filter_bank(bands)
    around = 0 if bands > 1 else 4
    return Reach(
        bands,
        around,
        np.ascontiguousarray(filters[:, ::-1].transpose(0, 2, 1)),
        np.ascontiguousarray(bank.synthesis[::-1].transpose(2, 0, 1).reshape(bands, -1)),
        ahead,
        bank.delay,
        max(bank.delay + (around + 1) * bands + ahead, LEAST),
    )


@_jit
def find_lags(phases: Any, first: int, bands: int, least: int, longest: int, out: Any) -> None:
    """The lags of steps, in parts of a sample; all `NO_LAG` where there is no period or the sound has not lasted one.

    Args:
        phases: float64 [m]: the periods since the beginning at each step's end; NaN before the beginning.
        first: the number of the first step that is wanted.
        bands: N, samples of a step.
        least: samples, at least; the first lag is the fewest periods that are as long.
        longest: samples, at most. Where only the first lag is not longer, the others are as long.
        out: int64 [n, lags]; written.
    """
    back = least / bands
    whole = int(back)
    for i in range(out.shape[0]):
        n, known = first + i, first + i - whole
        for j in range(out.shape[1]):
            out[i, j] = NO_LAG
        if known < 1 or not phases[known - 1] <= phases[known] or not phases[n] > phases[n - 1]:  # also NaN
            continue
        then = phases[known] + (phases[known - 1] - phases[known]) * (back - whole)
        periods = max(np.ceil(phases[n] - then), 1.0)
        for j in range(out.shape[1]):
            wanted = phases[n] - periods - j
            low, high = max(n - longest // bands - 1, 0), known
            while high - low > 1:  # the last step whose phase is not above the wanted one
                middle = (low + high) // 2
                if phases[middle] > wanted:
                    high = middle
                else:
                    low = middle
            if not phases[low] <= wanted:  # also NaN
                out[i, j] = out[i, max(j - 1, 0)]
                continue
            rise = phases[high] - phases[low]
            place = low + ((wanted - phases[low]) / rise if rise > 0 else 1.0)
            lag = round((n - place) * bands * FRACTIONS)
            out[i, j] = lag if lag <= longest * FRACTIONS else out[i, max(j - 1, 0)]


@_jit
def read_lags(sound: Any, end: int, lags: Any, bands: int, filters: Any, ahead: int, first: int, out: Any) -> None:
    """What a step and those around it were some lags ago.

    Args:
        sound: float32 [channels, T].
        end: the index of the step's last sample.
        lags: int64 [L], in parts of a sample.
        bands: N.
        filters: see `Reach`.
        ahead: see `Reach`.
        first: the first of the steps that is wanted.
        out: float32 [L, steps, channels N]; written from `first` on, zeros for `NO_LAG`.
    """
    around = out.shape[1] // 2
    for j in range(lags.shape[0]):
        chosen, newest = filters[lags[j] % FRACTIONS], end - lags[j] // FRACTIONS + ahead
        for q in range(first, out.shape[1]):
            oldest = newest + (q - around) * bands - chosen.shape[1] + 1
            for c in range(sound.shape[0]):
                x, y = sound[c, oldest:], out[j, q, c * bands :][:bands]
                for k in range(bands):
                    y[k] = dot(chosen[k], x) if lags[j] != NO_LAG else _ZERO


@_jit
def read_block(sound: Any, start: int, lags: Any, bands: int, filters: Any, ahead: int, out: Any) -> None:
    """`read_lags` for steps that begin at `start` in the sound: lags [T, P, L], out [T, P, L, steps, channels N]."""
    for t in range(lags.shape[0]):
        for p in range(lags.shape[1]):
            read_lags(sound, start + (t + 1) * bands - 1, lags[t, p], bands, filters, ahead, 0, out[t, p])


@_jit
def hear(sound: Any, end: int, bands: int, lag: int, before: Any) -> Any:
    """How loud a sound was of late: the highest amplitude, which fades with each step.

    Args:
        sound: float32 [channels, T].
        end: the index after the newest step's last sample.
        bands: N.
        lag: in parts of a sample; what was heard does not fade where it is `NO_LAG`.
        before: what it was a step before.
    """
    newest = _ZERO
    for c in range(sound.shape[0]):
        for i in range(max(end - bands, 0), end):
            newest = max(newest, abs(sound[c, i]))
    steps = lag / (FRACTIONS * bands)
    return max(newest, before * np.float32(steps / (steps + FADING)) if lag != NO_LAG else before)


@_jit
def hear_block(sound: Any, end: int, lags: Any, bands: int, heard: Any, out: Any) -> None:
    """`hear` before each of T steps, the first of them after `end`: lags [T, P, L], heard [P] (goes on), out [T, P]."""
    for t in range(lags.shape[0]):
        for p in range(lags.shape[1]):
            heard[p] = out[t, p] = hear(sound, end + t * bands, bands, lags[t, p, 0], heard[p])


@_jit
def remember(bands: Any, step: int, steps: Any, sound: Any, start: int, filters: Any) -> None:
    """Add a step to what is known of a sound.

    Args:
        bands: float32 [channels N], of the new step.
        step: its number in the block.
        steps: float32 [channels, (reach + T) N]: those before the block, then those of the block; written.
        sound: float32 [channels, T]: written from `start` + N `step` on.
        start: where the block begins in the sound.
        filters: see `Reach.synthesis`.
    """
    N, taps = filters.shape
    for c in range(sound.shape[0]):
        recent, made = steps[c, step * N :][:taps], sound[c, start + step * N :]
        for k in range(N):
            recent[taps - N + k] = bands[c * N + k]
        for k in range(N):
            made[k] = dot(filters[k], recent)
