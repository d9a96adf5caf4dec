"""Silence at the end of sounds, which is left out: after silence, a net would expect more of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

SILENT_END_S = 0.5  # shorter silences stay: they may be part of a rhythm


class Ending:
    """The end of one sound.

    Args:
        resting: the code of silence.
        longest: as many silent steps at the end stay.

    Attributes:
        silent: how many steps were left out, once all have been read.
    """

    def __init__(self, resting: float, longest: int) -> None:
        self._resting, self._longest = resting, longest
        self.silent = 0

    def left_out(self, blocks: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Blocks of codes [n, G] without silence at their end; a sound of nothing else is left as it is."""
        held, sounds = list[NDArray[Any]](), False
        for block in blocks:
            there = np.flatnonzero((block != self._resting).any(axis=1))
            if not len(there):
                held.append(block)
                continue
            end, sounds = int(there[-1]) + 1, True
            yield from held
            yield block[:end]
            held = [block[end:]]
        silent = sum(map(len, held))
        if sounds and silent > self._longest:
            self.silent = silent
        else:
            yield from held
