"""`mtcrnn generate` (sound from one model) and `mtcrnn cascade` (from the tiers of a recipe)."""

from __future__ import annotations

import argparse

from mtcrnn.cli.common import Commands, add_command, say
from mtcrnn.config.arguments import add_options, add_sizes, build, file_path, given_options, number, sizes
from mtcrnn.config.generate import GENERATE, Conditioning, Generate, Output, Playing
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn generate` and `mtcrnn cascade`."""
    add_generate(add_command(commands, "generate", "generate sound from a trained model", run_generate))
    _add_cascade(add_command(commands, "cascade", "generate sound from the tiers of a recipe together", _cascade))


def add_generate(parser: argparse.ArgumentParser, original: bool = False) -> None:
    """Add the options for generating; `original` uses the 2020 defaults."""
    for title, part in GENERATE.items():
        add_options(parser, part, title, original=original)
    add_options(parser, Tier, "the model (read from its folder; these options are only checked)", inherit=True)
    add_options(parser, Net, "its network (read from its folder; these options are only checked)", inherit=True)
    add_sizes(parser)
    parser.set_defaults(original=original)


def run_generate(args: argparse.Namespace) -> None:
    """Generate, and print which files were written."""
    from mtcrnn.rendering.generate import generate

    options = Generate(**{name: build(part, args, args.original) for name, part in GENERATE.items()})
    for path in generate(options, {**given_options(Tier, args), **given_options(Net, args)}, sizes(args)):
        say(f"wrote {path}")


def _add_cascade(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=file_path, help="recipe (.toml) whose tiers are trained")
    parser.add_argument("--seconds", type=number, metavar="X", help="seconds of sound [as long as the array, or 10]")
    temp = "sampling temperature of all tiers (X), or of one (TIER=X)"
    parser.add_argument("--temp", dest="temperatures", nargs="+", default=[], metavar="X", help=temp)
    given = "replace a tier by a file: .npy at the tier's rate, or a param file"
    parser.add_argument("--from", dest="given", nargs="+", default=[], metavar="TIER=FILE", help=given)
    add_options(parser, Playing, "playing", only=("batch_size", "precision", "rand_seed"))
    only = ["seed", "seed_start", "param_dir", "paramvect", "external_array", "external_sr", "gesture", "set"]
    add_options(parser, Conditioning, "conditioning", only=only)
    add_options(parser, Output, "output", only=("out", "names"))


def _cascade(args: argparse.Namespace) -> None:
    from mtcrnn.rendering.recipe import parse_files, parse_temperatures, render_recipe
    from mtcrnn.runs.recipe import read_recipe

    recipe = read_recipe(args.recipe)
    common, own = parse_temperatures(args.temperatures, list(recipe.tiers))
    given = {**given_options(Playing, args), **given_options(Conditioning, args), **given_options(Output, args)}
    options = Generate.of(model_dir=str(args.recipe), temp=common, **given)
    for path in render_recipe(recipe, options, args.seconds, own, parse_files(args.given)):
        say(f"wrote {path}")
