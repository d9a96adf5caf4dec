"""`mtcrnn play`: play a model live."""

from __future__ import annotations

import argparse

from mtcrnn.cli.common import Commands, add_command
from mtcrnn.config.arguments import add_options, given_options, number
from mtcrnn.config.generate import Playing


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn play`."""
    parser = add_command(commands, "play", "play a model live, in the browser", _play)
    parser.add_argument("model", help="run or model folder, recipe (.toml), or a folder of runs to choose from")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1: this machine only]")
    parser.add_argument("--port", type=int, default=8765, metavar="N", help="port; 0 uses any free one [8765]")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--margin", type=number, default=30.0, metavar="MS", help="how far to render ahead, in ms [30]")
    osc = "receive Open Sound Control messages on this port: /NAME value, /@temperature value, /@start [seed], /@stop"
    parser.add_argument("--osc", type=int, metavar="PORT", help=osc)
    parser.add_argument("--audio", action="store_true", help="play through this machine's output, without a browser")
    parser.add_argument("--step", type=int, default=0, metavar="N", help="which saved step (default: the newest)")
    add_options(parser, Playing, "how to play", only=("precision",))


def _play(args: argparse.Namespace) -> None:
    from mtcrnn.live.play import play, play_aloud

    playing = Playing(**given_options(Playing, args))
    if args.audio:
        play_aloud(args.model, playing, args.step, args.margin, args.osc)
    else:
        play(args.model, playing, args.step, args.host, args.port, not args.no_browser, args.margin, args.osc)
