"""Labels parsed from file names: parameters and their values."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from pathlib import Path

from mtcrnn.config.tier import check_name
from mtcrnn.core.errors import InputError, listing

log = logging.getLogger(__name__)

# "name_p76.00_a00.30" and "Name--rate_exp-00.50--cf-01.00--v-000": a name followed by its number
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SHORT = re.compile(rf"([A-Za-z]+?)([-+]?{_NUMBER})")
_LONG = re.compile(rf"([A-Za-z]\w*?)-([-+]?{_NUMBER})")
_NEARLY = re.compile(r"[A-Za-z]+[-+.,]*\d[\d.,+-]*(?:[eE][-+][\d.,]*)?")  # meant as a label, but malformed


def read_labels(sounds: Sequence[Path], pattern: str | None = None) -> dict[Path, dict[str, float]]:
    """The labels in the names of a data set's files; all files must have the same labels.

    If a dash precedes every number of a parameter (freq-440, freq-880), it is read as a separator, not as a minus sign,
    and a warning is logged.

    Args:
        sounds: the files.
        pattern: as in `labels_of`.

    Raises:
        InputError: as `labels_of`; also a name without labels, or files whose labels differ.
    """
    words = {sound: _words_of(sound.stem, pattern) for sound in sounds}
    first, wanted = next(iter(words.items()))
    for sound, found in words.items():
        if not found:
            hint = f"`pattern` {pattern!r} does not match" if pattern else "like name_p76.00.wav or Name--p-76.wav"
            raise InputError(f"{sound.name} has no labels in its name ({hint})")
        if found.keys() != wanted.keys():
            both = f"{listing(found)}, but {first.name} is labelled {listing(wanted)}"
            raise InputError(f"{sound.name} is labelled {both}")
    dashed = [name for name in wanted if pattern is None and all(_dashed(found[name]) for found in words.values())]
    for name in dashed:
        log.warning(
            "%s: the dash before each number is not read as a minus sign "
            "(to read it as one: `pattern` '%s(?P<%s>-[0-9.]+)')",
            name,
            name,
            name,
        )
    return {
        sound: {
            name: _value(name, word.lstrip("-") if name in dashed else word, sound.stem) for name, word in found.items()
        }
        for sound, found in words.items()
    }


def labels_of(stem: str, pattern: str | None = None) -> dict[str, float]:
    r"""The parameters in a file name, in either of the two usual spellings, or as a regular expression finds them.

    Raises:
        InputError: a pattern that is not a regular expression, has no named groups, or finds something other than
            numbers; a label that occurs twice, is not a number, or whose name a parameter cannot have.

    >>> labels_of("name_p76.00_a00.30")
    {'p': 76.0, 'a': 0.3}
    >>> labels_of("Name--rate_exp-00.50--cf-01.00--v-000")
    {'rate_exp': 0.5, 'cf': 1.0, 'v': 0.0}
    >>> labels_of("brass_acoustic_018-070-127", r"-(?P<note>\d+)-(?P<velocity>\d+)")
    {'note': 70.0, 'velocity': 127.0}
    >>> labels_of("a_p1e-3")
    {'p': 0.001}
    """
    return {name: _value(name, word, stem) for name, word in _words_of(stem, pattern).items()}


def _words_of(stem: str, pattern: str | None) -> dict[str, str]:
    """The labels by name, their values as written."""
    words = _by_spelling(stem) if pattern is None else _by_pattern(stem, pattern)
    for name in words:
        check_name(name)
    return words


def _by_spelling(stem: str) -> dict[str, str]:
    spelling, between = (_LONG, "--(?=[A-Za-z])") if "--" in stem else (_SHORT, "_")
    words: dict[str, str] = {}
    for part in re.split(between, stem)[1:]:
        match = spelling.fullmatch(part)
        if not match:
            if _NEARLY.fullmatch(part):
                raise InputError(f"{stem}: {part!r} looks like a label, but does not end in a number (1, -0.5, 1e-3)")
            continue
        name, word = match.groups()
        if name in words:
            raise InputError(f"{stem}: the label {name!r} occurs twice, with {words[name]} and {word}")
        words[name] = word
    return words


def _by_pattern(stem: str, pattern: str) -> dict[str, str]:
    try:
        found = re.search(pattern, stem)
    except re.error as error:
        raise InputError(f"`pattern` {pattern!r} is not a regular expression: {error}") from error
    if found is None:
        return {}
    if not found.groupdict():
        raise InputError(f"`pattern` {pattern!r} names no parameter; put (?P<NAME>...) around its number")
    return {name: word or "" for name, word in found.groupdict().items()}


def _value(name: str, word: str, stem: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{stem!r}: {word!r} is not a number, for {name!r}")
    return value


def _dashed(word: str) -> bool:
    return word.startswith("-")
