"""Validation of a data set: errors in its sounds and param files, and oddities worth a remark."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mtcrnn.audio import files as sound_files
from mtcrnn.config.tier import check_name
from mtcrnn.core.errors import InputError, listing
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.params import Param, ParamFile, read_lenient

LATE, LATE_S = 1.02, 0.1  # a curve may end at this multiple of its sound's duration, plus this many seconds
IN_MS = 100  # a curve that ends at this multiple of the duration or later is not in seconds, but perhaps in ms


@dataclass
class Inspection:
    """What `inspect` found, one line each.

    Attributes:
        sounds: all sounds of the data set.
        problems: what training refuses, or would learn wrongly.
        remarks: what is unusual but may be intended.
    """

    sounds: list[Path]
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def inspect(data: ParamManager) -> Inspection:
    """Read all sounds and param files of a data set and compare them.

    Raises:
        InputError: there are no sounds.
    """
    sounds, left_out = data.find()
    found = Inspection(sounds, remarks=left_out)
    files: dict[Path, ParamFile] = {}  # by param file
    names: dict[str, set[Path]] = {}
    for sound in sounds:
        duration = _survey(sound, found)
        path = data.path_of(sound)
        if not path.is_file():
            found.problems.append(f"{sound} has no param file: expected {path}")
            continue
        if path in files:
            found.remarks.append(f"{sound} shares {path.name} with another sound of the same name")
        file, wrong = read_lenient(path)
        found.problems.extend(wrong.values())
        if "" in wrong:
            continue
        files[path] = file
        try:
            file.skipped(path)
        except InputError as error:
            found.problems.append(str(error))
        for name in {*file.params, *(name for name in wrong if name)} - {"meta"}:
            names.setdefault(name, set()).add(path)
        for name, param in file.params.items() if duration else ():
            found.problems += [f"{path}: {name}: {problem}" for problem in _times(param, duration)]
    for name, holders in sorted(names.items()):
        lacking = [path.name for path in files if path not in holders]
        if lacking:
            found.problems.append(f"parameter {name!r} is missing from {len(lacking)} files: {listing(lacking)}")
        found.problems += _across_files(name, [file.params[name] for file in files.values() if name in file.params])
    return found


def _survey(sound: Path, found: Inspection) -> float:
    """The duration of a sound in seconds, or 0 if it cannot be read. Adds its problems and remarks to `found`."""
    try:
        duration, remarks = sound_files.survey(sound)
    except InputError as error:
        found.problems.append(str(error))
        return 0.0
    found.remarks += [f"{sound}: {kind} ({what})" for kind, what in remarks.items()]
    return duration


def _times(param: Param, duration: float) -> list[str]:
    """The problems of a curve's times, given the duration of its sound in seconds."""
    end = param.times[-1]
    if end > IN_MS * duration:
        return [f"its times run to {end:g}, but the sound lasts {duration:.3g} s: times are in seconds"]
    if param.times[0] < 0:
        return [f"its times begin at {param.times[0]:g}, before the sound"]
    if end > LATE * duration + LATE_S and len(set(param.values)) > 1:
        return [f"its times run to {end:g} s, but the sound lasts {duration:.3g} s"]
    return []


def _across_files(name: str, params: list[Param]) -> list[str]:
    """The problems of a parameter across all files."""
    problems = []
    try:
        check_name(name)
    except InputError as error:
        problems.append(str(error))
    units = sorted({param.units for param in params if param.units})
    if len(units) > 1:
        problems.append(f"parameter {name!r} has different units: {listing(units)}")
    return problems
