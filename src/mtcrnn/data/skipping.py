"""Stretches of recordings, and those that are not trained on (handling noise, silence), as param files say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.params import read_lenient

Stretches = Sequence[tuple[float, float]]  # from, to, in seconds


def skipped_in(data: ParamManager, wavs: Sequence[Path]) -> list[Stretches]:
    """The stretches to skip of each sound; none of one without param file.

    Raises:
        InputError: as `ParamFile.skipped`.
    """
    paths = [data.path_of(wav) for wav in wavs]
    return [read_lenient(path)[0].skipped(path) if path.is_file() else [] for path in paths]


def outside(times: NDArray[np.float64], stretches: Stretches) -> NDArray[np.bool_]:
    """Which of the times, in seconds, lie in none of the stretches."""
    inside = [(times >= first) & (times < last) for first, last in stretches]
    return ~np.any(inside, axis=0) if inside else np.ones(len(times), bool)


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches (first, end) in which flags [n] are set."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def joined(stretches: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretches in their order, those that touch or overlap as one."""
    found: list[tuple[float, float]] = []
    for first, last in sorted(stretches):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def without(blocks: Iterable[NDArray[Any]], rate: float, stretches: Stretches) -> Iterator[NDArray[Any]]:
    """Blocks [n, ...] of frames, `rate` a second, without those in the stretches."""
    start = 0
    for block in blocks:
        yield block[outside((start + np.arange(len(block))) / rate, stretches)] if stretches else block
        start += len(block)
