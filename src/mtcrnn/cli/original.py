"""`mtcrnn import`: models of the original."""

from __future__ import annotations

import argparse

from mtcrnn.cli.common import Commands, add_command, say, say_next
from mtcrnn.config.arguments import add_options, add_sizes, sizes, typed
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn import`."""
    parser = add_command(
        commands, "import", "turn a model of the original (model_STEP.pkl) into a model folder", _import
    )
    parser.add_argument("model_dir", help="the original's model folder")
    parser.add_argument("--step", type=int, default=0, metavar="N", help="which step (left out: the newest)")
    parser.add_argument("--output_dir", required=True, help="folder of the new run; a relative one lies under output/")
    add_options(parser, Tier, "the flags it was made with (left out: from log/args.txt beside it)", original=True)
    add_options(parser, Net, "its network", original=True)
    add_sizes(parser)


def _import(args: argparse.Namespace) -> None:
    from mtcrnn.runs.original import import_model

    made = import_model(
        args.model_dir, args.step, {**typed(Tier, args), **typed(Net, args), **sizes(args)}, args.output_dir
    )
    say(f"made {made}")
    say_next("generate", "--model_dir", made.parent)
