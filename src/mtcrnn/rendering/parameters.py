"""Parameter curves that a user gives, in the user's units: arrays (.npy), constants and straight lines."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.generate import MOST_LENGTH
from mtcrnn.config.ranges import Range, range_warning
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.files import read_array
from mtcrnn.core.limits import MOST_SOUNDS
from mtcrnn.data.curves import sample_array

log = logging.getLogger(__name__)


class ParameterCurves(Protocol):
    """Parameters over time, for each sound of a batch, or the same for all of them (B = 1)."""

    def block(self, rate: float, first: int, count: int) -> NDArray[np.float64]:
        """Values [B, count, C] at steps first .. first+count-1, with `rate` steps per second."""
        ...

    def ends(self) -> NDArray[np.float64]:
        """The lowest and the highest value of each parameter, [2, C]."""
        ...


@dataclass(frozen=True)
class External:
    """An array of parameter values [B, L, C], `rate` per second."""

    values: NDArray[np.float64]
    rate: float

    def block(self, rate: float, first: int, count: int) -> NDArray[np.float64]:
        """See `ParameterCurves`."""
        return sample_array(self.values, self.rate, rate, first, count)

    def ends(self) -> NDArray[np.float64]:
        """See `ParameterCurves`."""
        return np.stack([self.values.min(axis=(0, 1)), self.values.max(axis=(0, 1))])


@dataclass(frozen=True)
class Lines:
    """Straight lines over `length` steps, from the first row of `points` [2, C] to the second."""

    points: NDArray[np.float64]
    length: int

    def rows(self, first: int, count: int) -> NDArray[np.float64]:
        """Rows first .. first+count-1 of np.linspace(*points, length), [count, C], bit for bit."""
        start, stop = self.points
        step = (stop - start) / max(self.length - 1, 1)
        rows = np.arange(first, first + count, dtype=np.float64)[:, None] * step + start
        if self.length > 1 and first + count == self.length:
            rows[-1] = stop
        return rows

    def block(self, rate: float, first: int, count: int) -> NDArray[np.float64]:
        """See `ParameterCurves`: what an `External` of all rows gives.

        It also reads the row before and the row after, because rounding may place a step just outside its own row.
        """
        start = max(first - 1, 0)
        rows = self.rows(start, min(first + count + 1, self.length) - start)
        return sample_array(rows[None], rate, rate, first, count, start)

    def ends(self) -> NDArray[np.float64]:
        """See `ParameterCurves`."""
        return np.sort(self.points, axis=0)


def load_array(path: Path, batch: int | None, names: Sequence[str]) -> NDArray[np.float64]:
    """Read parameter values [sounds, length, parameters] (also [length, parameters] or [length]) from a .npy.

    The array is for one sound, and then serves the whole `batch`, or for as many sounds (None: for any number).

    Raises:
        InputError: no such file, not a plain array of numbers, a wrong shape, no values, NaN or infinite values.
    """
    array = read_array(path)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2:
        array = array[None]
    wanted = f"[{batch or 'sounds'}, length, {len(names)}] ({listing(names)})"
    if array.ndim != 3 or array.shape[2] != len(names):
        raise InputError(f"{path} has shape {list(array.shape)}; it must be {wanted}")
    if array.size == 0:
        raise InputError(f"{path} has no values: its shape is {list(array.shape)}")
    if len(array) > MOST_SOUNDS:
        raise InputError(f"{path} is for {len(array)} sounds; {MOST_SOUNDS} at most")
    if len(array) not in (1, batch or len(array)):
        raise InputError(f"{path} is for {len(array)} sounds, but `batch_size` is {batch}")
    with np.errstate(over="ignore"):  # values of a wider type that do not fit into float64 become infinite
        array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        raise InputError(f"{path} holds NaN or infinite values")
    return array


def parse_settings(settings: Sequence[str], names: Sequence[str], length: int) -> Lines:
    """Constant or linear curves over `length` steps, from NAME=VALUE or NAME=FROM:TO.

    Raises:
        InputError: a setting that is not of that form, an unknown name, or a name that is missing or given twice.

    >>> parse_settings(["rate=0:1"], ["rate"], 3).rows(0, 3).tolist()
    [[0.0], [0.5], [1.0]]
    """
    ends: dict[str, list[float]] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            numbers = [float(part) for part in value.split(":")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 2 or not np.isfinite([*numbers, numbers[-1] - numbers[0]]).all():
            raise InputError(f"`set` {setting}: write NAME=VALUE or NAME=FROM:TO, with numbers")
        if name not in names:
            raise InputError(f"`set` {setting}: this model has no parameter {name!r}; it has {listing(names)}")
        if name in ends:
            raise InputError(f"`set` names {name} twice")
        ends[name] = [numbers[0], numbers[-1]]
    missing = [name for name in names if name not in ends]
    if missing:
        raise InputError(f"`set` lacks {listing(missing)}")
    return Lines(np.array([ends[name] for name in names]).T, length)


def check_range(name: str, ends: Sequence[float], trained: Range, known: bool) -> None:
    """Warn if a parameter leaves the range that a model was trained on, provided that this range is `known`.

    Args:
        name: the parameter.
        ends: its lowest and its highest value.
        trained: the model's range.
        known: False for a model whose true range is not known: then nothing is logged.

    Raises:
        InputError: values so far outside the range that the net cannot take them.
    """
    low, high = ends
    warning = range_warning(name, low, high, trained)
    with np.errstate(over="ignore"):
        if not np.isfinite(trained.normalise(np.array(ends))).all():
            raise InputError(warning or f"{name} goes from {low:g} to {high:g}")
    if known and warning:
        log.warning("%s", warning)


def whole_steps(steps: float, what: str) -> int:
    """A length in steps, rounded, at least 1. `what`, which begins the message, says what the user asked for.

    Raises:
        InputError: it is not above 0, or above `MOST_LENGTH`.
    """
    if not 0 < steps <= MOST_LENGTH:
        raise InputError(f"{what}; it must be above 0, and {MOST_LENGTH} steps at most")
    return max(round(steps), 1)
