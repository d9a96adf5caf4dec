"""`mtcrnn plot`: pictures of sounds, gestures, param files and training logs."""

from __future__ import annotations

import argparse

from mtcrnn.cli.common import Commands, add_command, say
from mtcrnn.config.arguments import file_path, new_file, number


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn plot`."""
    parser = add_command(commands, "plot", "draw sounds, gestures, param files and training logs", _plot)
    parser.add_argument("files", nargs="+", type=file_path, help="sounds, .npy, .params, or a run's folder")
    parser.add_argument("--external_sr", type=number, help="values per second of the .npy files")
    parser.add_argument("--out", type=new_file, help="file of the picture (default: next to the first file, as .png)")


def _plot(args: argparse.Namespace) -> None:
    from mtcrnn.rendering.plots import plot_files

    say(f"wrote {plot_files(args.files, args.out, args.external_sr)}")
