"""What a person has said about recordings: parameters with their marks and corrections, stretches to skip; edits of it.

It is kept beside the recordings as `mtcrnn-labels.json`. Documents never change: each edit makes a new one.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mtcrnn.config.tier import check_name
from mtcrnn.core.errors import InputError
from mtcrnn.core.validation import explain, read_json
from mtcrnn.data.skipping import joined

NAME = "mtcrnn-labels.json"
SAME_S = 0.1  # marks of one parameter that are nearer are the same mark
MOST_PARAMETERS = 16

Seconds = Annotated[float, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Mark(_Model):
    """A value at a moment of a recording, or in a stretch `until` a later one."""

    recording: str
    at: Seconds
    until: Seconds | None = None
    value: float


class Correction(_Model):
    """A curve drawn by hand: points (seconds, value), whose times rise."""

    recording: str
    points: list[tuple[Seconds, float]] = Field(min_length=2, max_length=10_000)


class Parameter(_Model):
    """A parameter: its range, what was marked and drawn; or which principal axis of the sound it is."""

    name: str
    units: str | None = None
    low: float
    high: float
    marks: list[Mark] = []
    corrections: list[Correction] = []
    axis: int | None = Field(default=None, ge=0, lt=8)


class Document(_Model):
    """All that a person has said."""

    format: Literal[1] = 1
    parameters: list[Parameter] = Field(default=[], max_length=MOST_PARAMETERS)
    skip: dict[str, list[tuple[Seconds, Seconds]]] = {}

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name. Raises InputError if there is none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise InputError(f"there is no parameter {name!r}")

    def having(self, parameter: Parameter) -> Document:
        """With this parameter in place of the one of the same name, or after the others."""
        names = [one.name for one in self.parameters]
        if parameter.name not in names:
            return self.model_copy(update={"parameters": [*self.parameters, parameter]})
        new = [parameter if one.name == parameter.name else one for one in self.parameters]
        return self.model_copy(update={"parameters": new})


def read_document(path: Path) -> Document:
    """The document in a file; an empty one if there is no file.

    Raises:
        InputError: a broken file, or one of a newer version.
    """
    if not path.exists():
        return Document()
    content = read_json(path)
    if isinstance(content, dict) and content.get("format") != 1:
        raise InputError(f"{path} was written by a newer version of mtcrnn (format {content.get('format')!r})")
    try:
        return Document.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from error


class AddParameter(_Model):
    """A new parameter."""

    type: Literal["add parameter"]
    name: str
    units: str | None = Field(default=None, max_length=40)
    low: float = 0.0
    high: float = 1.0

    def of(self, before: Document) -> Document:
        """The document after the edit."""
        check_name(self.name)
        if any(one.name == self.name for one in before.parameters):
            raise InputError(f"there is a parameter {self.name!r} already")
        if len(before.parameters) >= MOST_PARAMETERS:
            raise InputError(f"{MOST_PARAMETERS} parameters at most")
        if not self.low < self.high:
            raise InputError(f"the range of {self.name} must rise, from {self.low:g} to {self.high:g} it does not")
        return before.having(Parameter(name=self.name, units=self.units or None, low=self.low, high=self.high))


class RemoveParameter(_Model):
    """A parameter with all its marks."""

    type: Literal["remove parameter"]
    name: str

    def of(self, before: Document) -> Document:
        """The document after the edit."""
        gone = before.parameter(self.name)
        return before.model_copy(update={"parameters": [one for one in before.parameters if one is not gone]})


class AddMark(_Model):
    """A mark; one of the same parameter at the same moment is replaced."""

    type: Literal["mark"]
    name: str
    mark: Mark

    def of(self, before: Document) -> Document:
        """The document after the edit."""
        parameter, mark = before.parameter(self.name), self.mark
        if parameter.axis is not None:
            raise InputError(f"{self.name} is an axis of the sound itself: it has no marks")
        if not parameter.low <= mark.value <= parameter.high:
            raise InputError(f"{self.name} is {parameter.low:g} to {parameter.high:g}, not {mark.value:g}")
        if mark.until is not None and mark.until <= mark.at:
            raise InputError("a stretch must end after it begins")
        others = [
            one
            for one in parameter.marks
            if (one.recording, one.until) != (mark.recording, mark.until) or abs(one.at - mark.at) >= SAME_S
        ]
        return before.having(parameter.model_copy(update={"marks": [*others, mark]}))


class RemoveMark(_Model):
    """The mark of a parameter with this number."""

    type: Literal["unmark"]
    name: str
    index: int = Field(ge=0)

    def of(self, before: Document) -> Document:
        """The document after the edit."""
        parameter = before.parameter(self.name)
        return before.having(parameter.model_copy(update={"marks": _without(parameter.marks, self.index)}))


class Draw(_Model):
    """A correction by hand."""

    type: Literal["draw"]
    name: str
    correction: Correction

    def of(self, before: Document) -> Document:
        """The document after the edit."""
        parameter, points = before.parameter(self.name), self.correction.points
        if any(not parameter.low <= value <= parameter.high for _, value in points):
            raise InputError(
                f"{self.name} is {parameter.low:g} to {parameter.high:g}; what was drawn leaves that range"
            )
        if any(not after[0] > one[0] for one, after in pairwise(points)):
            raise InputError("what is drawn must go on in time")
        return before.having(parameter.model_copy(update={"corrections": [*parameter.corrections, self.correction]}))


class Undraw(_Model):
    """The correction of a parameter with this number."""

    type: Literal["undraw"]
    name: str
    index: int = Field(ge=0)

    def of(self, before: Document) -> Document:
        """The document after the edit."""
        parameter = before.parameter(self.name)
        left = _without(parameter.corrections, self.index)
        return before.having(parameter.model_copy(update={"corrections": left}))


class Skip(_Model):
    """Stretches (from, to) of a recording that are not trained on, instead of those before."""

    type: Literal["skip"]
    recording: str
    stretches: list[tuple[Seconds, Seconds]] = Field(max_length=10_000)

    def of(self, before: Document) -> Document:
        """The document after the edit."""
        if any(not first < last for first, last in self.stretches):
            raise InputError("a stretch must end after it begins")
        own = joined(self.stretches)
        others = {name: stretches for name, stretches in before.skip.items() if name != self.recording}
        return before.model_copy(update={"skip": {**others, self.recording: own} if own else others})


Edit = AddParameter | RemoveParameter | AddMark | RemoveMark | Draw | Undraw | Skip
_EDIT: TypeAdapter[Edit] = TypeAdapter(Annotated[Edit, Field(discriminator="type")])


def edited(before: Document, edit: Any, recordings: Collection[str]) -> Document:
    """The document after an edit, which is a value from JSON.

    Raises:
        InputError: no valid edit, one of a recording that is not there, or one that breaks a rule.
    """
    try:
        valid = _EDIT.validate_python(edit, strict=False)
    except ValidationError as error:
        raise InputError(explain(error)) from error
    about = valid.mark if isinstance(valid, AddMark) else valid.correction if isinstance(valid, Draw) else valid
    if isinstance(about, Mark | Correction | Skip) and about.recording not in recordings:
        raise InputError(f"there is no recording {about.recording!r}")
    return valid.of(before)


def _without(items: list[Any], index: int) -> list[Any]:
    if index >= len(items):
        raise InputError("that is gone already")
    return [item for k, item in enumerate(items) if k != index]
