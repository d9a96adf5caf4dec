"""`mtcrnn label`: name what is heard in recordings, in the browser."""

from __future__ import annotations

import argparse

from mtcrnn.cli.common import Commands, add_command
from mtcrnn.config.arguments import file_path
from mtcrnn.config.options import require


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn label`."""
    parser = add_command(commands, "label", "name what is heard in recordings, in the browser", _label)
    parser.add_argument("data", type=file_path, help="folder of recordings, at any depth, or one recording")
    place = "folder of the param files and of what you say (default: next to the sounds)"
    parser.add_argument("--param_dir", type=file_path, help=place)
    axes = "make the first N principal axes of the sound parameters, for those who have no words: 1 to 4"
    parser.add_argument("--axes", type=int, default=0, metavar="N", help=axes)
    parser.add_argument("--port", type=int, default=8766, metavar="N", help="port; 0 uses any free one [8766]")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def _label(args: argparse.Namespace) -> None:
    from mtcrnn.data.dataset import ParamManager
    from mtcrnn.labelling.label import label

    require(0 <= args.axes <= 4, "axes", args.axes, "1 to 4")
    require(0 <= args.port <= 65535, "port", args.port, "0 to 65535")
    label(ParamManager(args.data, args.param_dir), args.port, not args.no_browser, args.axes)
