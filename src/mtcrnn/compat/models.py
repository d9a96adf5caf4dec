"""The original's models in Python, and as folders of ours (`import_model`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtcrnn.cli.common import Parser
from mtcrnn.config.arguments import add_options, add_sizes, sizes, typed
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.runs import original
from mtcrnn.runs.original import import_model

__all__ = ["import_model", "load_original"]


def load_original(model_dir: str | Path, step: int, flags: list[str]) -> Any:
    """The net in the original's `MODEL_DIR/model_STEP.pkl`, with the call and the raw layout of `mtcrnn.nets`.

    Args:
        model_dir: the folder of the model; step 0 takes the newest.
        step: the step.
        flags: the original's command line flags that it was made with, like `["--hidden_size", "24"]`; those of
            training and generating are passed over, those left out come from log/args.txt or the defaults.

    Raises:
        InputError: no such model, a file that is no bare state dict, or tensors that do not fit the flags.
    """
    parser = Parser(prog="load_original", add_help=False)
    add_options(parser, Tier, "tier", original=True)
    add_options(parser, Net, "net", original=True)
    add_sizes(parser)
    args, _ = parser.parse_known_args(flags)
    return original.load(
        original.find(str(model_dir), step), {**typed(Tier, args), **typed(Net, args), **sizes(args)}
    ).net
