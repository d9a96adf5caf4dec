"""Level 4: `mtcrnn params init | check | show | add | from-names`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mtcrnn.errors import InputError
from mtcrnn.options import file_path, number

if TYPE_CHECKING:
    from mtcrnn.paramset import ParamManager


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary)
        made.add_argument("data", type=file_path, help="folder of wavs, at any depth, or one wav")
        made.add_argument("--param_dir", type=file_path, help="folder of the param files (left out: beside the wavs)")
        return made

    init = command("init", "make an empty param file for every wav that has none")
    init.add_argument("--overwrite", action="store_true", help="also empty those that exist")
    init.set_defaults(run=_init)
    command("check", "list every problem of a data set").set_defaults(run=_check)
    command("show", "list the parameters of every wav").set_defaults(run=_show)
    add = command("add", "add a parameter to every wav of a folder, or to one wav")
    add.add_argument("name", help="the parameter's name")
    add.add_argument("--times", type=number, nargs="+", required=True, help="knots, in seconds, rising")
    add.add_argument("--values", type=number, nargs="+", required=True, help="value at each knot")
    add.add_argument("--units", help="what the numbers are, for people")
    add.add_argument("--minval", type=number, help="lowest value of the knob [lowest value given]")
    add.add_argument("--maxval", type=number, help="highest value of the knob [highest value given]")
    add.set_defaults(run=_add)
    names = command("from-names", "make param files from labels in the wavs' names (name_p76.00.wav, Name--p-76.wav)")
    names.add_argument(
        "--range",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "LOW", "HIGH"),
        help="range of a parameter, minval and maxval (left out: the range of the labels)",
    )
    names.add_argument(
        "--pattern", help="other labels: a regular expression with a group (?P<NAME>...) for each number"
    )
    names.set_defaults(run=_from_names)


def _manager(args: argparse.Namespace) -> ParamManager:
    from mtcrnn.paramset import ParamManager  # here, so that --help stays quick

    return ParamManager(args.data, args.param_dir)


def _init(args: argparse.Namespace) -> None:
    manager = _manager(args)
    made = manager.init(args.overwrite)
    print(f"made {len(made)} param files for {len(manager.wavs())} wavs")


def _check(args: argparse.Namespace) -> None:
    manager = _manager(args)
    problems = manager.check()
    for problem in problems:
        print(problem)
    if problems:
        raise InputError(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in {args.data}")
    print(f"{len(manager.wavs())} wavs, no problems")


def _show(args: argparse.Namespace) -> None:
    for wav, file in _manager(args).files():
        print(f"{wav}: {'' if file.params else 'no parameters'}")
        for name, param in file.params.items():
            units = f" {param.units}" if param.units else ""
            print(
                f"  {name}: {min(param.values):g} to {max(param.values):g}{units}, "
                f"{len(param.times)} knots from {param.times[0]:g} to {param.times[-1]:g} s"
            )


def _add(args: argparse.Namespace) -> None:
    from mtcrnn.paramset import make_param

    minimum = min(args.values) if args.minval is None else args.minval
    maximum = max(args.values) if args.maxval is None else args.maxval
    param = make_param(args.times, args.values, minval=minimum, maxval=maximum)
    if args.units:
        param.units = args.units
    manager = _manager(args)
    wavs = manager.wavs()
    for wav in wavs:
        manager.read(wav)  # all files must be good before the first is changed
    for wav in wavs:
        manager.add(wav, args.name, param)
    print(f"added {args.name} to {len(wavs)} param files")


def _from_names(args: argparse.Namespace) -> None:
    ranges: dict[str, tuple[float, float]] = {}
    for name, low, high in args.range:
        try:
            ranges[name] = (float(low), float(high))
        except ValueError as error:
            raise InputError(f"--range {name} {low} {high}: LOW and HIGH must be numbers") from error
    manager = _manager(args)
    for name, values in manager.from_names(ranges, args.pattern).items():
        print(f"{name}: {len(values)} values from {values[0]:g} to {values[-1]:g}")
    print(f"labelled {len(manager.wavs())} wavs")
