"""One folder of recordings that is being labelled: what was said, what the curves are, what to ask next."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.files import write_text
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.made import made_param, write_made
from mtcrnn.data.params import Param
from mtcrnn.labelling.document import Document, Parameter, edited
from mtcrnn.listening import moments, words
from mtcrnn.listening.recordings import Recording
from mtcrnn.listening.texture_statistics import Array
from mtcrnn.listening.words import Curve, Listened

BY = "mtcrnn label 1"
MOST_UNDO = 1000
AXIS_ENDS = (0.01, 0.99)  # quantiles of a principal axis that become 0 and 1


@dataclass(frozen=True)
class Learned:
    """A parameter's curve: as learned, and as it is after corrections, both [N]; the question; None without marks."""

    curve: Curve | None
    values: Array | None
    question: int | None


class Session:
    """Recordings, and what is said about them. May be used in several threads.

    Args:
        data: the recordings and the place of their param files.
        recordings: what was heard in them.
        document: what was said before.
        path: where it is kept.

    Attributes:
        names: the recordings' paths inside the folder, by which the document calls them.
        version: counts the changes.
    """

    def __init__(self, data: ParamManager, recordings: Sequence[Recording], document: Document, path: Path) -> None:
        self.data, self.recordings, self.path = data, recordings, path
        self.names = [data.relative(recording.path) for recording in recordings]
        self.listened = Listened.to(recordings)
        self.version = 0
        self._before: list[Document] = []
        self._after: list[Document] = []
        self._document = document
        self._learned: dict[str, tuple[Parameter, Learned]] = {}
        self._lock = threading.RLock()

    @property
    def document(self) -> Document:
        """What has been said."""
        return self._document

    def edit(self, edit: Any, version: int) -> None:
        """Change the document by an edit that was made when `version` was seen, and save it.

        Raises:
            InputError: a bad edit, or the document has changed since.
        """
        with self._lock:
            if version != self.version:
                raise InputError("another page has changed the labels meanwhile: this page shows them now")
            before = self._document
            self._become(edited(before, edit, self.names))
            self._before = [*self._before[-MOST_UNDO:], before]
            self._after = []

    def undo(self) -> None:
        """Take the last edit back."""
        with self._lock:
            if self._before:
                self._exchange(self._before, self._after)

    def redo(self) -> None:
        """Make the last edit that was taken back again."""
        with self._lock:
            if self._after:
                self._exchange(self._after, self._before)

    def add_axes(self, count: int) -> None:
        """Make parameters of the first principal axes of the sound, `axis1` and so on, where there are none."""
        with self._lock:
            new = self._document
            for axis in range(count):
                name = f"axis{axis + 1}"
                if all(one.name != name for one in new.parameters):
                    new = new.having(Parameter(name=name, low=0.0, high=1.0, axis=axis))
            if new is not self._document:
                self._become(new)

    def _exchange(self, source: list[Document], other: list[Document]) -> None:
        """Become the newest document of a list; the present one becomes the newest of the other."""
        before = self._document
        self._become(source[-1])
        source.pop()
        other.append(before)

    def _become(self, document: Document) -> None:
        """Save a document, then use it. Raises InputError, and keeps the present one, if it cannot be saved."""
        write_text(self.path, document.model_dump_json(indent=1) + "\n")
        self._document = document
        self.version += 1

    def learned(self, name: str) -> Learned:
        """The curve of a parameter, with its question. Raises InputError if there is no such parameter."""
        with self._lock:
            parameter = self._document.parameter(name)
            known = self._learned.get(name)
            if known is None or known[0] != parameter:
                self._learned[name] = known = (parameter, self._learn(parameter))
            return known[1]

    def _learn(self, parameter: Parameter) -> Learned:
        if parameter.axis is not None:
            return Learned(None, self._corrected(parameter, self.axis(parameter.axis)), None)
        marks = self._marks(parameter)
        question = self.listened.question(marks)
        if not marks:
            return Learned(None, None, question)
        curve = self.listened.learn(marks)
        return Learned(curve, self._corrected(parameter, curve.values), question)

    def axis(self, number: int) -> Array:
        """A principal axis of the sound at all moments [N], from 0 to 1."""
        if number >= self.listened.components.shape[1]:
            raise InputError(f"these recordings have {self.listened.components.shape[1]} axes")
        values = self.listened.smooth(self.listened.components[:, number])
        low, high = np.quantile(values[self.listened.usable], AXIS_ENDS)
        return np.clip((values - low) / max(high - low, 1e-9), 0.0, 1.0)

    def _marks(self, parameter: Parameter) -> list[words.Mark]:
        """The marks of a parameter in recordings that are there."""
        return [
            words.Mark(self.names.index(mark.recording), mark.at, mark.value, mark.until)
            for mark in parameter.marks
            if mark.recording in self.names
        ]

    def _corrected(self, parameter: Parameter, values: Array) -> Array:
        """A curve [N] with what was drawn by hand, inside the parameter's range."""
        values = np.clip(values, parameter.low, parameter.high)
        for correction in parameter.corrections:
            if correction.recording in self.names:
                i = self.names.index(correction.recording)
                times, drawn = np.array(correction.points).T
                first = int(self.listened.offsets[i])
                own = np.arange(int(self.listened.offsets[i + 1]) - first) / moments.RATE
                inside = np.flatnonzero((own >= times[0]) & (own <= times[-1]))
                values[first + inside] = np.interp(own[inside], times, drawn)
        return values

    def state(self) -> dict[str, Any]:
        """All that a page shows, but for the curves themselves."""
        with self._lock:
            document, version = self._document, self.version
            parameters = [self._shown(parameter) for parameter in document.parameters]
            return {
                "version": version,
                "parameters": parameters,
                "skip": document.skip,
                "undo": bool(self._before),
                "redo": bool(self._after),
            }

    def _shown(self, parameter: Parameter) -> dict[str, Any]:
        found = self.learned(parameter.name)
        here = [k for k, mark in enumerate(parameter.marks) if mark.recording in self.names]
        shown = parameter.model_dump() | {"away": len(parameter.marks) - len(here), "question": None}
        if found.question is not None:
            recording, at = self.listened.place(found.question)
            shown["question"] = {"recording": self.names[recording], "at": at}
        if found.curve is not None:
            contradicting = found.curve.amiss(self._marks(parameter))
            shown |= {
                "error": found.curve.error,
                "follows": found.curve.follows[:3],
                "amiss": [here[k] for k in contradicting],
                "others": {here[k]: float(found.curve.others[k]) for k in contradicting},
                "varies": bool(np.isfinite(found.curve.uncertainty[0])),
            }
        return shown

    def write(self) -> str:
        """Write all parameters as curves into the param files, and what to skip; says what was done.

        Raises:
            InputError: no parameters, one whose marks do not vary, param files that cannot be written.
        """
        with self._lock:
            parameters = self._document.parameters
            if not parameters:
                raise InputError("there is no parameter yet")
            flat = [p.name for p in parameters if not self._varies(p)]
            if flat:
                raise InputError(f"{listing(flat)}: two marks of different values are needed, or drawn curves")
            curves: dict[Path, dict[str, Param]] = {}
            for i, recording in enumerate(self.recordings):
                curves[recording.path] = {p.name: self._param(p, i) for p in parameters}
            skipped = {
                recording.path: self._document.skip.get(name, ())
                for recording, name in zip(self.recordings, self.names, strict=True)
            }
            copies = write_made(self.data, curves, skipped)
        kept = f"; what was written by hand is kept as {listing(copy.name for copy in copies)}" if copies else ""
        return f"wrote {listing(p.name for p in parameters)} for {len(curves)} recordings{kept}"

    def _varies(self, parameter: Parameter) -> bool:
        values = self.learned(parameter.name).values
        return values is not None and float(np.ptp(values)) > 0

    def _param(self, parameter: Parameter, i: int) -> Param:
        """The curve of a parameter in recording i, for its param file."""
        found = self.learned(parameter.name)
        assert found.values is not None
        own = found.values[self.listened.offsets[i] : self.listened.offsets[i + 1]]
        how = {"by": BY, "marks": len(parameter.marks), "drawn": len(parameter.corrections)}
        return made_param(own, moments.RATE, parameter.low, parameter.high, parameter.units, **how)
