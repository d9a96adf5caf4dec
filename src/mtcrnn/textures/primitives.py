"""Building blocks of the textures: phases, event onsets, decaying sinusoids, band-pass noise. Samples: float64 [T]."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.numba_math import BARE, cached_njit

Samples = NDArray[np.float64]

_jit = cached_njit("the textures", "textures/primitives.py", **BARE)
INAUDIBLE = 1e-4  # share of its height at which a decaying sinusoid ends


def cycles(hz: Samples, sample_rate: int, start: float = 0.0) -> Samples:
    """The phase of an oscillation of changing frequency `hz` [T], in cycles, counted from `start`."""
    return start + np.cumsum(hz) / sample_rate


def regular_onsets(phase: Samples, jitter: Samples, rng: np.random.Generator) -> NDArray[np.int64]:
    """The samples at which `phase` passes whole numbers, each moved by up to half of `jitter` [T] (0 to 1) cycles."""
    whole = np.arange(math.ceil(phase[0]), math.ceil(phase[-1]))
    place = np.searchsorted(phase, whole)
    moved = whole + jitter[place] * (rng.random(len(whole)) - 0.5)
    return np.minimum(np.searchsorted(phase, moved), len(phase) - 1)


def poisson_onsets(per_second: Samples, sample_rate: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The samples at which events of a Poisson process of rate `per_second` [T] occur, in order."""
    expected = np.cumsum(per_second) / sample_rate
    places = np.sort(rng.random(rng.poisson(expected[-1]))) * expected[-1]
    return np.minimum(np.searchsorted(expected, places), len(per_second) - 1)


def rings(
    length: int, onsets: NDArray[np.int64], hz: Any, decay_s: Any, heights: Any, sample_rate: int, phase: float = 0.0
) -> Samples:
    """Sum [length] of sinusoids that begin at `onsets` [N] and decay as exp(-t / decay_s).

    `hz`, `decay_s` (seconds to 1/e) and `heights` are arrays [N], or one number for all. Each begins at `phase`, in
    cycles: 0 is a sine, 0.25 a cosine.
    """
    out = np.zeros(length)
    each = [np.broadcast_to(np.asarray(a, np.float64), onsets.shape) for a in (hz, decay_s, heights)]
    _add_rings(out, onsets, *(np.ascontiguousarray(a) for a in each), float(sample_rate), 2 * math.pi * phase)
    return out


@_jit
def _add_rings(
    out: Any, onsets: Any, hz: Any, decay_s: Any, heights: Any, sample_rate: float, phase: float
) -> None:  # pragma: no cover
    for k in range(len(onsets)):
        per_sample = math.exp(-1 / (decay_s[k] * sample_rate))
        turn = 2 * math.pi * hz[k] / sample_rate
        c, s = per_sample * math.cos(turn), per_sample * math.sin(turn)
        x, y = heights[k] * math.cos(phase), heights[k] * math.sin(phase)
        end = min(len(out), onsets[k] + int(-math.log(INAUDIBLE) * decay_s[k] * sample_rate))
        for t in range(onsets[k], end):
            out[t] += y
            x, y = c * x - s * y, s * x + c * y


def decays(length: int, onsets: NDArray[np.int64], decay_s: float, heights: Samples, sample_rate: int) -> Samples:
    """Sum [length] of exponential decays that begin at `onsets` [N] with `heights` [N]."""
    out = np.zeros(length)
    np.add.at(out, onsets, heights)
    _leak(out, math.exp(-1 / (decay_s * sample_rate)))
    return out


@_jit
def _leak(out: Any, per_sample: float) -> None:  # pragma: no cover
    held = 0.0
    for t in range(len(out)):
        held = held * per_sample + out[t]
        out[t] = held


def band(noise: Samples, hz: Samples, quality: float, sample_rate: int) -> Samples:
    """White noise [T] of variance 1 through a band-pass filter around `hz` [T], scaled to variance 1 again.

    A state variable filter that stays stable while its frequency moves (Zavalishin, The Art of VA Filter Design,
    2012). Its noise bandwidth is pi / 2 of hz / quality.
    """
    out = np.empty_like(noise)
    _band(noise, np.minimum(hz, 0.45 * sample_rate), quality, float(sample_rate), out)
    return out


@_jit
def _band(noise: Any, hz: Any, quality: float, sample_rate: float, out: Any) -> None:  # pragma: no cover
    a = b = 0.0
    k = 1 / quality
    for t in range(len(noise)):
        g = math.tan(math.pi * hz[t] / sample_rate)
        v = (a + g * (noise[t] - b)) / (1 + g * (g + k))
        w = b + g * v
        a, b = 2 * v - a, 2 * w - b
        # the variance of v is g / (k (1 + g k + g g)): the integral of |H|^2 over all frequencies
        out[t] = v * math.sqrt(k * (1 + g * k + g * g) / g)
