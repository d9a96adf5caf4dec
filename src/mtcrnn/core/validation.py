"""JSON and TOML into typed objects, with errors of one line. The checking itself is pydantic's."""

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
MOST_BYTES = 500_000_000  # of a text file: the curves of a few hundred hours
STRICT = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


def strict(cls: type[T]) -> type[T]:
    """Class decorator: `parse` takes no unknown keys, no other types and no NaN for this dataclass."""
    cls.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
    return cls


def read_json(path: Path) -> Any:
    """The JSON value in a file.

    Raises:
        InputError: no such file, not UTF-8, broken JSON (with file and line), or a key that stands twice in an object.
    """
    return _decoded(path, "JSON", lambda text: json.loads(text, object_pairs_hook=_without_twins))


def read_toml(path: Path) -> dict[str, Any]:
    """The tables in a TOML file. Raises InputError as `read_json`."""
    return _decoded(path, "TOML", tomllib.loads)


def read_text(path: Path) -> str:
    """A text file in UTF-8, without its byte order mark. Raises InputError where it cannot be read, or is none."""
    try:
        if not path.is_file() and path.exists():
            raise InputError(f"{path} is no file")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes; {MOST_BYTES:,} at most")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8 (byte {error.start})") from error


def _decoded(path: Path, what: str, decode: Callable[[str], Any]) -> Any:
    """The content of a text file of a format; whatever is wrong with it in one line."""
    text = read_text(path)
    try:
        return decode(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {error.lineno}: broken {what}: {error.msg}") from error
    except ValueError as error:  # also a whole number of thousands of digits
        raise InputError(f"{path}: broken {what}: {str(error).partition(';')[0]}") from error
    except RecursionError as error:
        raise InputError(f"{path}: {what} nested too deeply") from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's pairs as a dict. Raises ValueError for a key that stands twice: one of them would be lost."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return content


def parse(cls: type[T], value: Any, where: str) -> T:
    """`value` (from JSON) as a dataclass marked `strict` (those inside it too).

    Raises:
        InputError: the first thing that is wrong, after `where`; for an unknown key the known ones.
    """
    from pydantic import TypeAdapter, ValidationError  # here: the command line's --help must not wait for it

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
    """The keys that the dataclass at `path` inside `cls` knows."""
    for part in path:
        hints = typing.get_type_hints(cls) if dataclasses.is_dataclass(cls) else {}
        cls = hints.get(str(part)) or (typing.get_args(cls) or (None,))[-1]
    return [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
