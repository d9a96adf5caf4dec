"""A texture as a data set on disk: which values its files take, and writing them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.files import LEAST_RATE
from mtcrnn.core.errors import InputError, listing, unknown
from mtcrnn.core.files import write_folder
from mtcrnn.core.limits import MOST_RATE
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.data.dataset import make_param
from mtcrnn.data.params import SUFFIX, ParamFile
from mtcrnn.textures.synths import TEXTURES, Texture

HELD_OUT = "_held_out"  # a folder's name goes on with this
MOST_FILES = 100_000
MOST_SAMPLES = 10_000_000  # of a file: what it takes to make one fits into 2 GB
LONGEST_STEM = 128  # characters of a file's name, and some
APART = 1 / 20  # of a parameter's range: random values keep so far from those held out


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

    The same arguments make the same files. Each is on disk before the next is made.

    Args:
        name: one of `TEXTURES`.
        out: a new folder.
        vary: parameters that differ between files; left out: the first.
        files: with one number, so many values of each of `vary`, evenly spread over its range, in all combinations;
            with several, so many of each in turn.
        random: values drawn at random instead; `files` is the number of files.
        glide: every file moves from its values to those of another, in a straight line.
        settings: values of parameters that do not vary, in the texture's units.
        held_out: values that no file takes, by parameter; a file for each of them goes to the folder `OUT_held_out`.
        seconds: length of each file.
        sample_rate: in Hz.
        seed: of everything random.

    Returns:
        The wavs; without those held out.

    Raises:
        InputError: an unknown texture or parameter, numbers out of range, or a folder that exists already.
    """
    if name not in TEXTURES:
        raise unknown("texture", name, TEXTURES)
    texture = TEXTURES[name]
    vary = tuple(vary) or (next(iter(texture.knobs)),)
    counts = [files] if isinstance(files, int) else list(files)
    _check(texture, vary, counts, random, glide, settings or {}, held_out or {})
    length = _length(seconds, sample_rate)
    if out.name in ("", ".."):
        raise InputError(f"`out` {out} is no name of a new folder")
    usual = {k: knob.usual for k, knob in texture.knobs.items()} | dict(settings or {})
    held = {k: list(values) for k, values in (held_out or {}).items()}
    rng = generator(seed, Purpose.TEXTURE)
    points = _drawn(texture, vary, counts[0], held, rng) if random else _grid(texture, vary, counts, held)
    if not points:
        raise InputError("all values are held out: there is nothing to write")
    starts = [usual | point for point in points]
    ends = [starts[k] for k in _others(len(starts), rng)] if glide else starts
    apart = [usual | {k: value} for k, values in held.items() for value in values]
    written = {out: list(zip(starts, ends, strict=True)), out.with_name(out.name + HELD_OUT): [(p, p) for p in apart]}
    for folder in written:
        if written[folder]:
            _check_new(folder)
    for which, (folder, pairs) in enumerate(written.items()):
        if pairs:
            shown = [*vary, *(k for k in held if k not in vary)]
            write_folder(folder, _contents(name, shown, pairs, (seconds, length, sample_rate), (seed, which)))
    return sorted(out.glob("*.wav"))


def _contents(
    name: str,
    shown: Sequence[str],
    pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]],
    size: tuple[float, int, int],
    seed: tuple[int, int],
) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file: wavs that go from the first to the second values of a pair, and param files."""
    seconds, length, rate = size
    texture = TEXTURES[name]
    digits = len(str(len(pairs) - 1))
    for k, (start, end) in enumerate(tqdm(pairs, desc=name, unit="file", leave=False)):
        curves = {p: np.linspace(start[p], end[p], length) for p in texture.knobs}
        rng = generator(seed[0], Purpose.TEXTURE, seed[1], k)
        samples = texture.sound(rng, curves, rate)
        values = "_".join(f"{p}{start[p]:06.3f}" + (f"-{end[p]:06.3f}" if start is not end else "") for p in shown)
        stem = f"{name}_{k:0{digits}}_{values}" if len(pairs) > 1 else f"{name}_{values}"
        params = {
            p: make_param([0.0, seconds], [start[p], end[p]], units=knob.units, minval=knob.low, maxval=knob.high)
            for p, knob in texture.knobs.items()
        }
        yield f"{stem}.wav", sound_files.wav_bytes(samples, rate)
        yield f"{stem}{SUFFIX}", ParamFile(params, {"filename": f"{stem}.wav", "texture": name}).text().encode()


def _grid(
    texture: Texture, vary: Sequence[str], counts: Sequence[int], held: Mapping[str, Sequence[float]]
) -> list[dict[str, float]]:
    """All combinations of evenly spread values, without those held out."""
    axes = [
        [
            float(value)
            for value in np.linspace(texture.knobs[p].low, texture.knobs[p].high, size)
            if not any(math.isclose(value, h, rel_tol=1e-6, abs_tol=1e-9) for h in held.get(p, ()))
        ]
        for p, size in zip(vary, _sizes(vary, counts), strict=True)
    ]
    return [dict(zip(vary, values, strict=True)) for values in itertools.product(*axes)]


def _sizes(vary: Sequence[str], counts: Sequence[int]) -> list[int]:
    """How many values of each parameter a grid has."""
    return list(counts) * (len(vary) if len(counts) == 1 else 1)


def _drawn(
    texture: Texture, vary: Sequence[str], count: int, held: Mapping[str, Sequence[float]], rng: np.random.Generator
) -> list[dict[str, float]]:
    """Values at random, none of them near to one that is held out."""

    def draw(p: str) -> float:
        knob = texture.knobs[p]
        while True:
            value = float(rng.uniform(knob.low, knob.high))
            if all(abs(value - h) > APART * (knob.high - knob.low) for h in held.get(p, ())):
                return value

    return [{p: draw(p) for p in vary} for _ in range(count)]


def _others(count: int, rng: np.random.Generator) -> list[int]:
    """For each of `count` files another one, each of them once, in one round."""
    order = rng.permutation(count)
    others = np.empty(count, int)
    others[order] = np.roll(order, 1)
    return others.tolist()


def _check_new(folder: Path) -> None:
    """Raise InputError where a folder is there already, or its files could not be written."""
    try:
        there = folder.exists() or (folder / ("_" * LONGEST_STEM)).exists()
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    if there:
        raise InputError(f"{folder} exists already")


def _length(seconds: float, sample_rate: int) -> int:
    """Samples of a file. Raises InputError for none, and for too many."""
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
            f"`seconds` {seconds:g} is too long for one file at {sample_rate} Hz: {most} at most; more `files`"
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
    """Raise InputError where the arguments of `write_texture` do not fit the texture or each other."""
    for p in (*vary, *settings, *held_out):
        if p not in texture.knobs:
            raise unknown("parameter", p, texture.knobs)
    if len(set(vary)) < len(vary):
        raise InputError(f"`vary` {' '.join(vary)}: each once")
    for count in counts:
        if count < 1:
            raise InputError(f"`files` is {count}; it must be above 0")
    if len(counts) not in (1, len(vary)) or (random and len(counts) > 1):
        allowed = "one number" if random else f"one number, or one for each of {listing(vary)}"
        raise InputError(f"`files` {' '.join(map(str, counts))}: give {allowed}")
    total = (counts[0] if random else math.prod(_sizes(vary, counts))) + sum(map(len, held_out.values()))
    if total > MOST_FILES:
        raise InputError(f"`files` {' '.join(map(str, counts))} makes {total:,} files; {MOST_FILES:,} at most")
    if both := [p for p in settings if p in vary]:
        raise InputError(f"`set` {both[0]}: that parameter varies (`vary`)")
    if glide and held_out:
        raise InputError("`held_out` goes without `glide`, which passes through all values")
    for p, value in settings.items():
        _check_values(texture, "set", p, [value])
    for p, values in held_out.items():
        _check_values(texture, "held_out", p, values)
        if random and p in vary and 2 * APART * len(set(values)) >= 0.9:
            raise InputError(f"`held_out` {p}: {len(values)} values leave no room for others")


def _check_values(texture: Texture, option: str, p: str, values: Sequence[float]) -> None:
    knob = texture.knobs[p]
    for value in values:
        if not knob.low <= value <= knob.high:
            raise InputError(f"`{option}` {p}={value:g}: it must be {knob.low:g} to {knob.high:g} ({knob.units})")
