"""Levels, second by second: whether a sound that runs free stays at those of the recordings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

LOUD_DB, SILENT_DB = 6.0, 20.0  # beyond the recordings' loudest and softest second: a sound has run away, or is silent
AWAY_S = 3  # in a row beyond: the sound has left
POWER_FLOOR = 1e-12  # of silence


@dataclass(frozen=True)
class Levels:
    """The levels of the softest and of the loudest second of recordings, in dB of full scale."""

    softest: float
    loudest: float

    @classmethod
    def of(cls, sounds: Iterable[NDArray[np.float32]], rate: int) -> Self:
        """Those of sounds [T] at `rate` Hz."""
        heard = np.concatenate([levels_db(sound, rate) for sound in sounds])
        return cls(float(heard.min()), float(heard.max()))

    def silent(self, levels: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the levels are `SILENT_DB` below the softest."""
        return levels < self.softest - SILENT_DB

    def loud(self, levels: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the levels are `LOUD_DB` above the loudest."""
        return levels > self.loudest + LOUD_DB


def level_db(values: NDArray[np.float32]) -> float:
    """The level of values [T, G], all G together, in dB of full scale."""
    return float(10 * np.log10((values.astype(np.float64) ** 2).sum(axis=-1).mean() + POWER_FLOOR))


def levels_db(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """The level of each whole second of samples [T], in dB of full scale; that of all of them, if they are shorter."""
    whole = samples[: max(len(samples) // rate, 1) * rate]
    return np.array([level_db(part[:, None]) for part in np.array_split(whole, max(len(whole) // rate, 1))])


def leaves_after(outside: NDArray[np.bool_]) -> int | None:
    """The first second from which on a sound is `outside` for `AWAY_S` in a row; None: it stays."""
    away = np.convolve(outside, np.ones(AWAY_S), "valid") == AWAY_S
    return int(np.argmax(away)) if away.any() else None
