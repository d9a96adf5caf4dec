"""Level 3: where a rendering's priming and conditioning come from: data, an external array, fixed values, nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn import audio
from mtcrnn.config import AUDIO, Generate
from mtcrnn.errors import InputError, listing
from mtcrnn.modelconfig import ModelConfig
from mtcrnn.options import defaults
from mtcrnn.params import Param, sample_array
from mtcrnn.paramset import ParamManager
from mtcrnn.rng import Purpose, generator

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """A moment in a labelled sound: its values [N, G], its curves in the model's order, and the step to start from."""

    values: NDArray[np.floating[Any]]
    curves: list[Param]
    start: int


def load_array(path: Path, batch: int | None, names: Sequence[str]) -> NDArray[np.float64]:
    """Read control values [batch, length, parameters] (also [length, parameters] or [length]) from a .npy.

    One sound's values serve all of a `batch`; None takes as many sounds as there are.

    Raises:
        InputError: no such file, no plain array of numbers, a wrong shape, no values, NaN or infinite values.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is no plain .npy array of numbers: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        kind = array.dtype if isinstance(array, np.ndarray) else "several arrays"
        raise InputError(f"{path} holds {kind}; it must be one array of real numbers")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2:
        array = array[None]
    wanted = f"[{batch or 'sounds'}, length, {len(names)}] ({listing(names)})"
    if array.ndim != 3 or array.shape[2] != len(names):
        raise InputError(f"{path} has shape {list(array.shape)}; it must be {wanted}")
    if array.size == 0:
        raise InputError(f"{path} has no values: its shape is {list(array.shape)}")
    batch = batch or len(array)
    if array.shape[0] not in (1, batch):
        raise InputError(f"{path} is for {array.shape[0]} sounds, but --batch_size is {batch}")
    if not np.isfinite(array).all():
        raise InputError(f"{path} holds NaN or infinite values")
    return np.broadcast_to(array.astype(np.float64), (batch, *array.shape[1:]))


def read_gesture(options: Generate, config: ModelConfig) -> NDArray[np.float64]:
    """The gesture [1, blocks + 1, C + 1] that `options` name: controls, and the temperature.

    Raises:
        InputError: a file that does not fit the model; no seed; options that would change the sound.
    """
    assert options.gesture is not None
    if options.rand_seed is None:
        raise InputError("--gesture needs --rand_seed, the seed that was played")
    plain = defaults(Generate)
    others = ("set", "external_array", "seed", "data_dir", "rand_prime", "length", "seq_len", "temp", "batch_size")
    for name in others:
        if getattr(options, name) != plain[name]:
            raise InputError(f"--gesture goes without --{name}")
    return load_array(Path(options.gesture), 1, (*config.tier.prop, "temperature"))


class Controls:
    """The priming and conditioning that `Generate` options ask for.

    Args:
        config: the model's configuration.
        options: what was asked for.
        length: steps to generate.
        prime: steps of priming.
        seed: the random seed, which decides random places and random priming.

    Raises:
        InputError: conditioning that is missing or does not fit the model; see `load_array` and `ParamManager`.
    """

    def __init__(self, config: ModelConfig, options: Generate, length: int, prime: int, seed: int) -> None:
        self._tier, self._ranges = config.tier, config.ranges
        self._options, self._prime = options, prime
        self.batch, self.length = options.batch_size, length
        self._seed = seed
        self._from_data = options.paramvect == "self" and not options.set  # what conditions the generated part
        self._array, self._array_rate = self._external()
        if self._array is not None:
            self.batch = len(self._array)
        self._places = self._find_places()
        if self._array is None and self._tier.prop and not self._places:
            names = self._tier.prop
            raise InputError(
                f"this model is conditioned on {listing(names)}: give --set {names[0]}=VALUE, "
                f"--paramvect external with --external_array, or --seed or --data_dir to take the values from data"
            )
        if config.codec == "mulaw":  # nobody knows the ranges that a model of the original was trained on
            self._warn_out_of_range()

    def priming(self) -> tuple[NDArray[np.floating[Any]], NDArray[np.float64]] | None:
        """Values [B, P, G] and conditions [B, P, C] to prime with, or None."""
        if not self._prime:
            return None
        if self._options.rand_prime:
            rng = generator(self._seed, Purpose.PRIME)
            names = self._tier.generate
            low, high = (
                np.array([-1.0 if n == AUDIO else self._ranges[n].low for n in names]),
                np.array([1.0 if n == AUDIO else self._ranges[n].high for n in names]),
            )
            values = rng.uniform(low, high, (self.batch, self._prime, len(names)))
        elif self._places:
            values = np.stack([p.values[p.start : p.start + self._prime] for p in self._places])
        else:
            return None
        labelled = self._places and all(len(p.curves) == self._tier.cond_size for p in self._places)
        held = np.repeat(self.block(0, 1), self._prime, axis=1)  # unlabelled: what the first step is told
        return values, self._from_places(0, self._prime) if labelled else held

    def block(self, first: int, count: int) -> NDArray[np.float64]:
        """Conditions [B, count, C] of generated steps first .. first+count-1, in the user's units."""
        if self._array is not None:
            return sample_array(self._array, self._array_rate, self._tier.sample_rate, first, count)
        if self._tier.prop:
            return self._from_places(self._prime + first, count)
        return np.zeros((self.batch, count, 0))

    def _from_places(self, first: int, count: int) -> NDArray[np.float64]:
        rate = self._tier.sample_rate
        curves = [
            np.stack([param.sample(rate, place.start + first, count) for param in place.curves], axis=-1)
            if place.curves
            else np.zeros((count, 0))
            for place in self._places
        ]
        return np.stack(curves)

    def _find_places(self) -> list[Place]:
        """One place in the data for each sound, or none where the options name no data."""
        options = self._options
        source = options.seed or options.data_dir
        if not source or (options.rand_prime and not (self._from_data and self._tier.prop)):
            return []
        if options.seed and not Path(options.seed).is_file():
            raise InputError(f"--seed {options.seed}: no such file")
        data = ParamManager.at(source, options.param_dir)
        wavs = data.wavs()
        if options.seed:
            place = self._place(data, wavs[0], round(options.seed_start * self._tier.sample_rate))
            return [place] * self.batch
        rng = generator(self._seed, Purpose.PLACE)
        return [self._place(data, wavs[rng.integers(len(wavs))], None, rng) for _ in range(self.batch)]

    def _place(self, data: ParamManager, wav: Path, start: int | None, rng: np.random.Generator | None = None) -> Place:
        values = self._values_of(data, wav)
        latest = len(values) - self._prime
        if latest < 0:
            raise InputError(f"{wav} has {len(values)} steps, too few to prime with {self._prime}")
        if start is None:
            assert rng is not None
            start = int(rng.integers(latest + 1))
        elif start > latest:
            raise InputError(
                f"--seed_start {self._options.seed_start:g}: {wav} lasts {len(values) / self._tier.sample_rate:.3f} s, "
                f"and {self._prime} steps of priming must fit in behind"
            )
        curves: list[Param] = []
        if self._tier.prop and (self._from_data or data.path_of(wav).is_file()):
            file = data.read(wav)
            curves = [file.get(name, data.path_of(wav)) for name in self._tier.prop]
        return Place(values, curves, start)

    def _values_of(self, data: ParamManager, wav: Path) -> NDArray[np.floating[Any]]:
        """What this tier generates, as it is in the data: samples [N, 1], or parameters [N, G] in the user's units."""
        rate, names = self._tier.sample_rate, self._tier.generate
        if self._tier.is_audio:
            return audio.read(wav, rate).samples[:, None]
        file, length = data.read(wav), int(audio.read(wav).duration_s * rate)
        return np.stack([file.get(n, data.path_of(wav)).sample(rate, 0, length) for n in names], axis=-1)

    def _external(self) -> tuple[NDArray[np.float64] | None, float]:
        """The array that conditions the generated part and its rate, or None where the data does."""
        options, names = self._options, self._tier.prop
        if options.set:
            if options.external_array:
                raise InputError("--set and --external_array both give the conditioning; keep one")
            return parse_settings(options.set, names, self.length, self.batch), float(self._tier.sample_rate)
        if options.external_array and options.paramvect != "external":
            raise InputError(f"--external_array needs --paramvect external, not {options.paramvect}")
        if options.paramvect == "external":
            if not names:
                raise InputError("--paramvect external: this model has no conditioning parameters")
            if not options.external_array:
                raise InputError(f"--paramvect external needs --external_array, a .npy with {listing(names)}")
            if options.external_sr is None:
                raise InputError("--external_array needs --external_sr, its number of values per second")
            if not options.external_sr > 0:
                raise InputError(f"--external_sr is {options.external_sr:g}; it must be above 0")
            batch = None if options.batch_size == 1 else options.batch_size
            return load_array(Path(options.external_array), batch, names), options.external_sr
        if names and options.paramvect == "none":
            raise InputError(f"--paramvect none, but this model is conditioned on {listing(names)}")
        return None, 0.0

    def _warn_out_of_range(self) -> None:
        if self._array is None:
            return
        for k, name in enumerate(self._tier.prop):
            low, high = float(self._array[..., k].min()), float(self._array[..., k].max())
            known = self._ranges[name]
            if low < known.low or high > known.high:
                log.warning(
                    "%s goes from %g to %g, but the model was trained on %g to %g",
                    name,
                    low,
                    high,
                    known.low,
                    known.high,
                )


def parse_settings(settings: Sequence[str], names: Sequence[str], length: int, batch: int) -> NDArray[np.float64]:
    """Constant or linear curves from NAME=VALUE or NAME=FROM:TO: control values [batch, length, parameters].

    Raises:
        InputError: a setting that is not of that form, an unknown name, a name twice or missing.

    >>> parse_settings(["rate=0:1"], ["rate"], 3, 1).tolist()
    [[[0.0], [0.5], [1.0]]]
    """
    curves: dict[str, NDArray[np.float64]] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            ends = [float(part) for part in value.split(":")]
        except ValueError:
            ends = []
        if not 1 <= len(ends) <= 2 or not np.isfinite(ends).all():
            raise InputError(f"--set {setting}: write NAME=VALUE or NAME=FROM:TO, with numbers")
        if name not in names:
            raise InputError(f"--set {setting}: this model has no parameter {name!r}; it has {listing(names)}")
        if name in curves:
            raise InputError(f"--set names {name} twice")
        curves[name] = np.linspace(ends[0], ends[-1], length)
    missing = [name for name in names if name not in curves]
    if missing:
        raise InputError(f"--set lacks {listing(missing)}")
    return np.repeat(np.stack([curves[name] for name in names], axis=-1)[None], batch, axis=0)
