"""Loading models of the original in Python (`load_original`), or converting them to model folders (`import_model`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtcrnn.cli.common import Parser
from mtcrnn.config.arguments import add_options, add_sizes, given_options, sizes
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.runs import original
from mtcrnn.runs.original import import_model

__all__ = ["import_model", "load_original"]


def load_original(model_dir: str | Path, step: int, flags: list[str]) -> Any:
    """The net in the original's `MODEL_DIR/model_STEP.pkl`, with inputs and outputs like those of `mtcrnn.models.nets`.

    Args:
        model_dir: the folder of the model.
        step: which step; 0 is the newest.
        flags: the flags of the original's command line that it was made with, like `["--hidden_size", "24"]`. Flags for
            training and generating are ignored; missing ones come from log/args.txt or the defaults.

    Raises:
        InputError: no such model, a file that is not a bare state dict, or tensors that do not fit the flags.
    """
    parser = Parser(prog="load_original", add_help=False)
    add_options(parser, Tier, "tier", original=True)
    add_options(parser, Net, "net", original=True)
    add_sizes(parser)
    args, _ = parser.parse_known_args(flags)
    return original.load(
        original.find(str(model_dir), step), {**given_options(Tier, args), **given_options(Net, args), **sizes(args)}
    ).net
