"""`mtcrnn bench` (playing speed) and `mtcrnn evaluate` (quality and control of a model)."""

from __future__ import annotations

import argparse
import json

from mtcrnn.cli.common import Commands, add_command
from mtcrnn.config.arguments import file_path, new_file
from mtcrnn.config.options import require
from mtcrnn.core.limits import MOST_SOUNDS


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn bench` and `mtcrnn evaluate`."""
    _add_bench(add_command(commands, "bench", "measure how fast models play on this machine", _bench))
    summary = "measure a model: bits per held-out sample, how well it follows its parameters"
    _add_evaluate(add_command(commands, "evaluate", summary, _evaluate))


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODEL", help="run or model folders (default: standard sizes)")
    parser.add_argument("--batch_size", type=int, nargs="+", default=[1, 16], help="sounds generated at once [1 16]")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _bench(args: argparse.Namespace) -> None:
    from mtcrnn.evaluation import bench

    for count in args.batch_size:
        require(0 < count <= MOST_SOUNDS, "batch_size", count, f"above 0 and at most {MOST_SOUNDS}")
    rows = bench.bench(args.models, args.batch_size)
    if args.json:
        print(json.dumps(bench.as_json(rows), indent=2))
    else:
        bench.table(rows, print)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="run or model folder")
    parser.add_argument("--step", type=int, default=0, metavar="N", help="which saved step (default: the newest)")
    parser.add_argument("--data_dir", type=file_path, required=True, help="folder of labelled sounds")
    parser.add_argument("--param_dir", type=file_path, help="folder of their param files (default: next to the sounds)")
    parser.add_argument(
        "--holdout", default="tail", help="data that the model has not seen: as in training, or all [tail]"
    )
    meter = "what measures a parameter: beat, density, spread, pitch, period, tone, peak, middle, centroid, loudness, "
    meter += "level, swing, carrier, vibrato, index, and the measures of mtcrnn describe "
    meter += "(default: what the param files say, or the best of beat, pitch, loudness and centroid)"
    parser.add_argument("--meter", nargs="+", default=[], metavar="NAME=METER", help=meter)
    parser.add_argument(
        "--out", type=new_file, help="file for a picture: requested against measured values, and spectra"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _evaluate(args: argparse.Namespace) -> None:
    from mtcrnn.data.dataset import ParamManager
    from mtcrnn.evaluation import evaluate
    from mtcrnn.evaluation.report import evaluation_lines

    if args.out:
        from mtcrnn.evaluation.picture import plot_evaluation
        from mtcrnn.rendering.plots import kind_of

        kind_of(args.out)  # fail early
    meters = dict(word.partition("=")[::2] for word in args.meter)
    data = ParamManager.at(args.data_dir, args.param_dir)
    found = evaluate(args.model, data, args.holdout, meters, args.step)
    if args.out:
        plot_evaluation(found, args.out)
    print(json.dumps(found, indent=2) if args.json else "\n".join(evaluation_lines(found)))
