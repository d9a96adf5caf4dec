"""Parameters (named curves over time) and the JSON files that hold them.

A param file is `<stem>.params` for `<stem>.wav`:
`{"meta": {...}, NAME: {"times": [s, ...], "values": [...], "units": ..., "minval": ..., "maxval": ...}, ...}`.
Unknown keys are kept when a file is rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mtcrnn.config.ranges import Range
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.files import write_text
from mtcrnn.core.validation import explain, read_json

SUFFIX = ".params"
META = "meta"
METERS = "meters"  # in `meta`: what measures each parameter, one of `evaluation.meters.METERS`
SKIP = "skip"  # in `meta`: stretches [[from, to], ...] in seconds that are not trained on
MADE = "made"  # key in a parameter's entry: what measured it, and how


class Param(BaseModel):
    """One parameter of one sound: knots of a piecewise linear curve, in the user's units.

    `times` are in seconds, increasing, two or more; there are as many `values`. `nvals` is the number of distinct
    values (0: continuous). `minval` and `maxval` are the range that the knob should have.
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

        Sampling in pieces gives the same numbers as sampling all at once, bit for bit.
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
            InputError: the first problem, with the file and the place in it.
        """
        file, problems = read_lenient(path)
        for problem in problems.values():
            raise InputError(problem)
        return file

    def skipped(self, where: Path) -> list[tuple[float, float]]:
        """The stretches (from, to), in seconds, that are not trained on; `where` is the file named in messages.

        Raises:
            InputError: `meta` has something else there than a list of pairs of numbers that rise.
        """
        found = []
        entries = self.meta.get(SKIP, [])
        for entry in entries if isinstance(entries, list) else [entries]:
            pair = entry if isinstance(entry, list) else []
            if len(pair) != 2 or not all(type(t) in (int, float) for t in pair) or not pair[0] < pair[1]:
                raise InputError(f"{where}: {META}: {SKIP} must be a list of [from, to] in seconds, not {entry!r}")
            found.append((float(pair[0]), float(pair[1])))
        return found

    def text(self) -> str:
        """The content of the file; unknown keys that were read are written back."""
        content: dict[str, Any] = {META: self.meta}
        for name, param in self.params.items():
            content[name] = param.model_dump(exclude_unset=True)
        return json.dumps(content, indent=4) + "\n"

    def write(self, path: Path) -> None:
        """Write the file, completely or not at all."""
        write_text(path, self.text())

    def get(self, name: str, where: Path) -> Param:
        """The parameter `name`. Raises InputError if there is none; `where` is the file named in the message."""
        if name not in self.params:
            raise InputError(f"{where} has no parameter {name!r}; it has {listing(self.params)}")
        return self.params[name]


def read_lenient(path: Path) -> tuple[ParamFile, dict[str, str]]:
    """Read what is valid in a param file; also its problems, one line each, by parameter ("": the whole file)."""
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
            problems[name] = f"{path}: the name {name!r} has unprintable characters"
            continue
        try:
            params[name] = Param.model_validate(value)
        except ValidationError as error:
            problems[name] = f"{path}: {name}: {explain(error)}"
    return ParamFile(params, meta), problems


def range_of(params: Iterable[Param]) -> Range:
    """`minval..maxval` over all files if that contains every value, else the range of the values."""
    params = list(params)
    low = min(min(p.values) for p in params)
    high = max(max(p.values) for p in params)
    declared = [(p.minval, p.maxval) for p in params if p.minval is not None and p.maxval is not None]
    if len(declared) == len(params):
        minimum, maximum = min(d[0] for d in declared), max(d[1] for d in declared)
        if minimum <= low and high <= maximum:
            low, high = minimum, maximum
    return Range.of(float(low), float(high), next((p.units for p in params if p.units), None))
