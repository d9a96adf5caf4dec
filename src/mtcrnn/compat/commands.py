"""The original's command lines, `python3 train.py` and `python3 generate.py`, with its defaults."""

from __future__ import annotations

from collections.abc import Sequence

from mtcrnn.cli.common import Parser
from mtcrnn.cli.generate import add_generate, run_generate
from mtcrnn.cli.main import run
from mtcrnn.cli.train import add_train, run_train


def train_parser() -> Parser:
    """The parser of the original's `train.py`."""
    parser = Parser(prog="train.py", description="Train a model, with the options and defaults of the 2020 MTCRNN.")
    add_train(parser, original=True)
    parser.set_defaults(run=run_train)
    return parser


def generate_parser() -> Parser:
    """The parser of the original's `generate.py`."""
    parser = Parser(prog="generate.py", description="Generate, with the options and defaults of the 2020 MTCRNN.")
    add_generate(parser, original=True)
    parser.set_defaults(run=run_generate)
    return parser


def train_main(argv: Sequence[str] | None = None) -> int:
    """The original's `train.py`. Returns the exit code."""
    return run(train_parser(), argv)


def generate_main(argv: Sequence[str] | None = None) -> int:
    """The original's `generate.py`. Returns the exit code."""
    return run(generate_parser(), argv)
