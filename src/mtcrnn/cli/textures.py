"""`mtcrnn texture`: write a built-in labelled data set, or list the textures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mtcrnn.cli.common import Commands, add_command, say
from mtcrnn.config.arguments import file_path, number
from mtcrnn.core.errors import InputError


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn texture`."""
    parser = add_command(commands, "texture", "write a built-in labelled data set", _texture)
    parser.add_argument("name", nargs="?", help="name of the texture: see --list")
    parser.add_argument("--list", action="store_true", help="list all textures and their parameters")
    parser.add_argument("--out", type=file_path, help="new folder to write")
    parser.add_argument(
        "--vary", nargs="+", default=[], metavar="NAME", help="parameters that vary between files [the first]"
    )
    each = "number of values of each of these, evenly spaced, in all combinations; or a number for each [11]"
    parser.add_argument("--files", type=int, nargs="+", default=[11], metavar="N", help=each)
    parser.add_argument("--random", action="store_true", help="random values instead; --files counts the files")
    parser.add_argument(
        "--glide", action="store_true", help="each file moves linearly from its values to those of another"
    )
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="values of the other parameters")
    held = "values that no file has; one file for each is written to the folder OUT_held_out"
    parser.add_argument("--held_out", nargs="+", default=[], metavar="NAME=VALUE", help=held)
    parser.add_argument("--seconds", type=number, default=10.0, help="length of each file, in seconds [%(default)s]")
    parser.add_argument("--sample_rate", type=int, default=16000, help="sample rate in Hz [%(default)s]")
    parser.add_argument("--rand_seed", type=int, default=0, help="the same seed gives the same files [%(default)s]")


def _texture(args: argparse.Namespace) -> None:
    from mtcrnn.textures import describe, write_texture

    if args.list:
        print(describe())
        return
    if not args.name or not args.out:
        raise InputError("a texture needs a name and --out FOLDER (mtcrnn texture --list shows the names)")
    held: dict[str, list[float]] = {}
    for name, value in _numbers("held_out", args.held_out):
        held.setdefault(name, []).append(value)
    wavs = write_texture(
        args.name,
        args.out,
        vary=args.vary,
        files=args.files,
        random=args.random,
        glide=args.glide,
        settings=dict(_numbers("set", args.set)),
        held_out=held,
        seconds=args.seconds,
        sample_rate=args.sample_rate,
        seed=args.rand_seed,
    )
    say(f"wrote {len(wavs)} wavs with param files to {args.out}")


def _numbers(option: str, words: Sequence[str]) -> list[tuple[str, float]]:
    """The names and values of `--option NAME=VALUE ...`."""
    pairs = []
    for word in words:
        name, _, value = word.partition("=")
        try:
            pairs.append((name, float(value)))
        except ValueError as error:
            raise InputError(f"--{option} {word}: it must be NAME=VALUE, with a number") from error
    return pairs
