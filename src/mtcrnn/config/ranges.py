"""Ranges of parameters: converting between the user's units and network units (0 to 1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError
from mtcrnn.core.validation import strict

# of which ratios count, in small letters; also what ends in one of the endings
RATIO_UNITS = {"hz", "khz", "rpm", "bpm", "s", "ms", "mm", "cm", "m"}
RATIO_ENDINGS = ("/s", "/min")
LEAST_OF_UNITS, LEAST_OF_ALL = 2.5, 50.0  # from the lowest to the highest value, with such a unit, and with any


@strict
@dataclass(frozen=True)
class Range:
    """The range of a parameter over a data set, in the user's units: for normalising, sliders and plots.

    `log`: ratios count, as of a rate: sliders move by the logarithm. (Nets do not: they follow no better, docs/log.md.)
    """

    low: float
    high: float
    units: str | None = None
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError(f"a range from {self.low:g} to {self.high:g} does not rise")
        if self.log and not 0 < self.low < self.high:
            raise InputError(f"a range from {self.low:g} to {self.high:g} cannot have a log scale: above 0, and rising")

    @classmethod
    def of(cls, low: float, high: float, units: str | None) -> Self:
        """The range of a parameter, by its logarithm if it is above 0 and has such a unit, or is very wide."""
        name = (units or "").casefold().strip()
        least = LEAST_OF_UNITS if name in RATIO_UNITS or name.endswith(RATIO_ENDINGS) else LEAST_OF_ALL
        return cls(low, high, units, low > 0 and high / low >= least)

    def normalise(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """From the user's units to network units: `low..high` becomes 0..1 (a range of zero width becomes 0)."""
        width = self.high - self.low
        return ((np.asarray(values, dtype=np.float64) - self.low) / (width or 1.0)).astype(np.float32)

    def restore(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """From network units to the user's units: the inverse of `normalise`."""
        return (np.asarray(values, dtype=np.float64) * (self.high - self.low) + self.low).astype(np.float32)

    def at(self, share: Any) -> Any:
        """The value where a slider is at a share of its way, 0 to 1 (a number or an array), in the user's units."""
        if self.log:
            return self.low * (self.high / self.low) ** share
        return self.low + share * (self.high - self.low)

    @property
    def middle(self) -> float:
        """The value in the middle of a slider, exactly as the page computes it."""
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2


def low_middle_high(ranges: Mapping[str, Range], names: Iterable[str]) -> NDArray[np.float64]:
    """Three settings [3, C] of the parameters `names`, at which a model is left to itself."""
    names = list(names)
    points = [[ranges[name].at(share) for name in names] for share in (0.1, 0.5, 0.9)]
    return np.array(points, np.float64)


def normalise(values: NDArray[Any], ranges: Mapping[str, Range], names: Iterable[str]) -> NDArray[np.float32]:
    """`Range.normalise` for the last axis of `values` [..., C], whose entries are the parameters `names`."""
    columns = [ranges[name].normalise(values[..., k]) for k, name in enumerate(names)]
    return np.stack(columns, axis=-1) if columns else np.zeros((*values.shape[:-1], 0), np.float32)


def restore(values: NDArray[Any], ranges: Mapping[str, Range], names: Iterable[str]) -> NDArray[np.float32]:
    """`Range.restore` for the last axis of `values` [..., C]: the inverse of `normalise`."""
    columns = [ranges[name].restore(values[..., k]) for k, name in enumerate(names)]
    return np.stack(columns, axis=-1) if columns else np.zeros((*values.shape[:-1], 0), np.float32)


def range_warning(name: str, low: float, high: float, trained: Range) -> str | None:
    """The warning for a parameter whose values, `low` to `high`, leave the trained range; None if they do not."""
    if trained.low <= low and high <= trained.high:
        return None
    return f"{name} goes from {low:g} to {high:g}, but the model was trained on {trained.low:g} to {trained.high:g}"
