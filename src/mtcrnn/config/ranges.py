"""The range of a parameter, and values in network units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError
from mtcrnn.core.validation import strict


@strict
@dataclass(frozen=True)
class Range:
    """The range of a parameter over a data set, in the user's units: what normalising, knobs and plots use."""

    low: float
    high: float
    units: str | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InputError(f"a range from {self.low:g} to {self.high:g} does not rise")

    def normalise(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """User's units to network units: `low..high` becomes 0..1 (a range of no width becomes 0)."""
        width = self.high - self.low
        return ((np.asarray(values, dtype=np.float64) - self.low) / (width or 1.0)).astype(np.float32)

    def restore(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Network units to user's units, the inverse of `normalise`."""
        return (np.asarray(values, dtype=np.float64) * (self.high - self.low) + self.low).astype(np.float32)


def normalise(values: NDArray[Any], ranges: Mapping[str, Range], names: Iterable[str]) -> NDArray[np.float32]:
    """`Range.normalise` for the last axis of `values` [..., C], whose entries are the parameters `names`."""
    columns = [ranges[name].normalise(values[..., k]) for k, name in enumerate(names)]
    return np.stack(columns, axis=-1) if columns else np.zeros((*values.shape[:-1], 0), np.float32)


def restore(values: NDArray[Any], ranges: Mapping[str, Range], names: Iterable[str]) -> NDArray[np.float32]:
    """The inverse of `normalise`: network units to user's units along the last axis."""
    columns = [ranges[name].restore(values[..., k]) for k, name in enumerate(names)]
    return np.stack(columns, axis=-1) if columns else np.zeros((*values.shape[:-1], 0), np.float32)


def exceeds(name: str, low: float, high: float, trained: Range) -> str | None:
    """What to say where a parameter's values, from `low` to `high`, leave the range that a model was trained on."""
    if trained.low <= low and high <= trained.high:
        return None
    return f"{name} goes from {low:g} to {high:g}, but the model was trained on {trained.low:g} to {trained.high:g}"
