"""Control curves: what a player's hands would do, as arrays.

A gesture is an array [length, features] in the user's units, `rate` values a second: what `mtcrnn generate
--external_array` takes, and what the original's control notebooks made by hand. Small ones are put together in time
(`join`) and side by side (`stack`); several of equal length are a batch [batch, length, features] (`grid`).

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

RATE = 100.0  # values a second
MOST_VALUES = 10_000_000  # of a gesture: length x features x sounds


def constant(value: float, seconds: float, *, rate: float = RATE) -> Gesture:
    """One value held: [L, 1]. Raises InputError where it has no values, or too many (as all of these do)."""
    return np.full((_length(seconds, rate), 1), float(value))


def line(start: float, end: float, seconds: float, *, rate: float = RATE) -> Gesture:
    """A straight line [L, 1]; both ends are values of it."""
    return np.linspace(start, end, _length(seconds, rate))[:, None]


def gaussian(low: float, high: float, seconds: float, width: float | None = None, *, rate: float = RATE) -> Gesture:
    """A bell: from near `low` up to `high` in the middle and down again [L, 1].

    Its standard deviation is `width` seconds; left out, a sixth of the whole, so that the ends are 1% above `low`.
    """
    times = _times(seconds, rate) - (_length(seconds, rate) - 1) / rate / 2
    width = seconds / 6 if width is None else width
    if not width > 0:
        raise InputError(f"the width of a gaussian is {width:g} s; it must be above 0")
    return (low + (high - low) * np.exp(-0.5 * (times / width) ** 2))[:, None]


def steps(values: Sequence[float], seconds: float | Sequence[float], *, rate: float = RATE) -> Gesture:
    """Value after value [L, 1], for so many seconds each (one number for all, or one for each)."""
    lasting = [seconds] * len(values) if isinstance(seconds, int | float) else list(seconds)
    if not values:
        raise InputError("steps need at least one value")
    if len(lasting) != len(values):
        raise InputError(f"{len(values)} values but {len(lasting)} lengths; give one for all, or one for each")
    _check_size(sum(abs(length) for length in lasting), rate)
    ends = np.round(np.cumsum(lasting) * rate).astype(int)
    counts = np.diff(ends, prepend=0)
    if counts.min() < 1:
        raise InputError(f"a step lasts {min(lasting):g} s: less than one value at {rate:g} a second")
    return np.repeat(np.asarray(values, np.float64), counts)[:, None]


def notes(midi: Sequence[float], seconds: float | Sequence[float], *, rate: float = RATE) -> Gesture:
    """Notes of an equal-tempered scale as frequencies in Hz [L, 1]: MIDI number 69 is 440 Hz.

    Raises InputError for numbers outside 0 to 127, of which fractions are allowed.
    """
    for note in midi:
        if not 0 <= note <= 127:
            raise InputError(f"{note:g} is no MIDI number; these are 0 to 127")
    return steps([440.0 * 2.0 ** ((note - 69.0) / 12.0) for note in midi], seconds, rate=rate)


def sine(low: float, high: float, hz: float, seconds: float, phase: float = 0.0, *, rate: float = RATE) -> Gesture:
    """To and fro between two values, `hz` times a second [L, 1]; it begins in the middle, `phase` in cycles."""
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
    """Up to `high` in `attack` s, down to `sustain` (a share of it) in `decay` s, to 0 in the last `release` s [L, 1].

    Raises InputError where these take longer than the whole.
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
    """Through C parameters at once, `turns` times round the middle of their ranges, from it outwards [L, C].

    Parameter c swings by half a cycle times c / C behind the first: two of them make a spiral on paper.
    """
    low, high = np.asarray(lows, np.float64), np.asarray(highs, np.float64)
    if low.shape != high.shape or low.ndim != 1 or not len(low):
        raise InputError(f"a spiral has {low.size} low and {high.size} high values; give one of each for a parameter")
    share = np.linspace(0, 1, _length(seconds, rate, low.size))[:, None]
    behind = np.arange(len(low)) / (2 * len(low))
    return 0.5 * (low + high) + 0.5 * (high - low) * share * np.cos(2 * np.pi * (turns * share - behind))


def from_midi(path: Path, *, rate: float = RATE) -> Gesture:
    """Note (MIDI number), gate (1 while a key is down) and velocity (0 to 1) of a `.mid` file: [L, 3].

    One voice: the newest key counts; note and velocity are held after it, and stand at the first ones before it.
    The sustain pedal holds keys down. Drums (channel 10) have no pitch and are left out.

    Raises:
        InputError: no such file, no MIDI file, or one without notes.
    """
    from mtcrnn.gestures import midi

    moments, seconds = midi.voice(path)
    try:
        length = _length(max(seconds, 1 / rate), rate, 3)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    _, note, _, velocity = moments[0]
    rows = np.array([(0.0, note, 0.0, velocity), *moments])
    newest = np.searchsorted(np.round(rows[1:, 0] * rate), np.arange(length), side="right")
    return rows[newest, 1:]


def join(*gestures: ArrayLike) -> Gesture:
    """One after the other. Raises InputError where their numbers of features differ (says which)."""
    arrays = [_checked(gesture, k) for k, gesture in enumerate(gestures)]
    if not arrays:
        raise InputError("there is nothing to join")
    for k, array in enumerate(arrays):
        if array.shape[1] != arrays[0].shape[1]:
            raise InputError(
                f"gesture {k + 1} has {array.shape[1]} features, but the first has {arrays[0].shape[1]}: not joined"
            )
    return np.concatenate(arrays)


def stack(*gestures: ArrayLike, names: Sequence[str] = ()) -> Gesture:
    """Side by side: the features of all. Raises InputError where their lengths differ (says which, by `names`)."""
    arrays = [_checked(gesture, k) for k, gesture in enumerate(gestures)]
    if not arrays:
        raise InputError("there is nothing to stack")
    shown = list(names) or [f"gesture {k + 1}" for k in range(len(arrays))]
    for name, array in zip(shown, arrays, strict=True):
        if len(array) != len(arrays[0]):
            raise InputError(f"{name} has {len(array)} values, but {shown[0]} has {len(arrays[0])}; make both as long")
    return np.concatenate(arrays, axis=1)


def grid(
    values: Mapping[str, Sequence[float]], seconds: float, *, rate: float = RATE
) -> tuple[NDArray[np.float64], list[str]]:
    """A sound for every combination of values, each held: a batch [B, L, C], and a name for each, for its file.

    >>> batch, names = grid({"note": [60, 61], "timbre": [0, 0.5, 1]}, seconds=2)
    >>> batch.shape, names[1]
    ((6, 200, 2), 'note60_timbre0.5')
    """
    if not values or not all(len(some) for some in values.values()):
        raise InputError("a grid needs at least one value of each parameter")
    sounds = math.prod(len(some) for some in values.values())
    if sounds > MOST_SOUNDS:
        raise InputError(f"a grid of {sounds:,} sounds is too large; {MOST_SOUNDS} at most")
    length = _length(seconds, rate, sounds * len(values))
    points = list(itertools.product(*values.values()))
    named = ["_".join(f"{name}{value:g}" for name, value in zip(values, point, strict=True)) for point in points]
    named = [re.sub(r"[/\\]", "-", name) for name in named]
    if len(set(named)) < len(named):
        raise InputError(f"values of {listing(values)} come twice")
    held = np.asarray(points, np.float64)[:, None]
    return np.repeat(held, length, axis=1), named


def _times(seconds: float, rate: float) -> NDArray[np.float64]:
    return np.arange(_length(seconds, rate)) / rate


def _length(seconds: float, rate: float, columns: int = 1) -> int:
    """How many values there are in so many seconds, of each of so many columns."""
    _check_size(seconds, rate, columns)
    length = round(max(seconds * rate, 0))
    if length < 1:
        raise InputError(f"a gesture of {seconds:g} s has no values at {rate:g} a second; it must be longer")
    return length


def _check_size(seconds: float, rate: float, columns: int = 1) -> None:
    if not LEAST_CONTROL_RATE <= rate <= MOST_CONTROL_RATE:
        allowed = f"{LEAST_CONTROL_RATE} to {MOST_CONTROL_RATE:,} values a second"
        raise InputError(f"the rate is {rate:g}; it must be {allowed}")
    if not seconds * rate * columns <= MOST_VALUES:  # also NaN
        raise InputError(f"{seconds:g} s at {rate:g} values a second are too long; {MOST_VALUES:,} values at most")


def _checked(gesture: ArrayLike, k: int) -> Gesture:
    array = np.asarray(gesture, np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise InputError(f"gesture {k + 1} is no array [length, features] of finite numbers")
    return array
