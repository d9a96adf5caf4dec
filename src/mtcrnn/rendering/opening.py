"""Opening a model or a recipe on disk as a player: the engine, torch, or a cascade of tiers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.agreement import check_agreement, check_sizes
from mtcrnn.config.generate import Playing, Source
from mtcrnn.core.errors import InputError
from mtcrnn.data.params import SUFFIX, ParamFile
from mtcrnn.models.config import ModelConfig
from mtcrnn.rendering.band_player import BandPlayer
from mtcrnn.rendering.cascade import Cascade, Given
from mtcrnn.rendering.parameters import External, check_range, load_array, whole_steps
from mtcrnn.rendering.player import Player
from mtcrnn.runs import folders
from mtcrnn.runs.recipe import Recipe, TierPlan, check_same, read_recipe

if TYPE_CHECKING:
    from mtcrnn.models.model import Model

log = logging.getLogger(__name__)

SLOW_SHARE = 0.05  # of a core's time, for each tier that generates parameters; the audio tier gets the rest


def open_path(path: Path, playing: Playing, step: int = 0, threads: int | None = None) -> Player:
    """The player of a recipe (.toml), or of a model in a run's or model's folder (step 0: the newest).

    Raises:
        InputError: nothing there; see `open_cascade` and `folders.find`.
    """
    if path.suffix == ".toml":
        return open_cascade(read_recipe(path), playing, {}, {}, threads)
    found = folders.find(str(path), step)
    return open_player(playing, folders.read_config(found), found, threads=threads)


def open_model(
    source: Source, playing: Playing, typed: Mapping[str, Any], sizes: Mapping[str, int | None]
) -> tuple[ModelConfig, Player]:
    """The configuration of the model that `source` names, and its player.

    The model may be one of the original's, whose sizes are only in `typed` and `sizes`.

    Raises:
        InputError: no such model, or options that the user gave and that do not agree with it.
    """
    pickled = folders.find_original(source.model_dir, source.step)
    if pickled is not None and not folders.steps(pickled.parent):
        from mtcrnn.runs import original

        model = original.load(pickled, {**typed, **sizes})
        return model.config, open_player(playing, model.config, model)
    path = folders.find(source.model_dir, source.step)
    config = folders.read_config(path)
    check_agreement(config.tier, config.net, typed)
    check_sizes(config.tier, sizes)
    return config, open_player(playing, config, path)


def open_player(
    playing: Playing, config: ModelConfig, source: Path | Model, share: float = 1.0, threads: int | None = None
) -> Player:
    """A player for a model in a folder, or for one of the original's. The engine needs torch only for the latter.

    Args:
        playing: engine, device, precision and temperature.
        config: the model's.
        source: the model's folder, or the model itself.
        share: of a core's time that it may take when played live.
        threads: the most cores that the engine may use; None: all.
    """
    if playing.engine == "torch" or playing.device == "cuda":
        from mtcrnn.models.devices import choose_device
        from mtcrnn.rendering.torch_player import TorchPlayer
        from mtcrnn.runs import checkpoint

        device = choose_device(playing.device)
        model = checkpoint.load(source) if isinstance(source, Path) else source
        model.module.to(device)
        return sounding(TorchPlayer(model, playing.temp), config)
    from mtcrnn.engine import Engine

    if isinstance(source, Path):
        weights = folders.read_weights(source)
    else:
        weights = {name: tensor.numpy() for name, tensor in source.module.state_dict().items()}
    engine = Engine(config, weights, playing.temp, playing.precision, threads, share)
    if playing.precision == "auto" and engine.precision != "float32":
        kind = engine.precision
        log.info("the net is large: its weights are used as %s (`precision` float32 is exact, and slower)", kind)
    return sounding(engine, config)


def sounding(player: Player, config: ModelConfig) -> Player:
    """A player of sub-bands, or of emphasised sound, as one of sound; any other as it is."""
    return BandPlayer(player, config.emphasis) if config.tier.bands > 1 or config.emphasis else player


def open_cascade(
    recipe: Recipe,
    playing: Playing,
    temperatures: Mapping[str, float],
    replaced: Mapping[str, Path],
    threads: int | None = None,
) -> Cascade:
    """The cascade of a recipe's trained tiers.

    Args:
        recipe: its tiers are trained.
        playing: see `open_player`.
        temperatures: by tier name, for tiers that do not use `playing.temp`.
        replaced: files to play in place of tiers, by tier name: .npy [T, G] at the tier's rate, or a param file.
        threads: see `open_player`.

    Raises:
        InputError: tiers that are not trained or do not fit together, or files that do not fit.
    """
    last = recipe.audio()
    for name in (*temperatures, *replaced):
        recipe.get(name)
    if last.name in replaced:
        raise InputError(f"`from` {last.name}: the tier that generates audio cannot be replaced")
    players: dict[str, Player] = {}
    for name, plan in recipe.tiers.items():
        if not folders.steps(plan.folder / "model"):
            raise InputError(f"the tier {name} is not trained yet: mtcrnn train {recipe.path} --tier {name}")
        path = folders.find(str(plan.folder))
        config = folders.read_config(path)
        check_same(recipe, plan, config)
        if config.step < plan.num_steps:
            log.warning("the tier %s has trained for %d of %d steps so far", name, config.step, plan.num_steps)
        if name in replaced:
            players[name] = Given(config, _values(plan, config, replaced[name], playing.batch_size))
        else:
            own = replace(playing, temp=temperatures.get(name, playing.temp))
            share = 1 - SLOW_SHARE * (len(recipe.tiers) - 1) if plan is last else SLOW_SHARE
            players[name] = open_player(own, config, path, max(share, SLOW_SHARE), threads)
    return Cascade(players, recipe.controls)


def _values(plan: TierPlan, config: ModelConfig, path: Path, batch: int) -> NDArray[np.float64]:
    """Values [1 or B, T, G] at a tier's rate from a .npy, or from the curves in a param file."""
    names, rate = plan.tier.generate, plan.tier.sample_rate
    if path.suffix != SUFFIX:
        values = load_array(path, batch, names)
    else:
        file = ParamFile.read(path)
        curves = [file.get(name, path) for name in names]
        seconds = max(curve.times[-1] for curve in curves)
        steps = whole_steps(seconds * rate + 1, f"{path} lasts {seconds:g} s")
        values = np.stack([curve.sample(rate, 0, steps) for curve in curves], axis=-1)[None]
    for name, ends in zip(names, External(values, rate).ends().T.tolist(), strict=True):
        check_range(name, ends, config.ranges[name], known=True)
    return values
