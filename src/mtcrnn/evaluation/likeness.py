"""Texture distance: how far generated sound is from the data, by the statistics of sound textures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.config.ranges import restore
from mtcrnn.data.corpus import Corpus
from mtcrnn.evaluation.texture_statistics import SHORTEST_S, distances, statistics
from mtcrnn.rendering.player import Player
from mtcrnn.rendering.session import rendered

MOST_FILES, MOST_SECONDS = 20, 10.0  # files, and seconds of each of their halves


def texture_distances(player: Player, corpus: Corpus) -> dict[str, Any] | None:
    """Distances to the second halves of real files, by class of statistics: medians over the files.

    Returns:
        `generated`: of sound generated under the curves of the files' first halves; `real`: of those first halves
        themselves, which is what a perfect model would reach; `files`: how many. None if all files are too short.
    """
    tier = player.config.tier
    least, most = round(2 * SHORTEST_S * tier.sample_rate) + 2, round(2 * MOST_SECONDS * tier.sample_rate)
    halves = np.minimum(np.diff(corpus.offsets) * tier.bands, most) // 2
    chosen = np.flatnonzero(2 * halves >= least)
    if not len(chosen):
        return None
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_FILES)).astype(int)]
    longest = int(halves[chosen].max())
    conditioning = np.stack([_held(corpus, i, int(halves[i]), longest) for i in chosen.tolist()])
    made = rendered(player, restore(conditioning, player.config.ranges, tier.prop), "playing the data's curves")
    found: dict[str, list[dict[str, float]]] = {"generated": [], "real": []}
    for sound, i in zip(made, chosen, strict=True):
        real, half = sound_files.read(corpus.names[i], tier.sample_rate).samples, halves[i]
        second = statistics(real[half : 2 * half], tier.sample_rate)
        for kind, first in (("generated", sound[:half]), ("real", real[:half])):
            found[kind].append(distances(second, statistics(first, tier.sample_rate)))
    medians = {
        kind: {name: float(np.median([row[name] for row in rows])) for name in rows[0]} for kind, rows in found.items()
    }
    return {**medians, "files": len(chosen)}


def _held(corpus: Corpus, i: int, half: int, longest: int) -> NDArray[np.float32]:
    """The conditioning in a file's first half, [longest, C]: its last step is held up to the `longest` half."""
    start, bands = int(corpus.offsets[i]), corpus.tier.bands
    steps = corpus.conditioning[start : start + -(-half // bands)]
    return np.pad(np.repeat(steps, bands, axis=0)[:half], ((0, longest - half), (0, 0)), mode="edge")
