"""The param files of a data set: finding, creating, checking and changing them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from mtcrnn.audio import files as sound_files
from mtcrnn.config.tier import check_name
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.files import check_writable, existing
from mtcrnn.core.validation import explain
from mtcrnn.data.labels import read_labels
from mtcrnn.data.params import SUFFIX, Param, ParamFile

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ParamManager:
    """The wavs of a data set and their param files.

    A wav and its param file have the same path stem: `data/sub/a.wav` and `params/sub/a.params`. `data` is a folder of
    wavs, nested or not, or one wav; `params` is the folder of the param files (None: next to the wavs).
    """

    data: Path
    params: Path | None = None

    @classmethod
    def at(cls, data_dir: str | Path, param_dir: str | Path | None) -> Self:
        """The data set of the options `data_dir` (a folder, or one wav) and `param_dir`."""
        return cls(Path(data_dir), Path(param_dir) if param_dir else None)

    def find(self) -> tuple[list[Path], list[str]]:
        """All sounds, sorted, and what was left out; see `audio.files.find`."""
        return sound_files.find(self.data)

    def wavs(self, log_left_out: bool = False) -> list[Path]:
        """All sounds, sorted; `log_left_out` logs which files were left out. Raises InputError if there are none."""
        found, left_out = self.find()
        for line in left_out if log_left_out else ():
            log.warning("%s", line)
        return found

    def stereo_share(self) -> float:
        """The share of the sounds that have two channels which differ.

        Raises:
            InputError: as `wavs`; also a sound that cannot be read.
        """
        wavs = self.wavs()
        return sum(map(sound_files.is_stereo, wavs)) / len(wavs)

    def relative(self, wav: Path) -> str:
        """A sound's path inside the data set."""
        root = self.data.parent if self.data.is_file() else self.data
        return wav.relative_to(root).as_posix() if wav.is_relative_to(root) else wav.name

    def path_of(self, wav: Path) -> Path:
        """The path of the param file of a sound, whether the file exists or not."""
        root = self.data.parent if self.data.is_file() else self.data
        folder = root if self.params is None else self.params
        if wav.is_relative_to(root):
            return existing((folder / wav.relative_to(root)).with_suffix(SUFFIX))
        return existing((wav.parent if self.params is None else self.params / wav.name).with_suffix(SUFFIX))

    def read(self, wav: Path) -> ParamFile:
        """The param file of a wav. Raises InputError if the file is missing or invalid."""
        path = self.path_of(wav)
        if not path.is_file():
            raise InputError(f"{wav} has no param file: expected {path} ('mtcrnn params init' creates empty ones)")
        return ParamFile.read(path)

    def read_or_new(self, wav: Path) -> ParamFile:
        """The param file of a wav, or a new one that holds only `meta`. Raises InputError if the file is invalid."""
        path = self.path_of(wav)
        return ParamFile.read(path) if path.exists() else _new_file(wav)

    def files(self, wavs: Iterable[Path] | None = None) -> Iterator[tuple[Path, ParamFile]]:
        """Pairs (sound, its param file) for all sounds, or for `wavs`."""
        for wav in self.wavs() if wavs is None else wavs:
            yield wav, self.read(wav)

    def init(self, overwrite: bool = False) -> list[Path]:
        """Create a param file that holds only `meta` for every wav without one (or for all). Returns their paths."""
        created = []
        for wav in self.wavs(log_left_out=True):
            path = self.path_of(wav)
            if overwrite or not path.exists():
                _new_file(wav).write(path)
                created.append(path)
        return created

    def add(self, wav: Path, name: str, param: Param) -> None:
        """Add or replace one parameter of one wav."""
        check_name(name)
        file = self.read(wav)
        replace(file, params={**file.params, name: param}).write(self.path_of(wav))

    def check(self) -> list[str]:
        """Every problem of the data set, one line each; see `data.check.inspect`."""
        from mtcrnn.data.check import inspect

        return inspect(self).problems

    def from_names(
        self, ranges: Mapping[str, tuple[float, float]], pattern: str | None = None
    ) -> dict[str, list[float]]:
        """Write constant parameters read from the wavs' names. Other parameters that a file already has are kept.

        Args:
            ranges: minval and maxval by parameter name.
            pattern: a regular expression to search the names for, with a named group for each parameter; None: the
                spellings that `labels.labels_of` knows.

        Returns:
            The sorted distinct values found, by parameter name.

        Raises:
            InputError: as `labels.read_labels`, or a range for a name that no file has.
        """
        labels = read_labels(self.wavs(log_left_out=True), pattern)
        found: dict[str, list[float]] = {}
        for values in labels.values():
            for name, value in values.items():
                found[name] = sorted({*found.get(name, []), value})
        for name in ranges:
            if name not in found:
                raise InputError(f"`range` {name}: the file names have no such parameter; they have {listing(found)}")
        files = {wav: self._labelled(wav, values, found, ranges) for wav, values in labels.items()}
        for wav in files:
            check_writable(self.path_of(wav))
        for wav, file in files.items():
            file.write(self.path_of(wav))
        return found

    def _labelled(
        self,
        wav: Path,
        values: Mapping[str, float],
        found: Mapping[str, list[float]],
        ranges: Mapping[str, tuple[float, float]],
    ) -> ParamFile:
        """The param file of a wav, with its labels added as constant curves."""
        file = self.read_or_new(wav)
        duration, _ = sound_files.survey(wav)
        added = {}
        for name, value in values.items():
            low, high = ranges.get(name, (found[name][0], found[name][-1]))
            added[name] = make_param([0.0, duration], [value, value], nvals=len(found[name]), minval=low, maxval=high)
        return replace(file, params={**file.params, **added})


def _new_file(wav: Path) -> ParamFile:
    """A param file without parameters."""
    return ParamFile({}, {"filename": wav.name})


def make_param(times: list[float], values: list[float], **others: Any) -> Param:
    """A `Param` from numbers of any type. Raises InputError if they do not make a valid curve."""
    try:
        return Param(times=[float(t) for t in times], values=[float(v) for v in values], **others)
    except ValidationError as error:
        raise InputError(explain(error)) from error
