"""Odd harmonics that come and go, in what a net reads while it learns: it learns to bring them back.

A sound that repeats twice as often, an octave above, repeats after the period of the lower note too: nothing in what a
net made a period ago tells that the odd harmonics are lost. Nets slipped to the octave above, most of all while the
pitch moved, and stayed there. So here and there in the sounds that a net reads, the odd harmonics are softer than they
were, or louder; what it has to play is the sound as it was. (Rhythms that a net reads changed lose their beat,
docs/log.md.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.clock import LOWEST_HZ
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.data.tuning import LABELS_PER_S

Floats = NDArray[np.float64]

STRETCH_S = 0.3, 1.5  # of one change
CHANGED = 0.3  # of all stretches
SHARES = -0.3, 0.95  # of the odd harmonics that is taken away
RAMP_S = 0.05  # from one stretch to the next
ORDER, MARGIN = 5, 32  # of the splines between samples, and samples around that they need


def changes(seed: int, seconds: float) -> tuple[Floats, Floats]:
    """Times, and which share of the odd harmonics is taken away there; between them it moves in straight lines."""
    rng, times, shares, at = generator(0, Purpose.HARMONICS, seed), [0.0], [0.0], 0.0
    while at < seconds:
        after = at + rng.uniform(*STRETCH_S)
        share = rng.uniform(*SHARES) if rng.random() < CHANGED else 0.0
        times += [at + RAMP_S, after]
        shares += [share, share]
        at = after
    return np.array(times), np.array(shares)


def change_odd_harmonics(
    blocks: Iterable[NDArray[np.float32]], sample_rate: int, hertz: Floats, number: int, end: int
) -> Iterator[NDArray[np.float32]]:
    """A sound whose odd harmonics come and go.

    Half a period ago, the odd harmonics were the other way round: half of the difference from then is they.

    Args:
        blocks: the sound, frames [n, channels].
        sample_rate: in Hz.
        hertz: how often it repeats, `LABELS_PER_S` times a second; where that is less often than a pitch, nothing
            changes.
        number: of the sound; each changes elsewhere.
        end: from this sample on, nothing changes.
    """
    from scipy.ndimage import map_coordinates  # loads slowly

    kept, first = math.ceil(sample_rate / (2 * LOWEST_HZ)) + MARGIN, 0
    times, shares = changes(number, end / sample_rate)
    before: NDArray[np.float32] | None = None
    for block in blocks:
        before = np.zeros((kept, block.shape[1]), np.float32) if before is None else before
        whole, places = np.concatenate([before, block]), np.arange(first, first + len(block))
        often = np.interp(places / sample_rate, np.arange(len(hertz)) / LABELS_PER_S, hertz)
        share = np.where((often >= LOWEST_HZ) & (places < end), np.interp(places / sample_rate, times, shares), 0.0)
        ago = np.arange(kept, len(whole)) - sample_rate / (2 * np.maximum(often, LOWEST_HZ))
        then = np.stack([map_coordinates(channel, [ago], float, ORDER, mode="nearest") for channel in whole.T], axis=1)
        yield (block - share[:, None] * 0.5 * (block - then)).astype(np.float32)
        first += len(block)
        before = whole[-kept:]
