"""Helpers that all commands share: the argument parser, adding a command, printing lines."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from mtcrnn.core.errors import InputError, one_line

LONGEST_LINE = 10_000  # characters in a printed line


class Parser(argparse.ArgumentParser):
    """An argparse parser with one-line errors, without abbreviated options."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(allow_abbrev=False, **keywords)

    def error(self, message: str) -> NoReturn:
        """Raise InputError: bad arguments are handled like any other bad input."""
        raise InputError(f"{message} (see '{self.prog} --help')")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Run = Callable[[argparse.Namespace], None]


def add_command(commands: Commands, name: str, summary: str, run: Run) -> Parser:
    """Add a command that calls `run`; the caller adds its options."""
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser


def say(text: str) -> None:
    """Print a line, safely whatever characters its names contain."""
    print(one_line(text, LONGEST_LINE))


def say_next(*words: object) -> None:
    """Print the next command to run, ready to be pasted."""
    say(f"next: mtcrnn {shlex.join(str(word) for word in words)}")
