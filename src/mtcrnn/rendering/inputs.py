"""The parameters and the priming of a rendering: from labelled data, an external array, fixed values, or none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.config.generate import MOST_PRIME, Conditioning, Generate, Playing
from mtcrnn.config.ranges import Range
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.params import Param
from mtcrnn.rendering.parameters import External, ParameterCurves, check_range, load_array, parse_settings
from mtcrnn.rendering.player import Interface
from mtcrnn.rendering.stream import MOST_LIVE_TEMPERATURE, TEMPERATURE


@dataclass(frozen=True)
class Excerpt:
    """A place in a labelled sound: values [P, G] to prime with, the sound's curves in the model's order, the step."""

    values: NDArray[np.floating[Any]]
    curves: list[Param]
    start: int


def read_gesture(options: Generate, config: Interface) -> NDArray[np.float64]:
    """The gesture [1, blocks + 1, C + 1] that `options` name: parameters, then the temperature.

    Raises:
        InputError: a file that does not fit the model, no seed, or options that would change the sound.
    """
    path = options.conditioning.gesture
    assert path is not None
    if options.playing.rand_seed is None:
        raise InputError("`gesture` needs `rand_seed`, the seed that it was played with")
    asked = {**vars(options.conditioning), **vars(options.playing)}
    plain = {**vars(Conditioning()), **vars(Playing())}
    others = ("set", "external_array", "seed", "data_dir", "rand_prime", "length", "seq_len", "temp", "batch_size")
    for name in others:
        if asked[name] != plain[name]:
            raise InputError(f"`gesture` cannot be combined with `{name}`")
    gesture = load_array(Path(path), 1, (*config.tier.prop, TEMPERATURE))
    if gesture.shape[1] < 2:
        raise InputError(f"{path} has one row; a gesture has one for each block of sound, and one more")
    *ends, (low, high) = External(gesture, 1).ends().T.tolist()
    for name, values in zip(config.tier.prop, ends, strict=True):
        check_range(name, values, config.ranges[name], known=config.knows_ranges)
    if not 0 <= low <= high <= MOST_LIVE_TEMPERATURE:
        raise InputError(
            f"{path}: temperatures are {low:g} to {high:g}; they must be within 0 to {MOST_LIVE_TEMPERATURE:g}"
        )
    return gesture


class Inputs:
    """The parameters and the priming that options ask for: a `session.Parameters`.

    Args:
        config: of the player.
        options: what was asked for.
        batch: number of sounds; 1 also allows as many as the external array has.
        length: steps to generate.
        prime: steps of priming.
        seed: the random seed, which decides random places and random priming.

    Raises:
        InputError: parameters that are missing or do not fit the model; see `load_array` and `ParamManager`.
    """

    def __init__(
        self, config: Interface, options: Conditioning, batch: int, length: int, prime: int, seed: int
    ) -> None:
        self._tier, self._ranges = config.tier, config.ranges
        self._options, self._prime = options, prime
        self.batch, self.length = batch, length
        self._seed = seed
        self._from_data = options.paramvect == "self" and not options.set  # the generated part's parameters
        self._curves = self._given()
        if isinstance(self._curves, External):
            self.batch = max(self.batch, len(self._curves.values))
        if prime * self.batch > MOST_PRIME:
            raise InputError(
                f"`seq_len`: {prime} steps of priming for {self.batch} sounds are too many; at most {MOST_PRIME} in all"
            )
        self._excerpts = self._find_excerpts()
        if self._curves is None and self._tier.prop and not self._excerpts:
            names = self._tier.prop
            raise InputError(
                f"this model is conditioned on {listing(names)}: give `set` {names[0]}=VALUE, "
                f"`paramvect` external with `external_array`, or `seed` or `data_dir` to take the values from data"
            )
        if self._curves is not None:
            for name, ends in zip(self._tier.prop, self._curves.ends().T.tolist(), strict=True):
                check_range(name, ends, self._ranges[name], known=config.knows_ranges)

    def priming(self) -> tuple[NDArray[np.floating[Any]], NDArray[np.float64]] | None:
        """Values [B, P, G] and parameters [B, P, C] to prime with, or None."""
        if not self._prime:
            return None
        if self._options.rand_prime:
            rng = generator(self._seed, Purpose.PRIME)
            names, columns = self._tier.generate, self._tier.columns
            ranges = [Range(-1.0, 1.0)] * columns if self._tier.is_audio else [self._ranges[n] for n in names]
            low, high = np.array([(r.low, r.high) for r in ranges]).T
            values = rng.uniform(low, high, (self.batch, self._prime, len(ranges)))
        elif self._excerpts:
            values = np.stack([excerpt.values for excerpt in self._excerpts])
        else:
            return None
        labelled = self._excerpts and all(len(p.curves) == self._tier.cond_size for p in self._excerpts)
        held = np.repeat(self.block(0, 1), self._prime, axis=1)  # without labels: the first step's
        return values, self._from_excerpts(0, self._prime) if labelled else held

    def block(self, first: int, count: int) -> NDArray[np.float64]:
        """See `session.Parameters.block`."""
        if self._curves is not None:
            made = self._curves.block(self._tier.sample_rate, first, count)
            return np.broadcast_to(made, (self.batch, *made.shape[1:]))
        if self._tier.prop:
            return self._from_excerpts(self._prime + first, count)
        return np.zeros((self.batch, count, 0))

    def _from_excerpts(self, first: int, count: int) -> NDArray[np.float64]:
        rate = self._tier.sample_rate
        curves = [
            np.stack([param.sample(rate, excerpt.start + first, count) for param in excerpt.curves], axis=-1)
            if excerpt.curves
            else np.zeros((count, 0))
            for excerpt in self._excerpts
        ]
        return np.stack(curves)

    def _find_excerpts(self) -> list[Excerpt]:
        """One excerpt of the data for each sound; none if the options name no data."""
        options = self._options
        source = options.seed or options.data_dir
        if not source or (options.rand_prime and not (self._from_data and self._tier.prop)):
            return []
        if options.seed and not Path(options.seed).is_file():
            raise InputError(f"`seed` {options.seed}: no such file")
        data = ParamManager.at(source, options.param_dir)
        wavs = data.wavs()
        if options.seed:
            excerpt = self._excerpt(data, wavs[0], round(options.seed_start * self._tier.sample_rate))
            return [excerpt] * self.batch
        rng = generator(self._seed, Purpose.PLACE)
        return [self._excerpt(data, wavs[rng.integers(len(wavs))], None, rng) for _ in range(self.batch)]

    def _excerpt(
        self, data: ParamManager, wav: Path, start: int | None, rng: np.random.Generator | None = None
    ) -> Excerpt:
        values = self._values_of(data, wav)
        latest = len(values) - self._prime
        if latest < 0:
            raise InputError(f"{wav} has {len(values)} steps, too few to prime with {self._prime}")
        if start is None:
            assert rng is not None
            start = int(rng.integers(latest + 1))
        elif start > latest:
            raise InputError(
                f"`seed_start` {self._options.seed_start:g}: {wav} lasts {len(values) / self._tier.sample_rate:.3f} s, "
                f"and {self._prime} steps of priming must fit after that"
            )
        curves: list[Param] = []
        if self._tier.prop and (self._from_data or data.path_of(wav).is_file()):
            file = data.read(wav)
            curves = [file.get(name, data.path_of(wav)) for name in self._tier.prop]
        return Excerpt(values[start : start + self._prime].copy(), curves, start)

    def _values_of(self, data: ParamManager, wav: Path) -> NDArray[np.floating[Any]]:
        """What the data have of what this tier generates, [N, G]: frames, or parameters in the user's units."""
        rate, names = self._tier.sample_rate, self._tier.generate
        if self._tier.is_audio:
            return sound_files.read_frames(wav, rate, self._tier.sound_channels)
        file, length = data.read(wav), int(sound_files.survey(wav)[0] * rate)
        return np.stack([file.get(n, data.path_of(wav)).sample(rate, 0, length) for n in names], axis=-1)

    def _given(self) -> ParameterCurves | None:
        """The parameters of the generated part, where the options give them; None where they come from data."""
        options, names = self._options, self._tier.prop
        if options.set:
            if options.external_array:
                raise InputError("`set` and `external_array` both give the parameters; use only one")
            return parse_settings(options.set, names, self.length)
        if options.external_array and options.paramvect != "external":
            raise InputError(f"`external_array` needs `paramvect` external, not {options.paramvect}")
        if options.paramvect == "external":
            if not names:
                raise InputError("`paramvect` external: this model has no parameters")
            if not options.external_array:
                raise InputError(f"`paramvect` external needs `external_array`, a .npy with {listing(names)}")
            if options.external_sr is None:
                raise InputError("`external_array` needs `external_sr`, its number of values per second")
            batch = None if self.batch == 1 else self.batch
            return External(load_array(Path(options.external_array), batch, names), options.external_sr)
        if names and options.paramvect == "none":
            raise InputError(f"`paramvect` none, but this model is conditioned on {listing(names)}")
        return None
