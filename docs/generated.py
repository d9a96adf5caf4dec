"""The pages that are made from the code: every command with its options, every texture."""

from __future__ import annotations

import argparse
from pathlib import Path

from mtcrnn.cli.main import command_parser
from mtcrnn.textures import TEXTURES

WIDTH = 88


def write_generated(folder: Path) -> None:
    """Write the pages to a folder, those that changed."""
    folder.mkdir(exist_ok=True)
    for name, text in {"commands.md": commands(), "textures.md": textures()}.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def commands() -> str:
    """A section for each command: what `--help` says."""
    parts = ["# Commands\n\nWhat `mtcrnn COMMAND --help` says, made from the code.\n"]
    for name, parser in subparsers(command_parser()):
        parts.append(f"## mtcrnn {name}\n\n```text\n{help_of(parser)}```\n")
        for inner, own in subparsers(parser):
            parts.append(f"### mtcrnn {name} {inner}\n\n```text\n{help_of(own)}```\n")
    return "\n".join(parts)


def subparsers(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    """The commands of a parser, by name."""
    return [
        pair
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for pair in action.choices.items()
    ]


def help_of(parser: argparse.ArgumentParser) -> str:
    """What `--help` says, at one width."""
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=WIDTH, max_help_position=30)
    return parser.format_help()


def textures() -> str:
    """A section for each texture, with its parameters and a picture."""
    parts = [
        "# Textures\n\nBuilt-in sounds to learn on: small synthesisers whose parameters are known. `mtcrnn texture "
        "NAME --out FOLDER` writes a data set. Each picture glides through the range of the first parameter. The last "
        "column says which [meter](../evaluating.md) reads the parameter back from the sound.\n"
    ]
    for name, texture in TEXTURES.items():
        rows = [
            f"| `{key}` | {p.low:g} to {p.high:g} | {p.default:g} | {p.units} | {p.meter or ''} |"
            for key, p in texture.parameters.items()
        ]
        table = "| parameter | range | default | unit | meter |\n|---|---|---|---|---|\n" + "\n".join(rows)
        what = "\n".join(line.strip() for line in (texture.make.__doc__ or "").strip().splitlines())
        image = f"![Waveform and spectrogram of {name}](../images/texture-{name}.png)"
        parts.append(f"## {name}\n\n{texture.summary.capitalize()}. {what}\n\n{table}\n\n{image}\n")
    return "\n".join(parts)
