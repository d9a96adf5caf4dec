"""Where a parameter stands still in a data set, so that a meter can read what it means: files, or parts of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.data.corpus import Corpus
from mtcrnn.evaluation.meters import Samples

STRETCH_S, MOST = 4.0, 66  # of a stretch, in seconds; stretches
STILL = 0.25  # share of its range by which a parameter may move in a stretch
STILLEST = 0.2  # as many of the stretches count as still, however far it moves


class _Part(NamedTuple):
    """Samples first .. end-1 of file `file`, in which the parameter has a value from 0 to 1."""

    value: float
    file: int
    first: int
    end: int


def steady(corpus: Corpus, k: int, grid: int) -> tuple[list[float], list[Samples], float]:
    """The values of parameter k where it stands still, the samples there, and by which share of its range they are off.

    Those are the files in which it is constant. If there are fewer than two values of that, they are stretches of
    `STRETCH_S` in which it moves little, at most `MOST`, spread over `grid` parts of the range, whose middles are their
    values.
    """
    curves = [corpus.conditioning[int(a) : int(b)][:, k] for a, b in pairwise(corpus.offsets[: len(corpus.names) + 1])]
    parts = [_Part(float(c[0]), i, 0, corpus.samples(i)) for i, c in enumerate(curves) if np.ptp(c) < 1e-3]
    off = 1e-6
    if len({round(part.value, 6) for part in parts}) < 2:
        parts, off = _still(corpus, curves, grid), 0.5 / grid
    name, rate = corpus.tier.prop[k], corpus.tier.sample_rate
    sounds = {i: sound_files.read(corpus.names[i], rate).samples for i in {part.file for part in parts}}
    values = corpus.ranges[name].restore(np.array([part.value for part in parts]))
    return [round(v, 6) for v in values.tolist()], [sounds[p.file][p.first : p.end] for p in parts], off


def _still(corpus: Corpus, curves: Sequence[NDArray[np.float32]], grid: int) -> list[_Part]:
    """Stretches in which a parameter moves little."""
    size, bands = round(STRETCH_S * corpus.tier.step_rate), corpus.tier.bands
    parts, moves = list[_Part](), list[float]()
    for i, start, end in ((i, *stretch) for i, kept in enumerate(corpus.kept) for stretch in kept):
        begin = int(corpus.offsets[i])
        for first in range(start - begin, end - begin - size + 1, size):
            curve = curves[i][first : first + size]
            place = min(max(int(curve.mean() * grid), 0), grid - 1)
            parts.append(_Part((place + 0.5) / grid, i, first * bands, (first + size) * bands))
            moves.append(float(np.ptp(curve)))
    if not parts:
        return []
    most = max(STILL, float(np.quantile(moves, STILLEST)))
    by_value: dict[float, list[_Part]] = {}
    for part, move in zip(parts, moves, strict=True):
        if move <= most:
            by_value.setdefault(part.value, []).append(part)
    each = MOST // grid
    return [part for _, found in sorted(by_value.items()) for part in found[:: max(len(found) // each, 1)][:each]]
