"""Random numbers as a pure function of seed, purpose and position, without global state.

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

PAGE_STEPS = 1024  # uniforms are drawn for this many steps at a time; another number changes what each seed gives


class Purpose(IntEnum):
    """What a stream is for; two purposes never share numbers."""

    WEIGHTS = 0  # initial weights
    BATCH = 1  # windows of a batch
    TEACHER_FORCING = 2  # which inputs are the true past
    TRAINING_SAMPLES = 3  # the inputs that are sampled instead
    PLAY = 4  # generated values
    PRIME = 5  # priming with random numbers
    PLACE = 6  # position in the data to prime from
    TEXTURE = 7
    STREAMS = 8  # where streams of carried windows restart
    NOISE = 9  # noise on the inputs
    CASCADE = 10  # seeds of the tiers
    FRAMES = 11  # frames that are scored
    JUMPS = 12  # where streams of carried windows go on elsewhere
    PAST = 13  # how loud what was a period ago is
    GLIDES = 14  # the speed of copies of sounds
    HARMONICS = 15  # where odd harmonics come and go
    QUESTION = 16  # moments that a question is chosen from


def generator(seed: int, purpose: Purpose, *position: int) -> np.random.Generator:
    """The numpy generator of one stream.

    >>> float(generator(1, Purpose.BATCH, 7).random()) == float(generator(1, Purpose.BATCH, 7).random())
    True
    """
    check_seed(seed)
    return np.random.default_rng([seed, int(purpose), *position])


def check_seed(seed: int) -> None:
    """Raise InputError for a seed below 0."""
    if seed < 0:
        raise InputError(f"a random seed is a whole number, 0 or above, not {seed}")


def fresh_seed() -> int:
    """A new random seed, small enough to write down and type again."""
    return secrets.randbelow(2**31)


def play_uniforms(seed: int, batch: int, first: int, count: int, draws: int) -> NDArray[np.float32]:
    """The uniform random numbers from which steps first .. first+count-1 of `batch` sounds are sampled.

    Those of sound b depend only on (seed, b), not on how many sounds are made with it.

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
