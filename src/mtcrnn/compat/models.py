"""The original's models in Python and as folders of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtcrnn import checkpoint, original, runs
from mtcrnn.cli import Parser
from mtcrnn.config import Net, Tier
from mtcrnn.errors import InputError, listing
from mtcrnn.options import add_options, add_sizes, sizes, typed


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
    return original.load(_find(str(model_dir), step), {**typed(Tier, args), **typed(Net, args), **sizes(args)}).net


def import_model(model_dir: str, step: int, flags: dict[str, Any], output_dir: str) -> Path:
    """Turn a model of the original into a model folder of ours, `OUTPUT_DIR/model/model_STEP`, and return it.

    Raises:
        InputError: as `load_original`, or a folder that holds this step already.
    """
    model = original.load(_find(model_dir, step), flags)
    folder = runs.model_folder(output_dir)
    if model.config.step in runs.steps(folder):
        raise InputError(f"{folder} already holds a model of step {model.config.step}; choose another --output_dir")
    return checkpoint.save(folder, model)


def _find(model_dir: str, step: int) -> Path:
    path = runs.find_original(model_dir, step)
    if path is None:
        found = runs.original_steps(Path(model_dir))
        raise InputError(
            f"{model_dir} has no model of the original (model_STEP.pkl)"
            + (f" of step {step}; it has steps {listing(found)}" if found else "")
        )
    return path
