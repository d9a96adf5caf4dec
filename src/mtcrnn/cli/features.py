"""`mtcrnn features`: write audio features of sounds to their param files."""

from __future__ import annotations

import argparse
import os

from mtcrnn.cli.common import Commands, add_command, say
from mtcrnn.config.arguments import file_path, number
from mtcrnn.config.options import require


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn features`."""
    parser = add_command(
        commands, "features", "measure loudness, centroid, pitch and MFCCs of sounds, as parameters", _features
    )
    parser.add_argument("data", type=file_path, help="folder of sounds, at any depth, or one sound")
    parser.add_argument(
        "params", type=file_path, nargs="?", help="folder of the param files (default: next to the sounds)"
    )
    names = "rmse (loudness), centroid, pitch (with voicing, its probability), mfcc"
    parser.add_argument("--features", nargs="+", required=True, metavar="NAME", help=names)
    parser.add_argument("--rate", type=number, default=63.0, help="frames per second [%(default)g]")
    parser.add_argument("--n_mfcc", type=int, default=13, help="number of MFCCs [%(default)s]")
    parser.add_argument("--fmin", type=number, default=65.0, help="lowest pitch, in Hz [%(default)g]")
    parser.add_argument("--fmax", type=number, default=2100.0, help="highest pitch, in Hz [%(default)g]")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="sounds measured at once [all cores]")


def _features(args: argparse.Namespace) -> None:
    from mtcrnn.audio.features import Settings
    from mtcrnn.data.dataset import ParamManager
    from mtcrnn.data.feature_files import write_features

    require(args.processes is None or args.processes > 0, "processes", args.processes, "above 0")
    settings = Settings(tuple(args.features), args.rate, args.n_mfcc, args.fmin, args.fmax)
    measured, left = write_features(ParamManager(args.data, args.params), settings, args.processes)
    say(f"measured {' '.join(settings.names())} in {measured} sounds; {left} already had them")
