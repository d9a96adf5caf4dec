"""From a recipe whose tiers are trained to sound: the work behind `mtcrnn cascade`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.generate import Generate
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.files import keep_previous
from mtcrnn.core.rng import fresh_seed
from mtcrnn.data.params import SUFFIX, ParamFile
from mtcrnn.models.config import ModelConfig
from mtcrnn.rendering.cascade import Cascade, CascadeState, Given
from mtcrnn.rendering.conditioning import External, check_range, load_array
from mtcrnn.rendering.controls import Controls
from mtcrnn.rendering.player import Playable, Renderer
from mtcrnn.rendering.session import (
    DEFAULT_NAME,
    DEFAULT_PRIME_SECONDS,
    default_length,
    in_blocks,
    open_player,
    stems,
    whole_steps,
    write_gesture,
)
from mtcrnn.rendering.write import Values, stem_of, taking
from mtcrnn.runs import folders
from mtcrnn.runs.recipe import Recipe, TierPlan, check_same, read_recipe

if TYPE_CHECKING:
    from mtcrnn.rendering import plots

log = logging.getLogger(__name__)

MOST_PANELS = 4  # a tier with more parameters is drawn as one image
MOST_DRAWN = 2000  # points of a control's curve
SLOW_SHARE = 0.05  # of a core's time for each tier that generates parameters; the audio needs the rest


def render_recipe(
    recipe: Recipe,
    options: Generate,
    seconds: float | None,
    temperatures: Mapping[str, float],
    replaced: Mapping[str, Path],
) -> list[Path]:
    """Play a recipe's tiers together and write the sound, what the tiers made, and a picture of both.

    Args:
        recipe: its tiers are trained.
        options: conditioning (of the recipe's controls), priming, random seed, precision, and where to.
        seconds: length of the sound; None: that of the gesture or the external array, or 10.
        temperatures: of tiers by name, where it is not `options.temp`.
        replaced: files to play in place of tiers, by name: .npy [T, G] at the tier's rate, or a param file.

    Returns:
        The files: OUT.wav (OUT_0.wav, ... for several), OUT_TIER.npy [B, T, G] of every tier above, OUT.png; of a
        gesture OUT.wav alone.

    Raises:
        InputError: tiers that are not trained or do not fit together, conditioning that does not fit.
    """
    stem = stem_of(options.out, DEFAULT_NAME)
    cascade = open_cascade(recipe, options, temperatures, replaced)
    seed = fresh_seed() if options.rand_seed is None else options.rand_seed
    if options.gesture:
        if seconds is not None:
            raise InputError("--gesture goes without --seconds")
        return write_gesture(stem, cascade, options, seed)
    rate = cascade.config.tier.sample_rate
    if seconds is None:
        length = default_length(options, cascade.config)
    else:
        length = whole_steps(seconds * rate, f"--seconds is {seconds:g}")
    prime_s = DEFAULT_PRIME_SECONDS if options.seed else 0.0
    controls = Controls(cascade.config, options, length, round(prime_s * rate), seed)
    wavs = [Path(f"{one}.wav") for one in stems(stem, options, controls.batch)]
    state = _primed(cascade, options, controls.batch, seed, prime_s)
    files = _write(stem, wavs, cascade, state, controls)
    if options.rand_seed is None:
        log.warning("--rand_seed %d makes the same again", seed)
    return files


def _primed(cascade: Cascade, options: Generate, batch: int, seed: int, prime_s: float) -> CascadeState:
    """The state of all tiers before the first step: after so many seconds of the file that primes them, or of none."""
    state = cascade.init(seed, batch)
    if not options.seed:
        return state
    from_file = replace(options, batch_size=batch, paramvect="self", set=(), external_array=None, external_sr=None)
    given = {}
    for name, player in cascade.players.items():
        steps = round(prime_s * player.config.tier.sample_rate)
        priming = Controls(player.config, from_file, 1, steps, seed).priming() if steps else None
        if priming is not None:
            given[name] = priming
    return cascade.prime(state, given)


def open_cascade(
    recipe: Recipe,
    options: Generate,
    temperatures: Mapping[str, float],
    replaced: Mapping[str, Path],
    threads: int | None = None,
) -> Cascade:
    """The cascade of a recipe's trained tiers; arguments and errors as in `render_recipe` and `open_player`."""
    last = recipe.audio()
    for name in (*temperatures, *replaced):
        recipe.get(name)
    if last.name in replaced:
        raise InputError(f"--from {last.name}: the tier that generates audio cannot be replaced")
    players: dict[str, Playable] = {}
    for name, plan in recipe.tiers.items():
        if not folders.steps(plan.folder / "model"):
            raise InputError(f"the tier {name} is not trained yet: mtcrnn train {recipe.path} --tier {name}")
        path = folders.find(str(plan.folder))
        config = folders.read_config(path)
        check_same(recipe, plan, config)
        if config.step < plan.num_steps:
            log.warning("the tier %s has %d steps of training, not %d yet", name, config.step, plan.num_steps)
        if name in replaced:
            players[name] = Given(config, _values(plan, config, replaced[name], options.batch_size))
        else:
            own = replace(options, temp=temperatures.get(name, options.temp))
            share = 1 - SLOW_SHARE * (len(recipe.tiers) - 1) if plan is last else SLOW_SHARE
            players[name] = open_player(own, config, path, max(share, SLOW_SHARE), threads)
    return Cascade(players, recipe.controls)


def open_path(path: Path, options: Generate, threads: int | None = None) -> Renderer:
    """What plays a recipe (.toml), or a model by its run or folder; `threads` as in `open_player`.

    Raises:
        InputError: nothing there; see `open_cascade` and `runs.find`.
    """
    if path.suffix == ".toml":
        return open_cascade(read_recipe(path), options, {}, {}, threads)
    found = folders.find(str(path), options.step)
    return open_player(options, folders.read_config(found), found, threads=threads)


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


def _write(stem: Path, wavs: Sequence[Path], cascade: Cascade, state: CascadeState, controls: Controls) -> list[Path]:
    """Render and write the sounds and what the tiers made, then a picture; what stands in the way is kept.

    Returns the files. The picture shows the first sound.
    """
    *slow, last = cascade.order
    rate, length = cascade.config.tier.sample_rate, controls.length
    arrays = [stem.with_name(f"{stem.name}_{name}.npy") for name in slow]
    blocks: dict[str, list[NDArray[np.float32]]] = {name: [] for name in slow}  # small beside the sound's
    with taking([*wavs, *arrays]) as new, Values(new / "values", (controls.batch, length, 1)) as sounds:
        for first, count in in_blocks(length):
            made, state = cascade.render_all(state, controls.block(first, count))
            sounds.append(made.pop(last))
            for name, values in made.items():
                blocks[name].append(values)
        curves = {name: np.concatenate(parts, axis=1) for name, parts in blocks.items()}
        for path, values in zip(arrays, curves.values(), strict=True):
            np.save(new / path.name, values, allow_pickle=False)
        for b, path in enumerate(wavs):
            sounds.write_wav(b, new / path.name, rate)
        shown = np.concatenate([*sounds.sound(0)])[:, 0]
    picture = stem.with_name(f"{stem.name}.png")
    _draw(picture, cascade, shown, curves, controls)
    return [*wavs, *arrays, picture]


def _draw(
    path: Path,
    cascade: Cascade,
    sound: NDArray[np.float32],
    curves: Mapping[str, NDArray[np.float32]],
    controls: Controls,
) -> None:
    """The first sound's waveform and spectrogram under its controls and the curves [B, n, G] of the tiers above."""
    from mtcrnn.rendering import plots

    rate = cascade.config.tier.sample_rate
    steps = np.unique(np.linspace(0, len(sound) - 1, MOST_DRAWN).astype(int))
    asked = np.concatenate([controls.block(int(step), 1)[0] for step in steps])
    panels = list(_panels("controls", steps / rate, asked, cascade.controls, cascade.config))
    for name, values in curves.items():
        config = cascade.players[name].config
        times = np.arange(values.shape[1]) / config.tier.sample_rate
        panels += _panels(name, times, values[0], config.tier.generate, config)
    keep_previous(path)
    plots.save([*panels, *plots.sound_panels(sound, rate, path.stem)], "time (s)", path)


def _panels(
    name: str, times: NDArray[np.float64], values: NDArray[Any], parameters: Sequence[str], config: ModelConfig
) -> Iterator[plots.Draw]:
    """A panel for each parameter's values [n, C], or one for many."""
    from mtcrnn.rendering import plots

    if len(parameters) > MOST_PANELS:
        yield plots.rows_panel(times, values, f"{name} ({len(parameters)} parameters)")
        return
    for g, parameter in enumerate(parameters):
        units = config.ranges[parameter].units
        yield plots.curve_panel(times, values[:, g], f"{parameter} ({units})" if units else parameter)


def parse_files(words: Sequence[str]) -> dict[str, Path]:
    """Files by tier from words like TIER=FILE. Raises InputError for other words.

    >>> parse_files(["mid=a.npy"])["mid"].name
    'a.npy'
    """
    files = {}
    for word in words:
        name, equals, file = word.partition("=")
        if not (name and equals and file):
            raise InputError(f"--from {word}: write TIER=FILE")
        files[name] = Path(file)
    return files


def parse_temperatures(words: Sequence[str], names: Sequence[str]) -> tuple[float, dict[str, float]]:
    """The common temperature and those of single tiers from words like 0.8 or NAME=0.8.

    Raises:
        InputError: a word that is neither, an unknown tier, a negative temperature.

    >>> parse_temperatures(["0.9", "mid=0.5"], ["slow", "mid"])
    (0.9, {'mid': 0.5})
    """
    common, own = 1.0, {}
    for word in words:
        name, _, number = word.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf") or (name and name not in names):
            raise InputError(
                f"--temp {word}: write a number from 0 on, or TIER=NUMBER with a tier out of {listing(names)}"
            )
        if name:
            own[name] = value
        else:
            common = value
    return common, own
