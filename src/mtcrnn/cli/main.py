"""The command line. Thin: parse, call one function, print one result. Heavy modules load when used."""

from __future__ import annotations

import argparse
import io
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from mtcrnn.cli import evaluate, features, generate, gestures, original, params, play, plot, quickstart, textures, train
from mtcrnn.cli.common import Parser
from mtcrnn.core.errors import InputError, one_line
from mtcrnn.core.interrupt import ended_like_ctrl_c
from mtcrnn.core.processes import leads

LONGEST_NEWS = 1000  # characters of a warning, which may hold an address


def main(argv: Sequence[str] | None = None) -> int:
    """The `mtcrnn` command. Returns the exit code: 0, or 2 for bad input."""
    return run(command_parser(), argv)


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Parse, run what the options chose, and turn bad input into one line on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug, shown = "--debug" in arguments, _Shown(parser)
    try:
        _prepare_output(shown)
        args = parser.parse_args([a for a in arguments if a != "--debug"])
        with ended_like_ctrl_c():
            args.run(args)
    except BrokenPipeError:
        return 0
    except (InputError, OSError, MemoryError, RecursionError) as error:
        if debug:
            raise
        print(f"mtcrnn: error: {one_line(shown.options(_explained(error)))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mtcrnn: interrupted", file=sys.stderr)
        return 130
    return 0


class _Shown(logging.Formatter):
    """Messages as the command line shows them: on one line, and `seq_len`, an option's name, as --seq_len."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self._names = set(_options(parser))

    def options(self, text: str) -> str:
        """A message whose options have their dashes."""
        return re.sub(r"`(\w+)`", lambda m: f"--{m[1]}" if m[1] in self._names else m[0], text)

    def format(self, record: logging.LogRecord) -> str:
        """The message, and whatever traceback belongs to it."""
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return one_line(self.options(record.getMessage()), LONGEST_NEWS) + trace


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The names of all options of a parser and of its commands, without dashes."""
    for action in parser._actions:
        yield from (string.removeprefix("--") for string in action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _options(command)


class _BesideBars(logging.Handler):
    """Writes to standard error, above a progress bar that stands there."""

    def emit(self, record: logging.LogRecord) -> None:
        """One message."""
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


def _prepare_output(shown: logging.Formatter) -> None:
    """Messages go to standard error; what a terminal cannot show is escaped, there and on standard output."""
    handler = _BesideBars()
    handler.setFormatter(shown)
    logging.basicConfig(handlers=[handler], force=True)  # of others, warnings
    logging.getLogger("mtcrnn").setLevel(logging.INFO if leads() else logging.ERROR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _explained(error: BaseException) -> str:
    """What went wrong, of our own errors and of the system's."""
    if isinstance(error, OSError):
        return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part is not None)
    return str(error) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)


def command_parser() -> argparse.ArgumentParser:
    """The parser of `mtcrnn` with all its commands."""
    parser = Parser(
        prog="mtcrnn",
        description="Train recurrent networks on labelled sounds and play them through their parameters.",
        epilog="'mtcrnn COMMAND --help' explains one command. --debug shows the whole traceback of an error.",
    )
    parser.add_argument("--version", action="version", version=f"mtcrnn {version('mtcrnn')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    quickstart.add_commands(commands)
    textures.add_commands(commands)
    params.add_commands(commands)
    features.add_commands(commands)
    train.add_commands(commands)
    generate.add_commands(commands)
    play.add_commands(commands)
    original.add_commands(commands)
    evaluate.add_commands(commands)
    gestures.add_commands(commands)
    plot.add_commands(commands)
    return parser
