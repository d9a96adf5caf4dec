"""`mtcrnn export`: models as one HTML file that plays anywhere."""

from __future__ import annotations

import argparse

from mtcrnn.cli.common import Commands, add_command, say
from mtcrnn.config.arguments import file_path


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn export`."""
    parser = add_command(commands, "export", "write a page (.html) that plays models in any browser", _export)
    parser.add_argument("models", nargs="+", type=file_path, metavar="MODEL", help="run or model folder, or recipe")
    parser.add_argument("page", type=file_path, help="the file to write, .html; one that exists is kept")
    parser.add_argument("--title", help="of the page (default: the model's name)")
    parser.add_argument("--about", metavar="TEXT", help="a sentence on what it is")
    parser.add_argument("--licence", metavar="TEXT", help="what others may do with it")
    bits = "of each weight; 32 makes the very samples of mtcrnn generate, in a file twice as large [16]"
    parser.add_argument("--bits", type=int, default=16, help=bits)
    parser.add_argument("--step", type=int, default=0, metavar="N", help="which saved step (default: the newest)")


def _export(args: argparse.Namespace) -> None:
    from mtcrnn.web.export import Texts, export

    size = export(args.models, args.page, Texts(args.title, args.about, args.licence), args.bits, args.step)
    say(f"wrote {args.page} ({size / 1e6:.1f} MB): open it in a browser")
