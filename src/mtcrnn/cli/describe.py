"""`mtcrnn describe`: what recordings without labels differ in; writes measures as curves."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtcrnn.cli.common import Commands, add_command, say, say_next
from mtcrnn.config.arguments import file_path, new_file, number

if TYPE_CHECKING:
    from mtcrnn.listening.describing import Described


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn describe`."""
    parser = add_command(commands, "describe", "say what recordings without labels differ in", _describe)
    parser.add_argument("data", type=file_path, help="folder of recordings, at any depth, or one recording")
    parser.add_argument("--param_dir", type=file_path, help="folder of the param files (default: next to the sounds)")
    parser.add_argument("--rate", type=number, default=20.0, help="values per second [%(default)g]")
    smooth = "average over so many seconds [2; 0.2 where most recordings have a pitch]"
    parser.add_argument("--smooth", type=number, default=None, metavar="SECONDS", help=smooth)
    names = "write these measures as curves into param files; auto: those that are proposed"
    parser.add_argument("--write", nargs="+", default=[], metavar="NAME", help=names)
    parser.add_argument("--out", type=new_file, help="file for a picture (default: output/FOLDER_described.png)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _describe(args: argparse.Namespace) -> None:
    from mtcrnn.config.options import require
    from mtcrnn.data.dataset import ParamManager
    from mtcrnn.labelling.picture import plot_described
    from mtcrnn.listening.describing import described, proposed, smoothing, write_measures
    from mtcrnn.listening.recordings import listen
    from mtcrnn.rendering.plots import kind_of

    require(1 <= args.rate <= 100, "rate", args.rate, "1 to 100 per second")
    require(args.smooth is None or 0.01 <= args.smooth <= 60, "smooth", args.smooth, "0.01 to 60 seconds")
    picture = args.out or Path("output") / f"{args.data.resolve().stem}_described.png"
    kind_of(picture)  # fail early
    data = ParamManager(args.data, args.param_dir)
    recordings = listen(data.wavs(log_left_out=True), args.rate)
    seconds = smoothing(recordings) if args.smooth is None else args.smooth
    found = described(recordings, seconds)
    chosen = proposed(found)
    names = chosen if args.write == ["auto"] else args.write
    copies = write_measures(data, recordings, names, seconds) if names else []
    plot_described(recordings, found, chosen, seconds, picture)
    if args.json:
        print(json.dumps({"measures": [as_json(one) for one in found], "proposed": chosen}, indent=2))
        return
    for line in table(found, chosen):
        say(line)
    say(f"averaged over {seconds:g} s; drawn: {picture}")
    for copy in copies:
        say(f"kept what was written by hand as {copy}")
    if names:
        say(f"wrote {' '.join(names)} to the param files of {len(recordings)} recordings")
        params = ["--param_dir", args.param_dir] if args.param_dir else []
        everywhere = set.intersection(*(set(file.params) for _, file in data.files()))
        prop = [*sorted(everywhere - set(names)), *names]
        say_next("train", "--data_dir", args.data, *params, "--prop", *prop, "--minutes", 10)
    elif chosen:
        say_next("describe", args.data, "--write", *chosen)


def table(found: Sequence[Described], chosen: Sequence[str]) -> list[str]:
    """The lines of the table."""
    from mtcrnn.listening.measures import MEASURES

    lines = [f"{'measure':<11} {'from':>8} {'to':>8} {'unit':<9} {'steps':>5}  {'moving':>6}  most like"]
    for one in found:
        if one.problem:
            lines.append(f"{one.name:<11} {one.problem}")
            continue
        others = {name: alike for name, alike in one.alike.items() if name != one.name}
        other = max(others, key=others.__getitem__)
        star = " *" if one.name in chosen else ""
        lines.append(
            f"{one.name:<11} {one.low:8.3g} {one.high:8.3g} {MEASURES[one.name].units:<9} {one.steps:5.0f}  "
            f"{100 * one.within:5.0f}%  {other} ({others[other]:.2f}){star}"
        )
    return [
        *lines,
        "steps: just audible differences from the 5th to the 95th percentile. moving: the share of the variance within "
        "recordings; the rest is between them. * proposed: they vary most and say different things",
    ]


def as_json(one: Described) -> dict[str, Any]:
    """What was found of a measure, for JSON."""
    from mtcrnn.listening.measures import MEASURES

    known = one.low == one.low
    return {
        "name": one.name,
        "units": MEASURES[one.name].units,
        "low": one.low if known else None,
        "high": one.high if known else None,
        "readable": list(one.readable),
        "problem": one.problem,
        "within": one.within,
        "steps": one.steps,
        "alike": {name: round(value, 3) for name, value in one.alike.items()},
    }
