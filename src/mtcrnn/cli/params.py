"""`mtcrnn params init | check | show | add | from-names`: make, check and change param files."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mtcrnn.cli.common import Commands, Run, add_command
from mtcrnn.config.arguments import file_path, number
from mtcrnn.core.errors import InputError, one_line

if TYPE_CHECKING:
    from mtcrnn.data.dataset import ParamManager


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn params` with its own commands."""
    summary = "make, check and change param files"
    parser = commands.add_parser("params", help=summary, description=summary)
    own = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, summary: str, run: Run) -> argparse.ArgumentParser:
        made = add_command(own, name, summary, run)
        made.add_argument("data", type=file_path, help="folder of sounds, at any depth, or one sound")
        made.add_argument("--param_dir", type=file_path, help="folder of the param files (default: next to the sounds)")
        return made

    init = command("init", "make an empty param file for every sound that has none", _init)
    init.add_argument("--overwrite", action="store_true", help="also replace existing ones by empty ones")
    command("check", "list all problems of a data set", _check)
    command("show", "list the parameters of each sound", _show)
    add = command("add", "add a parameter to all sounds in a folder, or to one sound", _add)
    add.add_argument("name", help="name of the parameter")
    add.add_argument("--times", type=number, nargs="+", required=True, help="times of the knots, in seconds, rising")
    add.add_argument("--values", type=number, nargs="+", required=True, help="value at each knot")
    add.add_argument("--units", help="unit of the values, for people")
    add.add_argument("--minval", type=number, help="lowest value of the parameter [lowest value given]")
    add.add_argument("--maxval", type=number, help="highest value of the parameter [highest value given]")
    names = command(
        "from-names", "make param files from labels in file names (name_p76.00.wav, Name--p-76.wav)", _from_names
    )
    names.add_argument(
        "--range",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "LOW", "HIGH"),
        help="range of a parameter, minval and maxval (default: the range of the labels)",
    )
    names.add_argument(
        "--pattern", help="other forms of labels: a regular expression with a group (?P<NAME>...) for each number"
    )


def _manager(args: argparse.Namespace) -> ParamManager:
    from mtcrnn.data.dataset import ParamManager  # here, so that --help stays quick

    return ParamManager(args.data, args.param_dir)


def _init(args: argparse.Namespace) -> None:
    manager = _manager(args)
    made = manager.init(args.overwrite)
    print(f"made {len(made)} param files for {len(manager.wavs())} sounds")


def _check(args: argparse.Namespace) -> None:
    from mtcrnn.data.check import inspect

    found = inspect(_manager(args))
    for line in (*found.problems, *found.remarks):
        print(one_line(line))
    if found.problems:
        raise InputError(f"{_counted(len(found.problems), 'problem')} in {args.data}")
    remarks = f", {_counted(len(found.remarks), 'remark')}" if found.remarks else ", no problems"
    print(f"{_counted(len(found.sounds), 'sound')}{remarks}")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _show(args: argparse.Namespace) -> None:
    for wav, file in _manager(args).files():
        print(one_line(f"{wav}: {'' if file.params else 'no parameters'}"))
        for name, param in file.params.items():
            units = f" {param.units}" if param.units else ""
            knots = f"{len(param.times)} knots from {param.times[0]:g} to {param.times[-1]:g} s"
            print(one_line(f"  {name}: {min(param.values):g} to {max(param.values):g}{units}, {knots}"))


def _add(args: argparse.Namespace) -> None:
    from mtcrnn.core.files import check_writable
    from mtcrnn.data.dataset import make_param

    minimum = min(args.values) if args.minval is None else args.minval
    maximum = max(args.values) if args.maxval is None else args.maxval
    param = make_param(args.times, args.values, minval=minimum, maxval=maximum)
    if args.units:
        param.units = args.units
    manager = _manager(args)
    wavs = manager.wavs()
    for wav in wavs:
        manager.read(wav)  # check all files before the first is changed
        check_writable(manager.path_of(wav))
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
    print(f"labelled {_counted(len(manager.wavs()), 'sound')}")
