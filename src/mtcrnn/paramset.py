"""Level 1: the param files of a whole data set: finding, making, checking and changing them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from mtcrnn import audio
from mtcrnn.errors import InputError, listing
from mtcrnn.params import META, SUFFIX, Param, ParamFile, read_lenient
from mtcrnn.validation import explain

# "name_p76.00_a00.30" and "Name--rate_exp-00.50--cf-01.00--v-000": a name, then its number
_SHORT = re.compile(r"_([A-Za-z]+)(-?\d+(?:\.\d+)?)(?=_|$)")
_LONG = re.compile(r"--([A-Za-z]\w*?)-(-?\d+(?:\.\d+)?)(?=--|$)")


@dataclass(frozen=True)
class ParamManager:
    """The wavs of a data set and their param files.

    A wav and its param file belong together by path stem: `data/sub/a.wav` and `params/sub/a.params`.
    `data` is a folder of wavs, nested or not, or one wav; `params` is where the param files lie (None: beside).
    """

    data: Path
    params: Path | None = None

    @classmethod
    def at(cls, data_dir: str, param_dir: str | None) -> Self:
        """The data set in a folder (or one wav) and its folder of param files, as options name them."""
        return cls(Path(data_dir), Path(param_dir) if param_dir else None)

    def wavs(self) -> list[Path]:
        """All wavs, sorted. Raises InputError where there is none."""
        return audio.find(self.data)

    def path_of(self, wav: Path) -> Path:
        """Where the param file of a wav lies, whether it is there or not."""
        root = self.data.parent if self.data.is_file() else self.data
        folder = root if self.params is None else self.params
        try:
            return (folder / wav.relative_to(root)).with_suffix(SUFFIX)
        except ValueError:
            return (wav.parent if self.params is None else self.params / wav.name).with_suffix(SUFFIX)

    def read(self, wav: Path) -> ParamFile:
        """The parameters of a wav. Raises InputError where the file is missing or wrong."""
        path = self.path_of(wav)
        if not path.is_file():
            raise InputError(f"{wav} has no param file: expected {path} ('mtcrnn params init' makes empty ones)")
        return ParamFile.read(path)

    def files(self) -> Iterator[tuple[Path, ParamFile]]:
        """(wav, its parameters) for the whole set."""
        for wav in self.wavs():
            yield wav, self.read(wav)

    def init(self, overwrite: bool = False) -> list[Path]:
        """Make a param file that holds only `meta` for every wav that has none (or for all). Returns those made."""
        made = []
        for wav in self.wavs():
            path = self.path_of(wav)
            if overwrite or not path.exists():
                ParamFile({}, {"filename": wav.name}).write(path)
                made.append(path)
        return made

    def add(self, wav: Path, name: str, param: Param) -> None:
        """Add or replace one parameter of one wav."""
        _check_name(name)
        file = self.read(wav)
        replace(file, params={**file.params, name: param}).write(self.path_of(wav))

    def check(self) -> list[str]:
        """Every problem of the set, one line each: unreadable wavs, missing, broken or contradicting param files."""
        problems: list[str] = []
        names: dict[str, list[Path]] = {}
        whole = []  # wavs whose param file could be read as such
        for wav in self.wavs():
            try:
                audio.read(wav)
            except InputError as error:
                problems.append(str(error))
            path = self.path_of(wav)
            if not path.is_file():
                problems.append(f"{wav} has no param file: expected {path}")
                continue
            file, wrong = read_lenient(path)
            problems.extend(wrong.values())
            if "" in wrong:
                continue
            whole.append(wav)
            for name in {*file.params, *wrong} - {META}:
                names.setdefault(name, []).append(wav)
        for name, having in sorted(names.items()):
            lacking = [self.path_of(wav).name for wav in whole if wav not in having]
            if lacking:
                problems.append(f"parameter {name!r} is missing from {len(lacking)} files: {listing(lacking)}")
        return problems

    def from_names(
        self, ranges: Mapping[str, tuple[float, float]], pattern: str | None = None
    ) -> dict[str, list[float]]:
        """Write constant parameters read from the wavs' names; keeps other parameters that a file already has.

        Args:
            ranges: minval and maxval by parameter name.
            pattern: a regular expression to search the names for, with a named group for each parameter; None: the
                spellings that `labels_of` knows.

        Returns:
            The sorted distinct values found, by parameter name.

        Raises:
            InputError: a name without labels, files whose labels differ, or a range for a name that no file has.
        """
        labels = {wav: labels_of(wav.stem, pattern) for wav in self.wavs()}
        found: dict[str, list[float]] = {}
        first = next(iter(labels))
        for wav, values in labels.items():
            if not values:
                wanted = (
                    f"--pattern {pattern!r} does not match" if pattern else "like name_p76.00.wav or Name--p-76.wav"
                )
                raise InputError(f"{wav.name} has no labels in its name ({wanted})")
            if values.keys() != labels[first].keys():
                raise InputError(
                    f"{wav.name} is labelled {listing(values)}, but {first.name} is labelled {listing(labels[first])}"
                )
            for name, value in values.items():
                found[name] = sorted({*found.get(name, []), value})
        for name in ranges:
            if name not in found:
                raise InputError(f"--range {name}: the file names have no such parameter; they have {listing(found)}")
        files = {wav: self._labelled(wav, values, found, ranges) for wav, values in labels.items()}
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
        """The param file of a wav with its labels added as constant curves."""
        path = self.path_of(wav)
        file = ParamFile.read(path) if path.exists() else ParamFile({}, {"filename": wav.name})
        duration = audio.read(wav).duration_s
        added = {}
        for name, value in values.items():
            low, high = ranges.get(name, (found[name][0], found[name][-1]))
            added[name] = make_param([0.0, duration], [value, value], nvals=len(found[name]), minval=low, maxval=high)
        return replace(file, params={**file.params, **added})


def make_param(times: list[float], values: list[float], **others: Any) -> Param:
    """A `Param` from numbers of any origin. Raises InputError where they make no curve."""
    try:
        return Param(times=[float(t) for t in times], values=[float(v) for v in values], **others)
    except ValidationError as error:
        raise InputError(explain(error)) from error


def labels_of(stem: str, pattern: str | None = None) -> dict[str, float]:
    r"""Parameters written into a file name, in either spelling found in the wild, or as a regular expression says.

    Raises:
        InputError: a pattern that is none, names no groups, or finds something else than numbers.

    >>> labels_of("name_p76.00_a00.30")
    {'p': 76.0, 'a': 0.3}
    >>> labels_of("Name--rate_exp-00.50--cf-01.00--v-000")
    {'rate_exp': 0.5, 'cf': 1.0, 'v': 0.0}
    >>> labels_of("brass_acoustic_018-070-127", r"-(?P<note>\d+)-(?P<velocity>\d+)")
    {'note': 70.0, 'velocity': 127.0}
    """
    if pattern is None:
        spelling = _LONG if "--" in stem else _SHORT
        return {name: float(value) for name, value in spelling.findall(stem)}
    try:
        found = re.search(pattern, stem)
    except re.error as error:
        raise InputError(f"--pattern {pattern!r} is no regular expression: {error}") from error
    if found is None:
        return {}
    if not found.groupdict():
        raise InputError(f"--pattern {pattern!r} names no parameter; write (?P<NAME>...) around its number")
    try:
        return {name: float(value) for name, value in found.groupdict().items()}
    except (TypeError, ValueError) as error:
        raise InputError(f"--pattern {pattern!r} finds no number for every group in {stem!r}") from error


def _check_name(name: str) -> None:
    if not name or name == META or name == "audio" or any(c.isspace() for c in name):
        raise InputError(f"{name!r} cannot be a parameter's name: no spaces, and not '{META}' or 'audio'")
