"""The `mtcrnn` command: all commands in one parser; error messages, logging, signals. Heavy modules load when used."""

from __future__ import annotations

import argparse
import io
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from mtcrnn.cli import (
    describe,
    evaluate,
    features,
    generate,
    gestures,
    instrument,
    label,
    original,
    params,
    play,
    plot,
    quickstart,
    sharing,
    textures,
    train,
)
from mtcrnn.cli.common import Parser
from mtcrnn.core.errors import InputError, one_line
from mtcrnn.core.interrupt import interrupt_on_sigterm
from mtcrnn.core.processes import is_main_process

LONGEST_LOG = 1000  # characters in a log message, which may contain a web address


def main(argv: Sequence[str] | None = None) -> int:
    """The `mtcrnn` command. Returns the exit code: 0, or 2 for bad input."""
    return run(command_parser(), argv)


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Parse the arguments and run the command; bad input is one line on standard error. Returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug, formatter = "--debug" in arguments, _Formatter(parser)
    try:
        _prepare_output(formatter)
        args = parser.parse_args([a for a in arguments if a != "--debug"])
        with interrupt_on_sigterm():
            args.run(args)
    except BrokenPipeError:
        return 0
    except (InputError, OSError, MemoryError, RecursionError) as error:
        if debug:
            raise
        print(f"mtcrnn: error: {one_line(formatter.with_dashes(_message_of(error)))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mtcrnn: interrupted", file=sys.stderr)
        return 130
    return 0


class _Formatter(logging.Formatter):
    """Messages as the command line shows them: on one line, and the name of an option, `seq_len`, as --seq_len."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self._names = set(_options(parser))

    def with_dashes(self, text: str) -> str:
        """The message with the dashes of its options."""
        return re.sub(r"`(\w+)`", lambda m: f"--{m[1]}" if m[1] in self._names else m[0], text)

    def format(self, record: logging.LogRecord) -> str:
        """The message, with its traceback if it has one."""
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return one_line(self.with_dashes(record.getMessage()), LONGEST_LOG) + trace


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The names of all options of a parser and of its commands, without dashes."""
    for action in parser._actions:
        yield from (string.removeprefix("--") for string in action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _options(command)


class _Handler(logging.Handler):
    """Writes log messages to standard error, above any progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


def _prepare_output(formatter: logging.Formatter) -> None:
    """Send log messages to standard error; escape what the terminal cannot show, there and on standard output."""
    handler = _Handler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], force=True)  # other packages: warnings only
    logging.getLogger("mtcrnn").setLevel(logging.INFO if is_main_process() else logging.ERROR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _message_of(error: BaseException) -> str:
    """What went wrong, for our own errors and the system's."""
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
    describe.add_commands(commands)
    instrument.add_commands(commands)
    label.add_commands(commands)
    features.add_commands(commands)
    train.add_commands(commands)
    generate.add_commands(commands)
    play.add_commands(commands)
    sharing.add_commands(commands)
    original.add_commands(commands)
    evaluate.add_commands(commands)
    gestures.add_commands(commands)
    plot.add_commands(commands)
    return parser
