"""Gestures: parameter curves over time, as arrays. Made from basic shapes, joined, stacked, or read from MIDI.

A gesture is an array [length, parameters] in the user's units, with `rate` values per second: what `mtcrnn generate
--external_array` takes, and what the original's control notebooks made by hand. Short ones are joined in time (`join`)
and stacked side by side (`stack`); several of equal length are a batch [batch, length, parameters] (`grid`).

    >>> rise = join(constant(0.2, 1), line(0.2, 0.8, 2))
    >>> stack(rise, sine(400, 800, 0.5, 3)).shape
    (300, 2)
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.limits import LEAST_CONTROL_RATE, MOST_CONTROL_RATE, MOST_SOUNDS

Gesture = NDArray[np.float64]

RATE = 100.0  # values per second
MOST_VALUES = 10_000_000  # in a gesture: length x parameters x sounds


def constant(value: float, seconds: float, *, rate: float = RATE) -> Gesture:
    """A constant value [L, 1]. Like all functions here, raises InputError for a gesture of no or too many values."""
    return np.full((_length(seconds, rate), 1), float(value))


def line(start: float, end: float, seconds: float, *, rate: float = RATE) -> Gesture:
    """A straight line [L, 1] that includes both end values."""
    return np.linspace(start, end, _length(seconds, rate))[:, None]


def gaussian(low: float, high: float, seconds: float, width: float | None = None, *, rate: float = RATE) -> Gesture:
    """A bell curve [L, 1]: from near `low` up to `high` in the middle, and down again.

    Its standard deviation is `width` seconds. By default that is a sixth of the length, so that the ends are 1% of the
    range above `low`.
    """
    times = _times(seconds, rate) - (_length(seconds, rate) - 1) / rate / 2
    width = seconds / 6 if width is None else width
    if not width > 0:
        raise InputError(f"the width of a gaussian is {width:g} s; it must be above 0")
    return (low + (high - low) * np.exp(-0.5 * (times / width) ** 2))[:, None]


def steps(values: Sequence[float], seconds: float | Sequence[float], *, rate: float = RATE) -> Gesture:
    """A series of values [L, 1], each held for `seconds` (one number for all, or one for each)."""
    durations = [seconds] * len(values) if isinstance(seconds, int | float) else list(seconds)
    if not values:
        raise InputError("steps need at least one value")
    if len(durations) != len(values):
        raise InputError(f"{len(values)} values but {len(durations)} lengths; give one for all, or one for each")
    _check_size(sum(abs(length) for length in durations), rate)
    ends = np.round(np.cumsum(durations) * rate).astype(int)
    counts = np.diff(ends, prepend=0)
    if counts.min() < 1:
        raise InputError(f"a step lasts {min(durations):g} s: less than one value at {rate:g} values per second")
    return np.repeat(np.asarray(values, np.float64), counts)[:, None]


def notes(midi: Sequence[float], seconds: float | Sequence[float], *, rate: float = RATE) -> Gesture:
    """Notes of the equal-tempered scale as frequencies in Hz [L, 1]: MIDI number 69 is 440 Hz.

    Raises InputError for numbers outside 0 to 127; fractions are allowed.
    """
    for note in midi:
        if not 0 <= note <= 127:
            raise InputError(f"{note:g} is not a MIDI number; they are 0 to 127")
    return steps([440.0 * 2.0 ** ((note - 69.0) / 12.0) for note in midi], seconds, rate=rate)


def sine(low: float, high: float, hz: float, seconds: float, phase: float = 0.0, *, rate: float = RATE) -> Gesture:
    """A sine between two values, `hz` cycles per second [L, 1]; `phase` is in cycles, 0 begins in the middle."""
    return (0.5 * (low + high) + 0.5 * (high - low) * np.sin(2 * np.pi * (hz * _times(seconds, rate) + phase)))[:, None]


def envelope(
    attack: float,
    decay: float,
    sustain: float,
    release: float,
    seconds: float,
    high: float = 1.0,
    *,
    rate: float = RATE,
) -> Gesture:
    """An ADSR envelope [L, 1]: to `high` in `attack` s, to `sustain` (a share of `high`) in `decay` s, then to 0.

    It falls to 0 in the last `release` s. Raises InputError if the three take longer than `seconds`.
    """
    if min(attack, decay, release) < 0 or attack + decay + release > seconds:
        raise InputError(
            f"attack, decay and release of {attack:g}, {decay:g} and {release:g} s do not fit into {seconds:g} s"
        )
    times = _times(seconds, rate)

    def passed(start: float, length: float) -> Gesture:
        return np.clip((times - start) / length, 0, 1) if length else (times >= start).astype(np.float64)

    down = 1 - (1 - sustain) * passed(attack, decay)
    return (high * passed(0, attack) * down * (1 - passed(seconds - release, release)))[:, None]


def spiral(
    lows: Sequence[float], highs: Sequence[float], turns: float, seconds: float, *, rate: float = RATE
) -> Gesture:
    """A spiral through C parameters [L, C]: `turns` times around the middle of their ranges, from there outwards.

    Parameter c lags behind the first by half a cycle times c / C: plotted against each other, two make a spiral.
    """
    low, high = np.asarray(lows, np.float64), np.asarray(highs, np.float64)
    if low.shape != high.shape or low.ndim != 1 or not len(low):
        raise InputError(f"a spiral has {low.size} low and {high.size} high values; give one of each per parameter")
    share = np.linspace(0, 1, _length(seconds, rate, low.size))[:, None]
    lag = np.arange(len(low)) / (2 * len(low))
    return 0.5 * (low + high) + 0.5 * (high - low) * share * np.cos(2 * np.pi * (turns * share - lag))


def from_midi(path: Path, *, rate: float = RATE) -> Gesture:
    """Note (MIDI number), gate (1 while a key is down) and velocity (0 to 1) from a `.mid` file: [L, 3].

    The result is monophonic: the newest key counts. Note and velocity keep their values after it, and before the first
    key they have the values of that key. The sustain pedal holds keys down. Drums (channel 10) have no pitch and are
    left out.

    Raises:
        InputError: no such file, not a MIDI file, or one without notes.
    """
    from mtcrnn.gestures import midi

    changes, seconds = midi.voice(path)
    try:
        length = _length(max(seconds, 1 / rate), rate, 3)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    _, note, _, velocity = changes[0]
    rows = np.array([(0.0, note, 0.0, velocity), *changes])
    newest = np.searchsorted(np.round(rows[1:, 0] * rate), np.arange(length), side="right")
    return rows[newest, 1:]


def join(*gestures: ArrayLike) -> Gesture:
    """Join gestures in time. Raises InputError if their numbers of parameters differ (it says which)."""
    arrays = [_checked(gesture, k) for k, gesture in enumerate(gestures)]
    if not arrays:
        raise InputError("there is nothing to join")
    for k, array in enumerate(arrays):
        if array.shape[1] != arrays[0].shape[1]:
            raise InputError(
                f"gesture {k + 1} has {array.shape[1]} parameters, but the first has {arrays[0].shape[1]}: not joined"
            )
    return np.concatenate(arrays)


def stack(*gestures: ArrayLike, names: Sequence[str] = ()) -> Gesture:
    """Stack the parameters of gestures. Raises InputError if their lengths differ (it says which, by `names`)."""
    arrays = [_checked(gesture, k) for k, gesture in enumerate(gestures)]
    if not arrays:
        raise InputError("there is nothing to stack")
    shown = list(names) or [f"gesture {k + 1}" for k in range(len(arrays))]
    length = len(arrays[0])
    for name, array in zip(shown, arrays, strict=True):
        if len(array) != length:
            raise InputError(f"{name} has {len(array)} values, but {shown[0]} has {length}; make both equally long")
    return np.concatenate(arrays, axis=1)


def grid(
    values: Mapping[str, Sequence[float]], seconds: float, *, rate: float = RATE
) -> tuple[NDArray[np.float64], list[str]]:
    """A batch [B, L, C] with a sound for every combination of values, held constant; and a name for each sound's file.

    >>> batch, names = grid({"note": [60, 61], "timbre": [0, 0.5, 1]}, seconds=2)
    >>> batch.shape, names[1]
    ((6, 200, 2), 'note60_timbre0.5')
    """
    if not values or not all(len(some) for some in values.values()):
        raise InputError("a grid needs at least one value of each parameter")
    sounds = math.prod(len(some) for some in values.values())
    if sounds > MOST_SOUNDS:
        raise InputError(f"a grid of {sounds:,} sounds is too large; at most {MOST_SOUNDS}")
    length = _length(seconds, rate, sounds * len(values))
    points = list(itertools.product(*values.values()))
    named = ["_".join(f"{name}{value:g}" for name, value in zip(values, point, strict=True)) for point in points]
    named = [re.sub(r"[/\\]", "-", name) for name in named]
    if len(set(named)) < len(named):
        raise InputError(f"some values of {listing(values)} occur twice")
    held = np.asarray(points, np.float64)[:, None]
    return np.repeat(held, length, axis=1), named


def _times(seconds: float, rate: float) -> NDArray[np.float64]:
    return np.arange(_length(seconds, rate)) / rate


def _length(seconds: float, rate: float, columns: int = 1) -> int:
    """The number of values in so many seconds. Raises InputError for none, or too many in all columns."""
    _check_size(seconds, rate, columns)
    length = round(max(seconds * rate, 0))
    if length < 1:
        raise InputError(f"a gesture of {seconds:g} s has no values at {rate:g} values per second; it must be longer")
    return length


def _check_size(seconds: float, rate: float, columns: int = 1) -> None:
    if not LEAST_CONTROL_RATE <= rate <= MOST_CONTROL_RATE:
        allowed = f"{LEAST_CONTROL_RATE} to {MOST_CONTROL_RATE:,} values per second"
        raise InputError(f"the rate is {rate:g}; it must be {allowed}")
    if not seconds * rate * columns <= MOST_VALUES:  # also NaN
        raise InputError(f"{seconds:g} s at {rate:g} values per second is too long; at most {MOST_VALUES:,} values")


def _checked(gesture: ArrayLike, k: int) -> Gesture:
    array = np.asarray(gesture, np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise InputError(f"gesture {k + 1} is not an array [length, parameters] of finite numbers")
    return array
