"""Base of the config classes: frozen dataclasses whose fields carry their help text and unit; range checks.

The command lines (`cli`, `compat.commands`) and the files on disk are made from these classes, so each option has one
name, one type and one default. `validation.parse` reads the files back strictly.
"""

from __future__ import annotations

import os
from dataclasses import MISSING, field, fields
from typing import Any

from mtcrnn.core.errors import InputError

MOST_TEMPERATURE = 1000.0  # at which all codes are practically equally likely


def option(help: str, default: Any = MISSING, path: bool = False, short: str | None = None) -> Any:
    """A dataclass field that is also a command-line option, with its help text.

    `path`: its value is a path. `short`: another name for it on the command line.
    """
    return field(default=default, metadata={"help": help, "path": path, "short": short})


class Options:
    """Base of all config classes: the checks that apply to every field."""

    def __post_init__(self) -> None:
        """Check that numbers are finite and fit 64 bits; expand ~ in paths."""
        for spec in fields(self):  # type: ignore[arg-type]
            value = getattr(self, spec.name)
            if isinstance(value, int | float) and not abs(value) < 2**63:  # also inf and NaN
                raise InputError(f"`{spec.name}` is {value!s:.40}; it must be a finite number")
            if spec.metadata.get("path") and isinstance(value, str):
                if "\0" in value:
                    raise InputError(f"`{spec.name}` {value!r} is not a path")
                object.__setattr__(self, spec.name, os.path.expanduser(value))


def require(holds: bool, name: str, value: object, allowed: str) -> None:
    """Raise InputError, saying what is `allowed` for the option, unless the condition holds."""
    if not holds:
        raise InputError(f"`{name}` is {value}; it must be {allowed}")
