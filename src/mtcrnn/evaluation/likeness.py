"""Likeness: how far generated sound is from the data, by texture statistics, log-mel frames and octaves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.config.ranges import restore
from mtcrnn.data.corpus import Corpus
from mtcrnn.evaluation.spectrum import Array, kernel_distance, log_mel_frames, octave_levels, power_spectra
from mtcrnn.evaluation.texture_statistics import SHORTEST_S, distances, statistics
from mtcrnn.rendering.player import Player
from mtcrnn.rendering.session import rendered

Sound = NDArray[np.float32]
Levels = tuple[Array, Array, Array]

MOST_FILES, MOST_SECONDS = 20, 10.0  # files, and seconds of each of their halves


def measure_likeness(player: Player, corpus: Corpus) -> dict[str, Any] | None:
    """How far sound that is generated under the curves of the files' first halves is from their second halves.

    Returns:
        None if all files are too short; else
        `texture`: distances by class of texture statistics, medians over the files: `generated`, and `real`, those of
        the first halves themselves, which is what a perfect model would reach; and `files`, how many.
        `kernel`: kernel distances of log-mel frames, `generated` and `real`.
        `octaves`: by octave, its lower edge `hz`, and in dB the mean level and the noise floor, `generated` minus real
        (`mean_db`, `floor_db`), beside those of the real halves from each other (`real_mean_db`, `real_floor_db`).
    """
    halves = _halves(player, corpus)
    if halves is None:
        return None
    rate = player.config.tier.sample_rate
    found: dict[str, list[dict[str, float]]] = {"generated": [], "real": []}
    for made, first, second in zip(*halves, strict=True):
        theirs = statistics(second, rate)
        for kind, sound in (("generated", made), ("real", first)):
            found[kind].append(distances(theirs, statistics(sound, rate)))
    medians = {
        kind: {name: float(np.median([row[name] for row in rows])) for name in rows[0]} for kind, rows in found.items()
    }
    spectra = [power_spectra(sounds) for sounds in halves]
    frames = [log_mel_frames(power, rate) for power in spectra]
    levels = [octave_levels(power, rate) for power in spectra]
    return {
        "texture": {**medians, "files": len(halves[0])},
        "kernel": {kind: kernel_distance(frames[k], frames[2]) for k, kind in enumerate(("generated", "real"))},
        "octaves": _octaves(*levels),
    }


def _octaves(made: Levels, first: Levels, second: Levels) -> list[dict[str, float]]:
    """The rows of `octaves`."""
    names = ("mean_db", "floor_db")
    return [
        {
            "hz": float(hz),
            **{name: float(made[1 + k][j] - second[1 + k][j]) for k, name in enumerate(names)},
            **{f"real_{name}": float(first[1 + k][j] - second[1 + k][j]) for k, name in enumerate(names)},
        }
        for j, hz in enumerate(made[0])
    ]


def _halves(player: Player, corpus: Corpus) -> tuple[list[Sound], list[Sound], list[Sound]] | None:
    """Generated sounds, and the first and the second halves of the real ones, for some files that are long enough."""
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
    sizes = halves[chosen].tolist()
    read = zip(chosen.tolist(), sizes, strict=True)
    real = [sound_files.read(corpus.names[i], tier.sample_rate).samples[: 2 * half].copy() for i, half in read]
    return (
        [sound[:half] for sound, half in zip(made, sizes, strict=True)],
        [sound[:half] for sound, half in zip(real, sizes, strict=True)],
        [sound[half : 2 * half] for sound, half in zip(real, sizes, strict=True)],
    )


def _held(corpus: Corpus, i: int, half: int, longest: int) -> NDArray[np.float32]:
    """The conditioning in a file's first half, [longest, C]: its last step is held up to the `longest` half."""
    start, bands = int(corpus.offsets[i]), corpus.tier.bands
    steps = corpus.conditioning[start : start + -(-half // bands)]
    return np.pad(np.repeat(steps, bands, axis=0)[:half], ((0, longest - half), (0, 0)), mode="edge")
