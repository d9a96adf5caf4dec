"""What the groups of commands share: the parser, adding a command, printing lines."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from mtcrnn.core.errors import InputError, one_line

LONGEST_LINE = 10_000  # characters of what is printed


class Parser(argparse.ArgumentParser):
    """argparse with one-line errors and no guessing of shortened options."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(allow_abbrev=False, **keywords)

    def error(self, message: str) -> NoReturn:
        """Bad arguments are bad input like any other."""
        raise InputError(f"{message} (see '{self.prog} --help')")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Run = Callable[[argparse.Namespace], None]


def add_command(commands: Commands, name: str, summary: str, run: Run) -> Parser:
    """Add a command that calls `run`; the options are left to the caller."""
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser


def say(text: str) -> None:
    """Print a line, whatever stands in the names on it."""
    print(one_line(text, LONGEST_LINE))


def say_next(*words: object) -> None:
    """What to do next, as it can be pasted."""
    say(f"next: mtcrnn {shlex.join(str(word) for word in words)}")
