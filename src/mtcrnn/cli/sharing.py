"""`mtcrnn export`, `pack` and `info`: models for others, as a page that plays anywhere or as one file for mtcrnn."""

from __future__ import annotations

import argparse

from mtcrnn.cli.common import Commands, Parser, add_command, say
from mtcrnn.config.arguments import file_path


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    parser = add_command(commands, "export", "write a page (.html) that plays models in any browser", _export)
    parser.add_argument("models", nargs="+", type=file_path, metavar="MODEL", help="run, model, packed model or recipe")
    parser.add_argument("page", type=file_path, help="the file to write, .html; one that exists is kept")
    _add_texts(parser, 16, "16; 32 is exact, slower, and twice as large")
    parser = add_command(commands, "pack", "write a model as one file (.mtcrnn), which every command takes", _pack)
    parser.add_argument("model", help="run or model folder")
    parser.add_argument("file", type=file_path, help="the file to write, .mtcrnn; one that exists is kept")
    _add_texts(parser, 32, "32; 16 makes the file half as large")
    parser = add_command(commands, "info", "say what a model is", _info)
    parser.add_argument("model", help="run, model folder or packed model")
    parser.add_argument("--step", type=int, default=0, metavar="N", help="which saved step (default: the newest)")


def _add_texts(parser: Parser, bits: int, which: str) -> None:
    parser.add_argument("--title", help="what the model is called (default: its run's name)")
    parser.add_argument("--about", metavar="TEXT", help="a sentence on what it is")
    parser.add_argument("--licence", metavar="TEXT", help="what others may do with it")
    parser.add_argument("--bits", type=int, default=bits, metavar="N", help=f"of each weight [{which}]")
    parser.add_argument("--step", type=int, default=0, metavar="N", help="which saved step (default: the newest)")


def _export(args: argparse.Namespace) -> None:
    from mtcrnn.runs.packing import Texts
    from mtcrnn.web.export import export

    size = export(args.models, args.page, Texts(args.title, args.about, args.licence), args.bits, args.step)
    say(f"wrote {args.page} ({size / 1e6:.1f} MB): open it in a browser")


def _pack(args: argparse.Namespace) -> None:
    import dataclasses

    from mtcrnn.runs import folders
    from mtcrnn.runs.packing import About, Texts, pack

    found = folders.find(args.model, args.step)
    about = About(folders.name_of(found), Texts(args.title, args.about, args.licence), args.bits)
    config = dataclasses.asdict(folders.read_config(found))
    size = pack(config, folders.read_weights(found), about, args.file)
    say(f"wrote {args.file} ({size / 1e6:.1f} MB): mtcrnn play {args.file}")


def _info(args: argparse.Namespace) -> None:
    from mtcrnn.runs import folders
    from mtcrnn.runs.packing import Texts, is_packed, read_about

    found = folders.find(args.model, args.step)
    config, name = folders.read_config(found), folders.name_of(found)
    texts, tier, net = read_about(found).texts if is_packed(found) else Texts(), config.tier, config.net
    lines = {
        "name": name,
        "title": texts.title,
        "about": texts.about,
        "licence": texts.licence,
        "generates": ", ".join(tier.generate),
        "rate": f"{tier.sample_rate} Hz" + (f", {tier.channels}" if tier.is_audio else ""),
        "net": f"{net.net}, {net.n_layers} x {net.hidden_size}, {config.step} steps",
    }
    for key, text in lines.items():
        if text is not None:
            say(f"{key:<10} {text}")
    for parameter in tier.prop:
        found_range = config.ranges[parameter]
        units = f" {found_range.units}" if found_range.units else ""
        scale = ", log scale" if found_range.log else ""
        says = "".join(f", a period: {period.expression}" for period in tier.periods if period.name == parameter)
        say(f"parameter  {parameter}: {found_range.low:g} to {found_range.high:g}{units}{scale}{says}")
