"""Reading JSON, TOML and text files, and validating them as dataclasses (by pydantic), with one-line errors."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import typing
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mtcrnn.core.errors import InputError, unknown

if TYPE_CHECKING:
    from pydantic import ValidationError

T = TypeVar("T")
MOST_BYTES = 500_000_000  # in a text file: the curves of a few hundred hours
STRICT = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


def strict(cls: type[T]) -> type[T]:
    """Class decorator: for this dataclass, `parse` refuses unknown keys, other types and NaN."""
    cls.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
    return cls


def read_json(path: Path) -> Any:
    """Read the JSON value in a file.

    Raises:
        InputError: no such file, not UTF-8, broken JSON (with file and line), or a key that occurs twice in an object.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, where: str) -> Any:
    """The JSON value in a text. Raises InputError as `read_json`; `where` begins its message."""
    return _decoded(text, where, "JSON", lambda text: json.loads(text, object_pairs_hook=_without_duplicates))


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables in a TOML file. Raises InputError as `read_json` does."""
    return _decoded(read_text(path), str(path), "TOML", tomllib.loads)


def read_text(path: Path) -> str:
    """Read a UTF-8 text file, without its byte order mark. Raises InputError if it cannot be read or is not text."""
    try:
        if not path.is_file() and path.exists():
            raise InputError(f"{path} is not a file")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes; at most {MOST_BYTES:,}")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8 (byte {error.start})") from error


def _decoded(text: str, where: str, what: str, decode: Callable[[str], Any]) -> Any:
    """Decode a text; any problem becomes an InputError of one line."""
    try:
        return decode(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}, line {error.lineno}: broken {what}: {error.msg}") from error
    except ValueError as error:  # also an integer of thousands of digits
        raise InputError(f"{where}: broken {what}: {str(error).partition(';')[0]}") from error
    except RecursionError as error:
        raise InputError(f"{where}: {what} nested too deeply") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's pairs as a dict. Raises ValueError for a key that occurs twice: one value would be lost."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return content


def parse(cls: type[T], value: Any, where: str) -> T:
    """Turn `value` (from JSON) into a dataclass that is marked `strict`, as are those inside it.

    Raises:
        InputError: the first problem, after `where`; for an unknown key, also the known ones.
    """
    from pydantic import TypeAdapter, ValidationError  # here, so that the command line's --help does not wait for it

    try:
        return TypeAdapter(cls).validate_json(json.dumps(value, default=str))  # TOML also has dates
    except ValidationError as error:
        raise InputError(f"{where}: {explain(error, cls)}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: numbers too long, or nested too deeply") from error


def explain(error: ValidationError, cls: type | None = None) -> str:
    """The first problem of a pydantic error as `path: what is wrong`."""
    first = error.errors(include_url=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden") and cls is not None:
        return str(unknown("key", str(first["loc"][-1]), _fields_at(cls, first["loc"][:-1])))
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = "" if isinstance(first["input"], dict | list) else f", got {first['input']!r}"
    return f"{place}: {message}{given}" if place else message


def _fields_at(cls: Any, path: tuple[int | str, ...]) -> list[str]:
    """The keys of the dataclass at `path` inside `cls`."""
    for part in path:
        hints = typing.get_type_hints(cls) if dataclasses.is_dataclass(cls) else {}
        cls = hints.get(str(part)) or (typing.get_args(cls) or (None,))[-1]
    return [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
