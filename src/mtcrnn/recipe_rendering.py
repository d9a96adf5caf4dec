"""Level 3: from a recipe whose tiers are trained to sound: the work behind `mtcrnn cascade`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcrnn import audio, runs
from mtcrnn.cascade import Cascade, Given
from mtcrnn.config import Generate
from mtcrnn.controls import Controls, load_array, read_gesture
from mtcrnn.errors import InputError, listing
from mtcrnn.files import array_bytes, keep_previous, write_files
from mtcrnn.modelconfig import ModelConfig
from mtcrnn.params import SUFFIX, ParamFile
from mtcrnn.playable import Playable, Renderer
from mtcrnn.recipe import Recipe, TierPlan, check_same, read_recipe
from mtcrnn.rendering import DEFAULT_PRIME_SECONDS, default_length, in_blocks, open_player, stems, write_values
from mtcrnn.rng import fresh_seed
from mtcrnn.stream import replay

log = logging.getLogger(__name__)

MOST_PANELS = 4  # a tier with more parameters is drawn as one image
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
    stem = Path(options.out.removesuffix(".wav"))
    if not stem.name:
        raise InputError(f"--out {options.out!r} is no file name")
    cascade = open_cascade(recipe, options, temperatures, replaced)
    seed = fresh_seed() if options.rand_seed is None else options.rand_seed
    if options.gesture:
        if seconds is not None:
            raise InputError("--gesture goes without --seconds")
        return write_values(
            stem,
            stems(stem, options, 1),
            replay(cascade, read_gesture(options, cascade.config), seed)[None],
            cascade.config,
            options,
        )
    rate = cascade.config.tier.sample_rate
    length = default_length(options, cascade.config) if seconds is None else round(seconds * rate)
    if length < 1:
        raise InputError(f"--seconds is {seconds:g}; it must be above 0")
    prime_s = DEFAULT_PRIME_SECONDS if options.seed else 0.0
    controls = Controls(cascade.config, options, length, round(prime_s * rate), seed)
    files = stems(stem, options, controls.batch)
    state = cascade.init(seed, controls.batch)
    if options.seed:
        from_file = replace(
            options, batch_size=controls.batch, paramvect="self", set=(), external_array=None, external_sr=None
        )
        given = {}
        for name, player in cascade.players.items():
            steps = round(prime_s * player.config.tier.sample_rate)
            priming = Controls(player.config, from_file, 1, steps, seed).priming() if steps else None
            if priming is not None:
                given[name] = priming
        state = cascade.prime(state, given)
    blocks: dict[str, list[NDArray[np.float32]]] = {name: [] for name in cascade.order}
    for first, count in in_blocks(length):
        made, state = cascade.render_all(state, controls.block(first, count))
        for name, values in made.items():
            blocks[name].append(values)
    if options.rand_seed is None:
        log.warning("--rand_seed %d makes the same again", seed)
    made = {name: np.concatenate(parts, axis=1) for name, parts in blocks.items()}
    return _write(stem, files, cascade, made, controls.block(0, length)[0])


def open_cascade(
    recipe: Recipe, options: Generate, temperatures: Mapping[str, float], replaced: Mapping[str, Path]
) -> Cascade:
    """The cascade of a recipe's trained tiers; arguments and errors as in `render_recipe`."""
    last = recipe.audio()
    for name in (*temperatures, *replaced):
        recipe.get(name)
    if last.name in replaced:
        raise InputError(f"--from {last.name}: the tier that generates audio cannot be replaced")
    players: dict[str, Playable] = {}
    for name, plan in recipe.tiers.items():
        if not runs.steps(plan.folder / "model"):
            raise InputError(f"the tier {name} is not trained yet: mtcrnn train {recipe.path} --tier {name}")
        path = runs.find(str(plan.folder))
        config = runs.read_config(path)
        check_same(recipe, plan, config)
        if config.step < plan.num_steps:
            log.warning("the tier %s has %d steps of training, not %d yet", name, config.step, plan.num_steps)
        if name in replaced:
            players[name] = Given(config, _values(plan, config, replaced[name], options.batch_size))
        else:
            own = replace(options, temp=temperatures.get(name, options.temp))
            share = 1 - SLOW_SHARE * (len(recipe.tiers) - 1) if plan is last else SLOW_SHARE
            players[name] = open_player(own, config, path, max(share, SLOW_SHARE))
    return Cascade(players, recipe.controls)


def open_path(path: Path, options: Generate) -> Renderer:
    """What plays a recipe (.toml), or a model by its run or folder.

    Raises:
        InputError: nothing there; see `open_cascade` and `runs.find`.
    """
    if path.suffix == ".toml":
        return open_cascade(read_recipe(path), options, {}, {})
    found = runs.find(str(path), options.step)
    return open_player(options, runs.read_config(found), found)


def _values(plan: TierPlan, config: ModelConfig, path: Path, batch: int) -> NDArray[np.float64]:
    """Values [B, T, G] at a tier's rate from a .npy, or from the curves in a param file."""
    names, rate = plan.tier.generate, plan.tier.sample_rate
    if path.suffix != SUFFIX:
        return load_array(path, batch, names)
    file = ParamFile.read(path)
    curves = [file.get(name, path) for name in names]
    steps = int(max(curve.times[-1] for curve in curves) * rate) + 1
    return np.stack([curve.sample(rate, 0, steps) for curve in curves], axis=-1)[None]


def _write(
    stem: Path,
    sounds: Sequence[Path],
    cascade: Cascade,
    made: Mapping[str, NDArray[np.float32]],
    controls: NDArray[np.float64],
) -> list[Path]:
    """Write what was made, `sounds` without their ending; what stands in the way is kept. Returns the files.

    The picture shows the first sound, under `controls` [T, C].
    """
    rate = cascade.config.tier.sample_rate
    files: dict[Path, bytes] = {}
    for path, sound in zip(sounds, made[cascade.order[-1]][..., 0], strict=True):
        files[Path(f"{path}.wav")] = audio.wav_bytes(sound, rate)
    for name in cascade.order[:-1]:
        files[stem.with_name(f"{stem.name}_{name}.npy")] = array_bytes(made[name])
    picture = stem.with_name(f"{stem.name}.png")
    write_files(files)
    _draw(picture, cascade, made, controls)
    return [*files, picture]


def _draw(path: Path, cascade: Cascade, made: Mapping[str, NDArray[np.float32]], controls: NDArray[np.float64]) -> None:
    """The first sound's waveform and spectrogram under its controls and the curves of all tiers."""
    from mtcrnn import plots

    keep_previous(path)
    panels = []
    curves = [("controls", cascade.config, cascade.controls, controls)]
    curves += [(n, cascade.players[n].config, cascade.tiers[n].generate, made[n][0]) for n in cascade.order[:-1]]
    for name, config, parameters, values in curves:
        times = np.arange(len(values)) / config.tier.sample_rate
        if len(parameters) > MOST_PANELS:
            panels.append(plots.rows_panel(times, values, f"{name} ({len(parameters)} parameters)"))
            continue
        for g, parameter in enumerate(parameters):
            units = config.ranges[parameter].units
            panels.append(plots.curve_panel(times, values[:, g], f"{parameter} ({units})" if units else parameter))
    last = cascade.order[-1]
    sound = plots.sound_panels(made[last][0, :, 0], cascade.config.tier.sample_rate, path.stem)
    plots.save([*panels, *sound], "time (s)", path)


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
