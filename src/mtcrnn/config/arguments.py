"""Config classes as command-line options (argparse): adding the options, building configs from what was parsed."""

from __future__ import annotations

import argparse
import math
import os
import typing
from collections.abc import Collection
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from mtcrnn.config.presets import defaults
from mtcrnn.core.errors import InputError

T = TypeVar("T")


def add_options(
    parser: argparse.ArgumentParser,
    cls: type,
    title: str,
    *,
    original: bool = False,
    inherit: bool = False,
    only: Collection[str] | None = None,
) -> None:
    """Add an option for every field of a config class. One that the user leaves out is absent from the namespace.

    Args:
        parser: the parser to add them to.
        cls: a class of `config`.
        title: the heading in the help text.
        original: the help shows the 2020 code's defaults where they differ.
        inherit: options left out come from a saved model, so the help shows no defaults.
        only: names of the fields to add (default: all).
    """
    group = parser.add_argument_group(title)
    hints = typing.get_type_hints(cls)
    for spec in (spec for spec in fields(cls) if only is None or spec.name in only):
        default = defaults(cls, original).get(spec.name, MISSING)
        short = spec.metadata["short"]
        group.add_argument(
            f"--{spec.name}",
            *([f"--{short}"] if short else []),
            help=_help(spec.metadata["help"], default, inherit),
            default=argparse.SUPPRESS,
            required=default is MISSING and not inherit,
            **_kind(hints[spec.name], spec.default),
        )


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """Add the original's `--gen_size` and `--cond_size`, which follow from the names and are only checked."""
    group = parser.add_argument_group("sizes (they follow from the names and may be left out)")
    group.add_argument("--gen_size", type=int, help="number of generated values; with --onehot the mu-law channels")
    group.add_argument("--cond_size", type=int, help="number of conditioning parameters")


def sizes(args: argparse.Namespace) -> dict[str, int | None]:
    """The given `--gen_size` and `--cond_size`; None where left out."""
    return {"gen_size": args.gen_size, "cond_size": args.cond_size}


def build(cls: type[T], args: argparse.Namespace, original: bool = False) -> T:
    """Build a config from the parsed options, with the defaults for those left out."""
    return cls(**{**defaults(cls, original), **given_options(cls, args)})


def given_options(cls: type, args: argparse.Namespace) -> dict[str, Any]:
    """The options of a config class that the user gave, by name."""
    found = {spec.name: getattr(args, spec.name) for spec in fields(cls) if hasattr(args, spec.name)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _kind(hint: Any, default: Any) -> dict[str, Any]:
    """Argparse keywords for a type annotation. A switch that is on by default also gets a --no- form."""
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction if default is True else "store_true"}
    if typing.get_origin(hint) is Literal:
        return {"choices": typing.get_args(hint)}
    if typing.get_origin(hint) is tuple:
        return {"nargs": "*", "metavar": "NAME"}
    inner = next((part for part in typing.get_args(hint) if part is not type(None)), hint)
    return {"type": number if inner is float else inner, "metavar": {int: "N", float: "X", str: "TEXT"}[inner]}


def number(text: str) -> float:
    """Parse a finite number; a type for argparse. Raises ValueError for anything else."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def file_path(text: str) -> Path:
    """Parse a path and expand ~; a type for argparse. Raises InputError for text that cannot be a path."""
    if not text or "\0" in text:
        raise InputError(f"{text!r} is not a path")
    return Path(text).expanduser()


def _help(text: str, default: Any, inherit: bool) -> str:
    text = text.replace("%", "%%")
    if inherit or default is MISSING or default is None or default is False or default == ():
        return text
    shown = " ".join(default) if isinstance(default, tuple) else default
    return f"{text} [{shown}]"


def new_file(text: str) -> Path:
    """Parse a path to a file, like `file_path`; a type for argparse. Raises ArgumentTypeError for that of a folder."""
    if text.endswith(("/", os.sep)):
        raise argparse.ArgumentTypeError(f"{text} is a folder; give the name of a file")
    return file_path(text)
