"""Likeness: how far sound that a model continues is from the data, by texture statistics and spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.stereo import mono
from mtcrnn.config.ranges import restore
from mtcrnn.data.corpus import Corpus
from mtcrnn.evaluation.spectrum import Array, band_levels, coherence, kernel_distance, log_mel_frames, power_spectra
from mtcrnn.listening.texture_statistics import SHORTEST_S, distances, statistics
from mtcrnn.rendering.player import Player
from mtcrnn.rendering.session import ParameterArray, Session

Frames = NDArray[np.float32]  # [T, channels]

MOST_FILES, MOST_SECONDS = 20, 10.0  # files, and seconds of each of their halves
PRIME_S = 1.0  # of the first half, at most, that a model continues
MOST_EXCERPTS = 100  # of a second, whose texture statistics are compared
LEAST_STATISTIC = 0.1  # root mean square of a class of texture statistics; less counts as so much
FINE = 6  # points an octave of the curves that are drawn


@dataclass(frozen=True)
class Part:
    """One of three kinds of sound, each with one for every file: continued by the model, first or second halves.

    Attributes:
        sounds: frames [T, channels].
        rate: sample rate in Hz.
    """

    sounds: list[Frames]
    rate: int

    @cached_property
    def mixed(self) -> list[NDArray[np.float32]]:
        """The sounds in mono [T]."""
        return [mono(sound) for sound in self.sounds]

    @cached_property
    def power(self) -> list[Array]:
        """The power spectra of each of them."""
        return [power_spectra([sound]) for sound in self.mixed]


def measure_likeness(player: Player, corpus: Corpus) -> dict[str, Any] | None:
    """How far the second halves of the files are from what the model makes of their first halves.

    The model is primed with the end of a first half and plays on under the curves of the second. Beside it, "real" is
    how far the first halves themselves are from the second: what a perfect model would reach.

    Returns:
        None if all files are too short; else
        `texture`: distances by class of texture statistics, medians over the files: `generated` and `real`; and
        `files`, how many.
        `kernel`: kernel distances, `generated` and `real`, of log-mel frames and of the texture statistics of seconds.
        `octaves`: by octave, its lower edge `hz`; in dB the mean level and the noise floor, `generated` minus real
        (`mean_db`, `floor_db`), beside those of the real halves (`real_mean_db`, `real_floor_db`), medians over the
        files; of stereo, `coherence` of the channels (0 to 1), and that of the second halves, `real_coherence`.
        `spectra`: the curves behind it: `hz`, and for `generated` and `real` the `mean` and the `floor` in dB.
    """
    parts = _parts(player, corpus)
    if parts is None:
        return None
    made, first, second = parts
    pairs = {"generated": made, "real": first}
    theirs = [statistics(sound, second.rate) for sound in second.mixed]
    texture = {kind: _medians(theirs, part) for kind, part in pairs.items()}
    return {
        "texture": {**texture, "files": len(made.sounds)},
        "kernel": {
            "log-mel frames": _kernel([_log_mel_rows(part) for part in parts]),
            "texture statistics": _kernel([_texture_rows(part, theirs) for part in parts]),
        },
        "octaves": _octaves(made, first, second),
        "spectra": _curves(made, second),
    }


def _medians(theirs: Sequence[dict[str, Array]], part: Part) -> dict[str, float]:
    """Medians over the files of the distances by class of statistics."""
    rows = [distances(a, statistics(sound, part.rate)) for a, sound in zip(theirs, part.mixed, strict=True)]
    return {name: float(np.median([row[name] for row in rows])) for name in rows[0]}


def _kernel(rows: Sequence[Array]) -> dict[str, float]:
    """Kernel distances of the rows of the three parts."""
    made, first, second = rows
    return {"generated": kernel_distance(made, second), "real": kernel_distance(first, second)}


def _log_mel_rows(part: Part) -> Array:
    return log_mel_frames(np.concatenate(part.power), part.rate)


def _texture_rows(part: Part, theirs: Sequence[dict[str, Array]]) -> Array:
    """The statistics of at most `MOST_EXCERPTS` seconds, evenly spread over all sounds.

    Those of each class are divided by their usual norm in `theirs`, so that all classes count alike.
    """
    size = round(SHORTEST_S * part.rate)
    excerpts = [sound[k : k + size] for sound in part.mixed for k in range(0, len(sound) - size + 1, size)]
    chosen = np.linspace(0, len(excerpts) - 1, min(len(excerpts), MOST_EXCERPTS)).astype(int)
    least = {name: LEAST_STATISTIC * values.size**0.5 for name, values in theirs[0].items()}
    norms = {name: max(np.mean([np.linalg.norm(one[name]) for one in theirs]), least[name]) for name in least}
    rows = [statistics(excerpts[k], part.rate) for k in chosen.tolist()]
    return np.stack([np.concatenate([values.ravel() / norms[name] for name, values in row.items()]) for row in rows])


def _octaves(made: Part, first: Part, second: Part) -> list[dict[str, float]]:
    """The rows of `octaves`."""
    found = [[band_levels(power, part.rate) for power in part.power] for part in (made, first, second)]
    levels = [np.array([(mean, floor) for _, mean, floor in rows]) for rows in found]  # [files, 2, octaves]
    off, real_off = (np.median(part - levels[2], axis=0) for part in levels[:2])
    hz = found[2][0][0]
    names = ("mean_db", "floor_db")
    rows = [
        {"hz": float(low)}
        | {name: float(off[k, j]) for k, name in enumerate(names)}
        | {f"real_{name}": float(real_off[k, j]) for k, name in enumerate(names)}
        for j, low in enumerate(hz)
    ]
    if second.sounds[0].shape[1] > 1:
        for name, part in (("coherence", made), ("real_coherence", second)):
            common = np.median([coherence(sound, part.rate) for sound in part.sounds], axis=0)
            for row, value in zip(rows, common.tolist(), strict=True):
                row[name] = value
    return rows


def _curves(made: Part, second: Part) -> dict[str, Any]:
    """What `spectra` returns."""
    curves: dict[str, Any] = {}
    for kind, part in (("generated", made), ("real", second)):
        hz, mean, floor = band_levels(np.concatenate(part.power), part.rate, FINE)
        curves |= {"hz": hz.tolist(), kind: {"mean": mean.tolist(), "floor": floor.tolist()}}
    return curves


def _parts(player: Player, corpus: Corpus) -> tuple[Part, Part, Part] | None:
    """What the model makes of the first halves, the first and the second halves, of files that are long enough."""
    tier = player.config.tier
    rate, bands = tier.sample_rate, corpus.tier.bands
    least, most = round(SHORTEST_S * rate) + bands, round(MOST_SECONDS * rate)
    kept = [corpus.longest(i) for i in range(len(corpus.names))]
    starts = [(first - int(corpus.offsets[i])) * bands for i, (first, _) in enumerate(kept)]
    halves = np.minimum(np.array([end - first for first, end in kept]) * bands // 2, most)
    chosen = np.flatnonzero(halves >= least)
    if not len(chosen):
        return None
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_FILES)).astype(int)]
    sizes = halves[chosen].tolist()
    first, second = [], []
    for i, size in zip(chosen.tolist(), sizes, strict=True):
        frames = sound_files.read_frames(corpus.names[i], rate, tier.sound_channels)[starts[i] :]
        first.append(frames[:size].copy())
        second.append(frames[size : 2 * size].copy())
    made = _continued(player, corpus, chosen.tolist(), [starts[i] for i in chosen.tolist()], first)
    return Part(made, rate), Part(first, rate), Part(second, rate)


def _continued(
    player: Player, corpus: Corpus, files: Sequence[int], starts: Sequence[int], first: Sequence[Frames]
) -> list[Frames]:
    """What a player makes of first halves under the curves of the second halves, each as long as its half.

    The halves begin at sample `starts` of their files.
    """
    tier, ranges = player.config.tier, player.config.ranges
    given = min(round(PRIME_S * tier.sample_rate), *map(len, first))
    sizes = [len(sound) for sound in first]
    curves = [
        restore(_held(corpus, i, start + size - given, given + max(sizes)), ranges, tier.prop)
        for i, start, size in zip(files, starts, sizes, strict=True)
    ]
    parameters = np.stack(curves)
    session = Session(player, ParameterArray(parameters[:, given:]), seed=1)
    session.prime(np.stack([sound[-given:] for sound in first]), parameters[:, :given])
    made = session.result("continuing the data")
    return [sound[:size] for sound, size in zip(made, sizes, strict=True)]


def _held(corpus: Corpus, i: int, first: int, count: int) -> NDArray[np.float32]:
    """The conditioning of file i from sample `first` on, [count, C]; past its end, the last step is held."""
    start, end, bands = int(corpus.offsets[i]), int(corpus.offsets[i + 1]), corpus.tier.bands
    steps = corpus.conditioning[start + first // bands : min(start - (-(first + count) // bands), end)]
    curves = np.repeat(steps, bands, axis=0)[first % bands :][:count]
    return np.pad(curves, ((0, count - len(curves)), (0, 0)), mode="edge")
