"""Randomness as a pure function of where it is used. Nothing here keeps a global state.

Every stream is named by (seed, purpose, position...), so that batch k of a run, or sample t of a sound,
gets the same numbers however it is reached: after a resume, in blocks of any size, in any order.
"""

from __future__ import annotations

import secrets
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError

PAGE_STEPS = 1024  # uniforms are drawn this many steps at a time; part of what a seed means


class Purpose(IntEnum):
    """What a stream is for; two purposes never share numbers."""

    WEIGHTS = 0
    BATCH = 1
    COINS = 2
    TRAINING_SAMPLES = 3
    PLAY = 4
    PRIME = 5
    PLACE = 6
    TEXTURE = 7
    STREAMS = 8
    NOISE = 9
    CASCADE = 10
    FRAMES = 11


def generator(seed: int, purpose: Purpose, *position: int) -> np.random.Generator:
    """The numpy generator of one stream.

    >>> float(generator(1, Purpose.BATCH, 7).random()) == float(generator(1, Purpose.BATCH, 7).random())
    True
    """
    if seed < 0:
        raise InputError(f"a random seed is a whole number from 0 on, not {seed}")
    return np.random.default_rng([seed, int(purpose), *position])


def fresh_seed() -> int:
    """A seed nobody chose, small enough to be written down and typed again."""
    return secrets.randbelow(2**31)


def play_uniforms(seed: int, batch: int, first: int, count: int, draws: int) -> NDArray[np.float32]:
    """The uniform numbers that decide steps first .. first+count-1 of `batch` sounds.

    Sound b depends on (seed, b) alone, not on how many are made beside it.

    Returns:
        float32 [batch, count, draws] in [0, 1).
    """
    pages = range(first // PAGE_STEPS, (first + count - 1) // PAGE_STEPS + 1) if count else range(0)
    out = np.empty((batch, count, draws), dtype=np.float32)
    for page in pages:
        start = page * PAGE_STEPS
        low, high = max(first, start), min(first + count, start + PAGE_STEPS)
        for row in range(batch):
            out[row, low - first : high - first] = _page(seed, row, page, draws)[low - start : high - start]
    return out


@lru_cache(maxsize=128)
def _page(seed: int, row: int, page: int, draws: int) -> NDArray[np.float32]:
    return generator(seed, Purpose.PLAY, row, page).random((PAGE_STEPS, draws), dtype=np.float32)
