"""`mtcrnn train`: train one model, or the tiers of a recipe."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mtcrnn.cli.common import Commands, add_command, say, say_next
from mtcrnn.config.agreement import check_sizes
from mtcrnn.config.arguments import add_options, add_sizes, build, file_path, given_options, sizes
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError
from mtcrnn.core.processes import is_main_process


def add_commands(commands: Commands) -> None:
    """Add `mtcrnn train`."""
    add_train(add_command(commands, "train", "train a model on a folder of sounds and param files", run_train))


def add_train(parser: argparse.ArgumentParser, original: bool = False) -> None:
    """Add the options for training; `original` uses the 2020 defaults."""
    resume = parser.add_argument_group("continuing a run (everything else comes from the run itself)")
    if original:
        parser.set_defaults(recipe=None, tier=None)
    else:
        several = parser.add_argument_group("several tiers")
        several.add_argument("recipe", nargs="?", type=file_path, help="recipe (.toml): train the tiers that it names")
        several.add_argument("--tier", metavar="NAME", help="train only this tier")
    resume.add_argument("--model_dir", help="the run's folder or its model/ folder")
    resume.add_argument("--step", type=int, default=0, metavar="N", help="which saved step (default: the newest)")
    add_options(parser, Tier, "what to generate", original=original)
    add_options(parser, Net, "network", original=original)
    add_options(parser, Train, "training", original=original)
    add_sizes(parser)
    parser.set_defaults(original=original)


def run_train(args: argparse.Namespace) -> None:
    """Train or continue training, and print what to do next."""
    from mtcrnn.runs.folders import read_config
    from mtcrnn.training.options import completed
    from mtcrnn.training.run import resume, train

    if args.recipe:
        _train_recipe(args)
        return
    if args.tier:
        raise InputError(f"--tier {args.tier} needs a recipe: mtcrnn train RECIPE --tier {args.tier}")
    if args.model_dir:
        saved = resume(
            args.model_dir,
            args.step,
            {**given_options(Tier, args), **given_options(Net, args)},
            given_options(Train, args),
            sizes(args),
        )
    else:
        if args.step:
            raise InputError(f"--step {args.step} needs --model_dir, the run to continue")
        if args.original:
            tier, net = build(Tier, args, original=True), build(Net, args, original=True)
            options = build(Train, args, original=True)
        else:
            tier, net, options = completed(*(given_options(part, args) for part in (Tier, Net, Train)))
        check_sizes(tier, sizes(args))
        saved = train(tier, net, options)
    if not is_main_process():
        return
    say(f"saved {saved}")
    say_next("generate", "--model_dir", saved.parent, *_settings(read_config(saved).tier.prop))


def _train_recipe(args: argparse.Namespace) -> None:
    """Train the tiers of a recipe."""
    from mtcrnn.runs.recipe import read_recipe
    from mtcrnn.training.recipe import train_recipe

    fixed = [*given_options(Tier, args), *given_options(Net, args), *(["model_dir"] if args.model_dir else [])]
    if fixed:
        raise InputError(f"--{fixed[0]} cannot be used with a recipe, which sets it for each tier")
    recipe = read_recipe(args.recipe, given_options(Train, args))
    saved = train_recipe(recipe, args.tier)
    if is_main_process():
        for path in saved.values():
            say(f"saved {path}")
        say_next("cascade", args.recipe, *_settings(recipe.controls))


def _settings(names: Sequence[str]) -> list[str]:
    """The options that set parameters, for the end of a command."""
    return ["--set", *(f"{name}=VALUE" for name in names)] if names else []
