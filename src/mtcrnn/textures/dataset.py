"""Writing a data set of a built-in texture: choosing the parameter values of its files, making wavs and param files."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.files import LEAST_RATE
from mtcrnn.config.periods import PERIODS
from mtcrnn.core.errors import InputError, listing, unknown
from mtcrnn.core.files import write_folder
from mtcrnn.core.limits import MOST_RATE
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.data.dataset import make_param
from mtcrnn.data.params import METERS, SUFFIX, ParamFile
from mtcrnn.textures.synths import TEXTURES, Texture, Values

HELD_OUT = "_held_out"  # suffix of the folder of held-out files
MOST_FILES = 100_000  # in a data set
MOST_SAMPLES = 10_000_000  # in a file; making one of this length needs 2 GB
LONGEST_STEM = 128  # characters in the name of a file, with some to spare
APART = 1 / 20  # share of a parameter's range: the least distance of random values from held-out ones

Pair = tuple[Values, Values]  # at the start and at the end of a file


def write_texture(
    name: str,
    out: Path,
    *,
    vary: Sequence[str] = (),
    files: int | Sequence[int] = 11,
    random: bool = False,
    glide: bool = False,
    settings: Mapping[str, float] | None = None,
    held_out: Mapping[str, Sequence[float]] | None = None,
    seconds: float = 10.0,
    sample_rate: int = 16000,
    seed: int = 0,
) -> list[Path]:
    """Write a data set of a texture: wavs with param files that label all of its parameters.

    The same arguments give the same files. Each is written to disk before the next is made.

    Args:
        name: one of `TEXTURES`.
        out: a new folder.
        vary: parameters that differ between files (default: the first).
        files: the number of values of each of `vary`, evenly spaced over its range, in all combinations; or a number
            for each of `vary`.
        random: draw the values at random instead; `files` is then the number of files.
        glide: every file moves linearly from its values to those of another.
        settings: values of parameters that do not vary, in the texture's units.
        held_out: values that no file has, by parameter; one file for each is written to the folder `OUT_held_out`.
        seconds: length of each file, in seconds.
        sample_rate: in Hz.
        seed: random seed.

    Returns:
        The wavs, without those held out.

    Raises:
        InputError: an unknown texture or parameter, numbers out of range, or a folder that already exists.
    """
    if name not in TEXTURES:
        raise unknown("texture", name, TEXTURES)
    texture = TEXTURES[name]
    vary = tuple(vary) or (next(iter(texture.parameters)),)
    counts = [files] if isinstance(files, int) else list(files)
    _check(texture, vary, counts, random, glide, settings or {}, held_out or {})
    length = _length(seconds, sample_rate)
    if out.name in ("", ".."):
        raise InputError(f"`out` {out} is not a name for a new folder")
    default = {p: parameter.default for p, parameter in texture.parameters.items()} | dict(settings or {})
    held = {p: list(values) for p, values in (held_out or {}).items()}
    rng = generator(seed, Purpose.TEXTURE)
    points = _drawn(texture, vary, counts[0], held, rng) if random else _grid(texture, vary, counts, held)
    if not points:
        raise InputError("all values are held out: there is nothing to write")
    starts = [default | point for point in points]
    ends = [starts[k] for k in _others(len(starts), rng)] if glide else starts
    apart = [default | {p: value} for p, values in held.items() for value in values]
    folders = {out: list(zip(starts, ends, strict=True)), out.with_name(out.name + HELD_OUT): [(v, v) for v in apart]}
    shown = [*vary, *(p for p in held if p not in vary)]
    _write_folders(name, shown, folders, (seconds, length, sample_rate), seed)
    return sorted(out.glob("*.wav"))


def _write_folders(
    name: str,
    shown: Sequence[str],
    folders: Mapping[Path, Sequence[Pair]],
    size: tuple[float, int, int],
    seed: int,
) -> None:
    """Write the files of each folder that has any, after checking that all are new."""
    for folder, pairs in folders.items():
        if pairs:
            _check_new(folder)
    for number, (folder, pairs) in enumerate(folders.items()):
        if pairs:
            write_folder(folder, _contents(name, shown, pairs, size, (seed, number)))


def _contents(
    name: str, shown: Sequence[str], pairs: Sequence[Pair], size: tuple[float, int, int], seed: tuple[int, int]
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file: a wav that moves from the first to the second values of a pair; its param file.

    The names have the values of the parameters `shown`; `size` is seconds, samples and sample rate.
    """
    seconds, length, rate = size
    texture = TEXTURES[name]
    digits = len(str(len(pairs) - 1))
    periods = {p: about.hertz for p, about in texture.parameters.items() if about.hertz}
    meters = {p: about.meter for p, about in texture.parameters.items() if about.meter}
    known = {METERS: meters, **({PERIODS: periods} if periods else {})}
    for k, (start, end) in enumerate(tqdm(pairs, desc=name, unit="file", leave=False)):
        curves = {p: np.linspace(start[p], end[p], length) for p in texture.parameters}
        rng = generator(seed[0], Purpose.TEXTURE, seed[1], k)
        samples = texture.sound(rng, curves, rate)
        values = "_".join(f"{p}{start[p]:06.3f}" + (f"-{end[p]:06.3f}" if start is not end else "") for p in shown)
        stem = f"{name}_{k:0{digits}}_{values}" if len(pairs) > 1 else f"{name}_{values}"
        params = {
            p: make_param([0.0, seconds], [start[p], end[p]], units=about.units, minval=about.low, maxval=about.high)
            for p, about in texture.parameters.items()
        }
        yield f"{stem}.wav", sound_files.wav_bytes(samples, rate)
        yield (
            f"{stem}{SUFFIX}",
            ParamFile(params, {"filename": f"{stem}.wav", "texture": name, **known}).text().encode(),
        )


def _grid(
    texture: Texture, vary: Sequence[str], counts: Sequence[int], held: Mapping[str, Sequence[float]]
) -> list[dict[str, float]]:
    """All combinations of evenly spaced values, without those held out."""
    axes = [
        [
            float(value)
            for value in np.linspace(texture.parameters[p].low, texture.parameters[p].high, size)
            if not any(math.isclose(value, h, rel_tol=1e-6, abs_tol=1e-9) for h in held.get(p, ()))
        ]
        for p, size in zip(vary, _sizes(vary, counts), strict=True)
    ]
    return [dict(zip(vary, values, strict=True)) for values in itertools.product(*axes)]


def _sizes(vary: Sequence[str], counts: Sequence[int]) -> list[int]:
    """The number of values of each parameter in a grid."""
    return list(counts) * (len(vary) if len(counts) == 1 else 1)


def _drawn(
    texture: Texture, vary: Sequence[str], count: int, held: Mapping[str, Sequence[float]], rng: np.random.Generator
) -> list[dict[str, float]]:
    """Random values, none of them close to a held-out one."""

    def draw(p: str) -> float:
        low, high = texture.parameters[p].low, texture.parameters[p].high
        while True:
            value = float(rng.uniform(low, high))
            if all(abs(value - h) > APART * (high - low) for h in held.get(p, ())):
                return value

    return [{p: draw(p) for p in vary} for _ in range(count)]


def _others(count: int, rng: np.random.Generator) -> list[int]:
    """For each of `count` files another one: a random permutation that is a single cycle."""
    order = rng.permutation(count)
    others = np.empty(count, int)
    others[order] = np.roll(order, 1)
    return others.tolist()


def _check_new(folder: Path) -> None:
    """Raise InputError if a folder already exists, or if its files could not be written."""
    try:
        there = folder.exists() or (folder / ("_" * LONGEST_STEM)).exists()
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    if there:
        raise InputError(f"{folder} already exists")


def _length(seconds: float, sample_rate: int) -> int:
    """The number of samples in a file. Raises InputError for none, and for too many."""
    if not seconds > 0:
        raise InputError(f"`seconds` is {seconds}; it must be above 0")
    if not LEAST_RATE <= sample_rate <= MOST_RATE:
        raise InputError(f"`sample_rate` is {sample_rate}; it must be {LEAST_RATE} to {MOST_RATE} Hz")
    length = round(min(seconds * sample_rate, 2 * MOST_SAMPLES))
    if not length:
        raise InputError(f"`seconds` {seconds} is less than one sample at {sample_rate} Hz")
    if length > MOST_SAMPLES:
        most = MOST_SAMPLES // sample_rate
        raise InputError(
            f"`seconds` {seconds:g} is too long for one file at {sample_rate} Hz: at most {most}; make more `files`"
        )
    return length


def _check(
    texture: Texture,
    vary: Sequence[str],
    counts: Sequence[int],
    random: bool,
    glide: bool,
    settings: Mapping[str, float],
    held_out: Mapping[str, Sequence[float]],
) -> None:
    """Raise InputError if the arguments of `write_texture` do not fit the texture or each other."""
    for p in (*vary, *settings, *held_out):
        if p not in texture.parameters:
            raise unknown("parameter", p, texture.parameters)
    if len(set(vary)) < len(vary):
        raise InputError(f"`vary` {' '.join(vary)}: name each once")
    for count in counts:
        if count < 1:
            raise InputError(f"`files` is {count}; it must be above 0")
    if len(counts) not in (1, len(vary)) or (random and len(counts) > 1):
        allowed = "one number" if random else f"one number, or one for each of {listing(vary)}"
        raise InputError(f"`files` {' '.join(map(str, counts))}: give {allowed}")
    total = (counts[0] if random else math.prod(_sizes(vary, counts))) + sum(map(len, held_out.values()))
    if total > MOST_FILES:
        raise InputError(f"`files` {' '.join(map(str, counts))} makes {total:,} files; at most {MOST_FILES:,}")
    if both := [p for p in settings if p in vary]:
        raise InputError(f"`set` {both[0]}: that parameter varies (`vary`)")
    if glide and held_out:
        raise InputError("`held_out` cannot be used with `glide`, which passes through all values")
    for p, value in settings.items():
        _check_values(texture, "set", p, [value])
    for p, values in held_out.items():
        _check_values(texture, "held_out", p, values)
        if random and p in vary and 2 * APART * len(set(values)) >= 0.9:
            raise InputError(f"`held_out` {p}: {len(values)} values leave no room for others")


def _check_values(texture: Texture, option: str, p: str, values: Sequence[float]) -> None:
    about = texture.parameters[p]
    for value in values:
        if not about.low <= value <= about.high:
            raise InputError(f"`{option}` {p}={value:g}: it must be {about.low:g} to {about.high:g} ({about.units})")
