"""Parameters, that is named curves over time, and the JSON files that hold them.

A param file is `<stem>.params` for `<stem>.wav`:
`{"meta": {...}, NAME: {"times": [s, ...], "values": [...], "units": ..., "minval": ..., "maxval": ...}, ...}`.
Keys we do not know are kept when a file is rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mtcrnn.errors import InputError, listing
from mtcrnn.files import write_text
from mtcrnn.validation import explain, read_json, strict

SUFFIX = ".params"
META = "meta"


class Param(BaseModel):
    """One parameter of one sound: knots of a piecewise linear curve, in the user's units.

    `times` in seconds, increasing, two or more; `values` as many. `nvals` is the number of distinct values
    (0: continuous). `minval` and `maxval` are the range that the knob should have.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    times: list[float]
    values: list[float]
    units: str | None = None
    nvals: float = 0
    minval: float | None = None
    maxval: float | None = None
    origUnits: str | None = None  # noqa: N815 (the file format's name)
    origMinval: float | None = None  # noqa: N815
    origMaxval: float | None = None  # noqa: N815

    @model_validator(mode="after")
    def _check_knots(self) -> Self:
        if len(self.times) != len(self.values):
            raise ValueError(f"{len(self.times)} times but {len(self.values)} values; give as many of each")
        if len(self.times) < 2:
            raise ValueError(f"{len(self.times)} knots; a curve needs at least two (time, value) pairs")
        for k, (before, after) in enumerate(zip(self.times, self.times[1:], strict=False)):
            if not after > before:
                raise ValueError(f"times must increase, but times[{k + 1}] = {after:g} follows {before:g}")
        if self.minval is not None and self.maxval is not None and self.minval > self.maxval:
            raise ValueError(f"minval {self.minval:g} is above maxval {self.maxval:g}")
        return self

    def sample(self, rate: float, first: int, count: int) -> NDArray[np.float64]:
        """Values at (first + k) / rate seconds, k = 0 .. count-1: linear between knots, held outside them.

        Sampling in pieces gives the same numbers as sampling at once, bit for bit.
        """
        return np.interp(np.arange(first, first + count) / rate, self.times, self.values)


@dataclass(frozen=True)
class ParamFile:
    """The parameters of one sound, by name, and the free-form `meta` record."""

    params: dict[str, Param]
    meta: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> ParamFile:
        """Read and check a param file.

        Raises:
            InputError: the first problem, with file and place.
        """
        file, problems = read_lenient(path)
        for problem in problems.values():
            raise InputError(problem)
        return file

    def text(self) -> str:
        """The file's content; unknown keys that were read are written back."""
        content: dict[str, Any] = {META: self.meta}
        for name, param in self.params.items():
            content[name] = param.model_dump(exclude_unset=True)
        return json.dumps(content, indent=4) + "\n"

    def write(self, path: Path) -> None:
        """Write the file whole or not at all."""
        write_text(path, self.text())

    def get(self, name: str, where: Path) -> Param:
        """The parameter called `name`; `where` is the file to blame if it is not there."""
        if name not in self.params:
            raise InputError(f"{where} has no parameter {name!r}; it has {listing(self.params)}")
        return self.params[name]


def read_lenient(path: Path) -> tuple[ParamFile, dict[str, str]]:
    """Read what can be read of a param file; also every problem, one line each, by parameter ("": the whole file)."""
    try:
        content = read_json(path)
    except InputError as error:
        return ParamFile({}, {}), {"": str(error)}
    if not isinstance(content, dict):
        return ParamFile({}, {}), {"": f"{path}: the file must be a JSON object, not a {type(content).__name__}"}
    params, problems = {}, {}
    meta = content.pop(META, {})
    if not isinstance(meta, dict):
        problems[META] = f"{path}: {META} must be a JSON object"
        meta = {}
    for name, value in content.items():
        if not name.isprintable():
            problems[name] = f"{path}: the name {name!r} has characters that cannot be shown"
            continue
        try:
            params[name] = Param.model_validate(value)
        except ValidationError as error:
            problems[name] = f"{path}: {name}: {explain(error)}"
    return ParamFile(params, meta), problems


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

    @classmethod
    def of(cls, params: Iterable[Param]) -> Range:
        """`minval..maxval` over all files if every value lies inside it, else the range of the values."""
        params = list(params)
        low = min(min(p.values) for p in params)
        high = max(max(p.values) for p in params)
        declared = [(p.minval, p.maxval) for p in params if p.minval is not None and p.maxval is not None]
        if len(declared) == len(params):
            minimum, maximum = min(d[0] for d in declared), max(d[1] for d in declared)
            if minimum <= low and high <= maximum:
                low, high = minimum, maximum
        return cls(float(low), float(high), next((p.units for p in params if p.units), None))


def normalise(values: NDArray[Any], ranges: Mapping[str, Range], names: Iterable[str]) -> NDArray[np.float32]:
    """`Range.normalise` for the last axis of `values` [..., C], whose entries are the parameters `names`."""
    columns = [ranges[name].normalise(values[..., k]) for k, name in enumerate(names)]
    return np.stack(columns, axis=-1) if columns else np.zeros((*values.shape[:-1], 0), np.float32)


def restore(values: NDArray[Any], ranges: Mapping[str, Range], names: Iterable[str]) -> NDArray[np.float32]:
    """The inverse of `normalise`: network units to user's units along the last axis."""
    columns = [ranges[name].restore(values[..., k]) for k, name in enumerate(names)]
    return np.stack(columns, axis=-1) if columns else np.zeros((*values.shape[:-1], 0), np.float32)


def sample_array(
    array: NDArray[Any], array_rate: float, rate: float, first: int, count: int, first_row: int = 0
) -> NDArray[np.float64]:
    """Sample an array of control values [B, L, C] at (first + k) / rate seconds: shape [B, count, C].

    Value j of the array sits at (first_row + j) / array_rate seconds; linear between, the last one held.
    """
    place = np.minimum(np.arange(first, first + count) / rate * array_rate, first_row + array.shape[1] - 1)
    left = np.minimum(place.astype(np.int64), max(first_row + array.shape[1] - 2, 0))
    weight = (place - left)[None, :, None]
    left -= first_row
    right = np.minimum(left + 1, array.shape[1] - 1)
    return array[:, left] * (1.0 - weight) + array[:, right] * weight
