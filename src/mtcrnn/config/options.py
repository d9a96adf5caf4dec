"""Every option, once: frozen dataclasses whose fields carry their help text and unit.

The command lines (`cli`, `compat.commands`) and the files on disk are made from these classes, so an option has one
name, one type and one default. `validation.parse` reads them back strictly.
"""

from __future__ import annotations

import os
from dataclasses import MISSING, field, fields
from typing import Any

from mtcrnn.core.errors import InputError

MOST_TEMPERATURE = 1000.0  # where all codes have long been as likely as each other


def option(help: str, default: Any = MISSING, path: bool = False) -> Any:
    """A dataclass field that is also a command-line option: `help` is what people read; `path`: it names a file."""
    return field(default=default, metadata={"help": help, "path": path})


class Options:
    """What all config classes check of every field."""

    def __post_init__(self) -> None:
        """Numbers must be finite and fit 64 bits; ~ in a path is the home folder."""
        for spec in fields(self):  # type: ignore[arg-type]
            value = getattr(self, spec.name)
            if isinstance(value, int | float) and not abs(value) < 2**63:  # also inf and NaN
                raise InputError(f"`{spec.name}` is {value!s:.40}; it must be a finite number")
            if spec.metadata.get("path") and isinstance(value, str):
                if "\0" in value:
                    raise InputError(f"`{spec.name}` {value!r} is no path")
                object.__setattr__(self, spec.name, os.path.expanduser(value))


def require(holds: bool, name: str, value: object, allowed: str) -> None:
    """Raise the error for an option out of its range unless the condition holds."""
    if not holds:
        raise InputError(f"`{name}` is {value}; it must be {allowed}")
