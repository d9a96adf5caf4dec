"""`mtcrnn import`: convert models of the 2020 MTCRNN (the original)."""

from __future__ import annotations

import argparse

from mtcrnn.cli.common import Commands, add_command, say, say_next
from mtcrnn.config.arguments import add_options, add_sizes, given_options, sizes
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn import`."""
    parser = add_command(
        commands, "import", "convert a model of the original (model_STEP.pkl) to a model folder", _import
    )
    parser.add_argument("model_dir", help="the original's model folder")
    parser.add_argument("--step", type=int, default=0, metavar="N", help="which step (default: the newest)")
    parser.add_argument("--output_dir", required=True, help="folder of the new run; a relative path goes under output/")
    add_options(parser, Tier, "the flags it was made with (default: from log/args.txt next to it)", original=True)
    add_options(parser, Net, "its network", original=True)
    add_sizes(parser)


def _import(args: argparse.Namespace) -> None:
    from mtcrnn.runs.original import import_model

    made = import_model(
        args.model_dir,
        args.step,
        {**given_options(Tier, args), **given_options(Net, args), **sizes(args)},
        args.output_dir,
    )
    say(f"made {made}")
    say_next("generate", "--model_dir", made.parent)
