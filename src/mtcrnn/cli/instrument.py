"""`mtcrnn instrument`: from a folder of recordings to a page that plays, in one command."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mtcrnn.cli.common import Commands, add_command, say
from mtcrnn.cli.training import train_once
from mtcrnn.config.arguments import file_path, number
from mtcrnn.core.errors import InputError, listing

if TYPE_CHECKING:
    from mtcrnn.data.dataset import ParamManager

PARAMS = "params"  # folder in the run for the param files of measures


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn instrument`."""
    summary = "make an instrument of a folder of recordings: describe, train, evaluate, write the page"
    parser = add_command(commands, "instrument", summary, _instrument)
    parser.add_argument("data", type=file_path, help="folder of recordings, at any depth, or one recording")
    parser.add_argument("--minutes", type=number, default=10.0, help="how long to train [%(default)g]")
    parser.add_argument("--num_steps", type=int, default=None, help="how many steps to train, instead of minutes")
    parser.add_argument("--out", type=file_path, help="folder of the run [output/NAME of the folder of recordings]")
    names = "parameters: of the param files, or measures (default: all of the param files, else the proposed measures)"
    parser.add_argument("--prop", nargs="+", default=[], metavar="NAME", help=names)
    parser.add_argument("--param_dir", type=file_path, help="folder of the param files (default: next to the sounds)")


def _instrument(args: argparse.Namespace) -> None:
    out = args.out or Path("output") / args.data.resolve().stem
    length = {"minutes": args.minutes} if args.num_steps is None else {"num_steps": args.num_steps}
    instrument(args.data, out, args.param_dir, args.prop, length)


def instrument(
    data_dir: Path, out: Path, param_dir: Path | None, prop: Sequence[str], length: dict[str, float | int]
) -> None:
    """Make an instrument of recordings in the folder `out`; what is there of an earlier call is used again.

    Args:
        data_dir: the recordings.
        out: folder of the run.
        param_dir: folder of their param files; None: next to the sounds.
        prop: parameters of the param files, or measures; none: all of the param files, else the proposed measures.
        length: how long to train: minutes, or num_steps.

    Raises:
        InputError: bad recordings, or no such parameters.
    """
    from mtcrnn.data.dataset import ParamManager

    labelled = ParamManager(data_dir, param_dir)
    chosen = _labels(labelled, prop)
    if chosen:
        say(f"1/4 the param files have {' '.join(chosen)} (--prop chooses others; mtcrnn label {data_dir} makes more)")
    else:
        labelled = ParamManager(data_dir, out / PARAMS)
        chosen = _measures(labelled, prop, out)
    how_long = " ".join(f"{number:g} {name.removeprefix('num_')}" for name, number in length.items())
    what = f"for {how_long} (--minutes; mtcrnn train --help lists everything else)"
    places = {"data_dir": str(data_dir), **({"param_dir": str(labelled.params)} if labelled.params else {})}
    train_once("2/4", what, out, chosen, {**places, **length})
    step = _best(out)
    _evaluate(labelled, out, step)
    _write_page(out, data_dir, step)


def _labels(data: ParamManager, prop: Sequence[str]) -> list[str]:
    """Those parameters that all param files have: all, or `prop`; none if some sound has no param file."""
    files = [data.read_or_new(wav).params for wav in data.wavs(log_left_out=True)]
    common = [name for name in files[0] if all(name in file for file in files)]
    return common if not prop else list(prop) if set(prop) <= set(common) else []


def _measures(data: ParamManager, prop: Sequence[str], out: Path) -> list[str]:
    """Choose measures and write them, without silence and clipping; those of an earlier call are used again."""
    from mtcrnn.labelling.picture import plot_described
    from mtcrnn.listening.describing import described, proposed, smoothing, write_measures
    from mtcrnn.listening.recordings import listen

    known = _labels(data, prop)
    if known:
        say(f"1/4 using {' '.join(known)}, which are in {data.params} (remove that folder to choose again)")
        return known
    say("1/4 listening to what the recordings differ in")
    recordings = listen(data.wavs())
    seconds = smoothing(recordings)
    found = described(recordings, seconds)
    chosen = list(prop) or proposed(found)
    if not chosen:
        raise InputError(f"these recordings differ in nothing that is measured: mtcrnn label {data.data} names it")
    skipped = {recording.path: [*recording.silent, *recording.clipped] for recording in recordings}
    write_measures(data, recordings, chosen, seconds, skipped)
    plot_described(recordings, found, chosen, seconds, out / "described.png")
    why = "as asked" if prop else "they vary most and say different things"
    say(f"    chose {listing(chosen)}: {why} ({out / 'described.png'}; --prop NAME ... chooses others, and")
    say(f"    mtcrnn label {shlex.quote(str(data.data))} lets you name your own)")
    left_out = sum(b - a for stretches in skipped.values() for a, b in stretches)
    if left_out:
        say(f"    left out {left_out:.1f} s of silence and clipping")
    return chosen


def _best(out: Path) -> int:
    """The step of the best model; says so if that is not the newest."""
    from mtcrnn.runs import folders
    from mtcrnn.runs.best import read_best

    newest, best = folders.steps(out / "model")[-1], read_best(out / "model")
    if best is None or best == newest:
        return newest
    say(f"    the newest model does not play on by itself: that of step {best} is used")
    return best


def _evaluate(data: ParamManager, out: Path, step: int) -> None:
    """Say how good the model is, and draw it."""
    from mtcrnn.evaluation import evaluate
    from mtcrnn.evaluation.picture import plot_evaluation
    from mtcrnn.evaluation.report import evaluation_lines

    say("3/4 measuring how the model follows its parameters, and how like the recordings it sounds")
    found = evaluate(str(out.absolute()), data, step=step)
    for lines in evaluation_lines(found):
        for line in lines.split("\n"):
            say(f"    {line}")
    if found["control"] or found["spectra"]:
        plot_evaluation(found, out / "evaluation.png")
        say(f"    drawn: {out / 'evaluation.png'}")


def _write_page(out: Path, data_dir: Path, step: int) -> None:
    from mtcrnn.runs.packing import Texts
    from mtcrnn.web.export import export

    name = data_dir.resolve().stem
    page = out / f"{name}.html"
    page.unlink(missing_ok=True)
    size = export([out], page, Texts(name, f"Made of the recordings in {name} by mtcrnn instrument."), step=step)
    say(f"4/4 made {page} ({size / 1e6:.1f} MB): open it in a browser, press Start and move the parameters")
