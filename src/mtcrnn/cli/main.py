"""The command line. Thin: parse, call one function, print one result. Heavy modules load when used."""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from mtcrnn.config.agreement import check_sizes
from mtcrnn.config.arguments import add_options, add_sizes, build, file_path, new_file, number, sizes, typed
from mtcrnn.config.generate import Generate
from mtcrnn.config.net import Net
from mtcrnn.config.options import require
from mtcrnn.config.presets import for_tier
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError, one_line
from mtcrnn.core.interrupt import ended_like_ctrl_c
from mtcrnn.core.limits import MOST_SOUNDS
from mtcrnn.core.processes import leads

Run = Callable[[argparse.Namespace], None]
LONGEST_NEWS, LONGEST_LINE = 1000, 10_000  # characters of a warning, which may hold an address, and of what is printed


class Parser(argparse.ArgumentParser):
    """argparse with one-line errors and no guessing of shortened options."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(allow_abbrev=False, **keywords)

    def error(self, message: str) -> NoReturn:
        """Bad arguments are bad input like any other."""
        raise InputError(f"{message} (see '{self.prog} --help')")


def main(argv: Sequence[str] | None = None) -> int:
    """The `mtcrnn` command. Returns the exit code: 0, or 2 for bad input."""
    return run(command_parser(), argv)


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Parse, run what the options chose, and turn bad input into one line on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    try:
        _prepare_output()
        args = parser.parse_args([a for a in arguments if a != "--debug"])
        with ended_like_ctrl_c():
            args.run(args)
    except BrokenPipeError:
        return 0
    except (InputError, OSError, MemoryError, RecursionError) as error:
        if debug:
            raise
        print(f"mtcrnn: error: {one_line(_explained(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mtcrnn: interrupted", file=sys.stderr)
        return 130
    return 0


class _OneLine(logging.Formatter):
    """News and warnings as they may be shown."""

    def format(self, record: logging.LogRecord) -> str:
        """The message, and whatever traceback belongs to it."""
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return one_line(record.getMessage(), LONGEST_NEWS) + trace


class _BesideBars(logging.Handler):
    """Writes to standard error, above a progress bar that stands there."""

    def emit(self, record: logging.LogRecord) -> None:
        """One message."""
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


def _prepare_output() -> None:
    """Messages go to standard error; what a terminal cannot show is escaped, there and on standard output."""
    handler = _BesideBars()
    handler.setFormatter(_OneLine())
    logging.basicConfig(handlers=[handler], level=logging.WARNING if leads() else logging.ERROR, force=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _explained(error: BaseException) -> str:
    """What went wrong, of our own errors and of the system's."""
    if isinstance(error, OSError):
        return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part is not None)
    return str(error) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)


def say(text: str) -> None:
    """Print a line, whatever stands in the names on it."""
    print(one_line(text, LONGEST_LINE))


def command_parser() -> argparse.ArgumentParser:
    """The parser of `mtcrnn` with all its commands."""
    parser = Parser(
        prog="mtcrnn",
        description="Train recurrent networks on labelled sounds and play them through their parameters.",
        epilog="'mtcrnn COMMAND --help' explains one command. --debug shows the whole traceback of an error.",
    )
    parser.add_argument("--version", action="version", version=f"mtcrnn {version('mtcrnn')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, summary: str, run: Run) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary)
        made.set_defaults(run=run)
        return made

    _add_quickstart(command("quickstart", "make a texture, train on it, play a glide: all in minutes", _quickstart))
    _add_texture(command("texture", "write a built-in labelled data set", _texture))
    _add_params(commands.add_parser("params", help="make, check and change param files", description="param files"))
    _add_features(command("features", "measure sounds: loudness, centroid, pitch, MFCCs as parameters", _features))
    add_train(command("train", "train a model on a folder of sounds and param files", run_train))
    add_generate(command("generate", "generate sound from a trained model", run_generate))
    _add_cascade(command("cascade", "play the tiers of a recipe together", _cascade))
    _add_play(command("play", "play a model live, in the browser", _play))
    _add_import(command("import", "turn a model of the original (model_STEP.pkl) into a model folder", _import))
    _add_bench(command("bench", "how fast models play on this machine", _bench))
    _add_evaluate(command("evaluate", "measure a model: held-out bits, how its parameters are followed", _evaluate))
    _add_gesture(commands.add_parser("gesture", help="make control curves", description="control curves, as .npy"))
    _add_plot(command("plot", "draw sounds, control arrays, param files and training logs", _plot))
    return parser


def add_train(parser: argparse.ArgumentParser, original: bool = False) -> None:
    """The options of training; `original` takes the 2020 defaults."""
    resume = parser.add_argument_group("going on with a run (everything else comes from the run itself)")
    if original:
        parser.set_defaults(recipe=None, tier=None)
    else:
        several = parser.add_argument_group("several tiers")
        several.add_argument(
            "recipe", nargs="?", type=file_path, help="a recipe (.toml): train the tiers that it names"
        )
        several.add_argument("--tier", metavar="NAME", help="only this one")
    resume.add_argument("--model_dir", help="the run's folder or its model/ folder")
    resume.add_argument("--step", type=int, default=0, metavar="N", help="which saved step (left out: the newest)")
    add_options(parser, Tier, "what to generate", original=original)
    add_options(parser, Net, "network", original=original)
    add_options(parser, Train, "training", original=original)
    add_sizes(parser)
    parser.set_defaults(original=original)


def add_generate(parser: argparse.ArgumentParser, original: bool = False) -> None:
    """The options of generating; `original` takes the 2020 defaults."""
    add_options(parser, Generate, "generating", original=original)
    add_options(parser, Tier, "the model (known from its folder; only checked)", inherit=True)
    add_options(parser, Net, "its network (known from its folder; only checked)", inherit=True)
    add_sizes(parser)
    parser.set_defaults(original=original)


def run_train(args: argparse.Namespace) -> None:
    """Train or go on training, and say what to do next."""
    from mtcrnn.runs.folders import read_config
    from mtcrnn.training.run import resume, train

    if args.recipe:
        _train_recipe(args)
        return
    if args.tier:
        raise InputError(f"--tier {args.tier} goes with a recipe: mtcrnn train RECIPE --tier {args.tier}")
    if args.model_dir:
        saved = resume(
            args.model_dir, args.step, {**typed(Tier, args), **typed(Net, args)}, typed(Train, args), sizes(args)
        )
    else:
        if args.step:
            raise InputError(f"--step {args.step} goes with --model_dir, the run to go on with")
        tier = build(Tier, args, args.original)
        check_sizes(tier, sizes(args))
        if args.original:
            saved = train(tier, build(Net, args, original=True), build(Train, args, original=True))
        else:
            net, options = for_tier(tier, typed(Net, args), typed(Train, args))
            saved = train(tier, Net(**net), Train(**options))
    if not leads():
        return
    say(f"saved {saved}")
    _say_next("generate", "--model_dir", saved.parent, *_settings(read_config(saved).tier.prop))


def _settings(names: Sequence[str]) -> list[str]:
    """How to set parameters, for the end of a command."""
    return ["--set", *(f"{name}=VALUE" for name in names)] if names else []


def _say_next(*words: object) -> None:
    """What to do next, as it can be pasted."""
    say(f"next: mtcrnn {shlex.join(str(word) for word in words)}")


def _train_recipe(args: argparse.Namespace) -> None:
    """Train the tiers of a recipe."""
    from mtcrnn.runs.recipe import read_recipe
    from mtcrnn.training.recipe import train_recipe

    fixed = [*typed(Tier, args), *typed(Net, args), *(["model_dir"] if args.model_dir else [])]
    if fixed:
        raise InputError(f"--{fixed[0]} does not go with a recipe, which says that for each tier")
    recipe = read_recipe(args.recipe, typed(Train, args))
    saved = train_recipe(recipe, args.tier)
    if leads():
        for path in saved.values():
            say(f"saved {path}")
        _say_next("cascade", args.recipe, *_settings(recipe.controls))


def run_generate(args: argparse.Namespace) -> None:
    """Generate, and say what was written."""
    from mtcrnn.rendering.session import generate

    for path in generate(build(Generate, args, args.original), {**typed(Tier, args), **typed(Net, args)}, sizes(args)):
        say(f"wrote {path}")


def _add_quickstart(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=file_path, default=Path("output/quickstart"), help="folder of the run [%(default)s]"
    )
    parser.add_argument("--num_steps", type=int, default=None, help="training steps (left out: five minutes)")


def _quickstart(args: argparse.Namespace) -> None:
    from mtcrnn.cli.quickstart import quickstart

    quickstart(args.out, args.num_steps)


def _add_texture(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="the texture: see --list")
    parser.add_argument("--list", action="store_true", help="list all textures and their parameters")
    parser.add_argument("--out", type=file_path, help="new folder to write")
    parser.add_argument("--vary", nargs="+", default=[], metavar="NAME", help="what differs between files [the first]")
    each = "values of each of these, evenly spread, in all combinations; or one number for each [11]"
    parser.add_argument("--files", type=int, nargs="+", default=[11], metavar="N", help=each)
    parser.add_argument("--random", action="store_true", help="values at random instead, in so many --files")
    parser.add_argument("--glide", action="store_true", help="every file moves from its values to those of another")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="values of the others")
    held = "values that no file takes; a file for each goes to the folder OUT_held_out"
    parser.add_argument("--held_out", nargs="+", default=[], metavar="NAME=VALUE", help=held)
    parser.add_argument("--seconds", type=number, default=10.0, help="length of each file, in seconds [%(default)s]")
    parser.add_argument("--sample_rate", type=int, default=16000, help="in Hz [%(default)s]")
    parser.add_argument("--rand_seed", type=int, default=0, help="the same number makes the same files [%(default)s]")


def _texture(args: argparse.Namespace) -> None:
    from mtcrnn.textures import describe, write_texture

    if args.list:
        print(describe())
        return
    if not args.name or not args.out:
        raise InputError("a texture needs a name and --out FOLDER (mtcrnn texture --list shows what there is)")
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
    """What `--option NAME=VALUE ...` says."""
    pairs = []
    for word in words:
        name, _, value = word.partition("=")
        try:
            pairs.append((name, float(value)))
        except ValueError as error:
            raise InputError(f"--{option} {word}: it must be NAME=VALUE, with a number") from error
    return pairs


def _add_params(parser: argparse.ArgumentParser) -> None:
    from mtcrnn.cli import params as params_cli

    params_cli.add_commands(parser)


def _add_gesture(parser: argparse.ArgumentParser) -> None:
    from mtcrnn.cli import gestures as gestures_cli

    gestures_cli.add_options(parser)


def _add_features(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=file_path, help="folder of sounds, at any depth, or one sound")
    parser.add_argument(
        "params", type=file_path, nargs="?", help="folder of the param files (left out: beside the wavs)"
    )
    names = "rmse (loudness), centroid, pitch (with voicing, its probability), mfcc"
    parser.add_argument("--features", nargs="+", required=True, metavar="NAME", help=names)
    parser.add_argument("--rate", type=number, default=63.0, help="frames a second [%(default)g]")
    parser.add_argument("--n_mfcc", type=int, default=13, help="MFCCs [%(default)s]")
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
    say(f"measured {' '.join(settings.names())} in {measured} wavs; {left} had them already")


def _add_cascade(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=file_path, help="the recipe (.toml), its tiers trained")
    parser.add_argument("--seconds", type=number, metavar="X", help="length of the sound [that of the array, or 10]")
    temp = "temperature of all tiers, or of one: TIER=X"
    parser.add_argument("--temp", dest="temperatures", nargs="+", default=[], metavar="X", help=temp)
    given = "play a file in a tier's place: .npy at its rate, or a param file"
    parser.add_argument("--from", dest="given", nargs="+", default=[], metavar="TIER=FILE", help=given)
    only = "batch_size seed seed_start param_dir paramvect external_array external_sr gesture set names"
    add_options(parser, Generate, "controls, priming and output", only=f"{only} precision out rand_seed".split())


def _cascade(args: argparse.Namespace) -> None:
    from mtcrnn.rendering.recipe import parse_files, parse_temperatures, render_recipe
    from mtcrnn.runs.recipe import read_recipe

    recipe = read_recipe(args.recipe)
    common, own = parse_temperatures(args.temperatures, list(recipe.tiers))
    options = Generate(str(args.recipe), temp=common, **typed(Generate, args))
    for path in render_recipe(recipe, options, args.seconds, own, parse_files(args.given)):
        say(f"wrote {path}")


def _add_play(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a run or model folder, a recipe (.toml), or a folder of runs to choose from")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1: this machine only]")
    parser.add_argument("--port", type=int, default=8765, metavar="N", help="port; 0 takes any free one [8765]")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    parser.add_argument("--margin", type=number, default=30.0, metavar="MS", help="how far to render ahead, in ms [30]")
    osc = "take Open Sound Control messages: /NAME value, /@temperature value, /@start [seed], /@stop"
    parser.add_argument("--osc", type=int, metavar="PORT", help=osc)
    parser.add_argument("--audio", action="store_true", help="play through this machine's output, without a browser")
    add_options(parser, Generate, "how to play", only=("step", "precision"))


def _play(args: argparse.Namespace) -> None:
    from mtcrnn.live.play import play, play_aloud

    options = Generate(args.model, **typed(Generate, args))
    if args.audio:
        play_aloud(args.model, options, args.margin, args.osc)
    else:
        play(args.model, options, args.host, args.port, not args.no_browser, args.margin, args.osc)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model_dir", help="the original's model folder")
    parser.add_argument("--step", type=int, default=0, metavar="N", help="which step (left out: the newest)")
    parser.add_argument("--output_dir", required=True, help="folder of the new run; a relative one lies under output/")
    add_options(parser, Tier, "the flags it was made with (left out: from log/args.txt beside it)", original=True)
    add_options(parser, Net, "its network", original=True)
    add_sizes(parser)


def _import(args: argparse.Namespace) -> None:
    from mtcrnn.runs.original import import_model

    made = import_model(
        args.model_dir, args.step, {**typed(Tier, args), **typed(Net, args), **sizes(args)}, args.output_dir
    )
    say(f"made {made}")
    _say_next("generate", "--model_dir", made.parent)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="run or model folder")
    parser.add_argument("--step", type=int, default=0, metavar="N", help="which saved step (left out: the newest)")
    parser.add_argument("--data_dir", type=file_path, required=True, help="folder of labelled sounds")
    parser.add_argument("--param_dir", type=file_path, help="folder of their param files (left out: beside the sounds)")
    parser.add_argument("--holdout", default="tail", help="what the model has not seen: as in training, or all [tail]")
    meter = "what measures a parameter: beat, density, spread, pitch, period, tone, peak, middle, centroid, loudness, "
    meter += "level, swing, carrier, vibrato, index (left out: the best of beat, pitch, loudness and centroid)"
    parser.add_argument("--meter", nargs="+", default=[], metavar="NAME=METER", help=meter)
    parser.add_argument("--out", type=new_file, help="a picture of asked against measured")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _evaluate(args: argparse.Namespace) -> None:
    from mtcrnn.data.dataset import ParamManager
    from mtcrnn.evaluation import evaluate
    from mtcrnn.evaluation.report import evaluation_lines

    if args.out:
        from mtcrnn.rendering.plots import kind_of, plot_control

        kind_of(args.out)  # before the work
    meters = dict(word.partition("=")[::2] for word in args.meter)
    data = ParamManager.at(args.data_dir, args.param_dir)
    found = evaluate(args.model, data, args.holdout, meters, args.step)
    if args.out:
        plot_control(found["control"], args.out)
    print(json.dumps(found, indent=2) if args.json else "\n".join(evaluation_lines(found)))


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODEL", help="run or model folders (left out: standard sizes)")
    parser.add_argument("--batch_size", type=int, nargs="+", default=[1, 16], help="sounds made at once [1 16]")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _bench(args: argparse.Namespace) -> None:
    from mtcrnn.evaluation import bench

    for count in args.batch_size:
        require(0 < count <= MOST_SOUNDS, "batch_size", count, f"above 0, {MOST_SOUNDS} at most")
    rows = bench.bench(args.models, args.batch_size)
    if args.json:
        print(json.dumps(bench.as_json(rows), indent=2))
    else:
        bench.table(rows, print)


def _add_plot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=file_path, help="sounds, .npy, .params, or a run's folder")
    parser.add_argument("--external_sr", type=number, help="values per second of the .npy files")
    parser.add_argument("--out", type=new_file, help="the picture (left out: beside the first file, as .png)")


def _plot(args: argparse.Namespace) -> None:
    from mtcrnn.rendering.plots import plot_files

    say(f"wrote {plot_files(args.files, args.out, args.external_sr)}")


if __name__ == "__main__":
    sys.exit(main())
