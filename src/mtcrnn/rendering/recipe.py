"""Rendering a recipe whose tiers are trained, from options to files: what `mtcrnn cascade` does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.stereo import mono
from mtcrnn.config.generate import Conditioning, Generate
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.files import keep_previous, write_together
from mtcrnn.core.rng import fresh_seed
from mtcrnn.rendering.cascade import Cascade, CascadeState
from mtcrnn.rendering.generate import DEFAULT_NAME, DEFAULT_PRIME_SECONDS, default_length, write_gesture
from mtcrnn.rendering.inputs import Inputs
from mtcrnn.rendering.opening import open_cascade
from mtcrnn.rendering.parameters import whole_steps
from mtcrnn.rendering.player import Interface
from mtcrnn.rendering.session import Parameters, Session
from mtcrnn.rendering.write import Values, stem_of, stems
from mtcrnn.runs.recipe import Recipe

if TYPE_CHECKING:
    from mtcrnn.rendering import plots

log = logging.getLogger(__name__)

MOST_PANELS = 4  # a tier with more parameters is drawn as one image
MOST_DRAWN = 2000  # points of a control's curve


def render_recipe(
    recipe: Recipe,
    options: Generate,
    seconds: float | None,
    temperatures: Mapping[str, float],
    replaced: Mapping[str, Path],
) -> list[Path]:
    """Play a recipe's tiers together; write the sound, what the tiers generated, and a picture of both.

    Args:
        recipe: its tiers are trained.
        options: the parameters (the recipe's controls), priming, random seed, precision, and where to write.
        seconds: length of the sound; None: that of the gesture or the external array, or 10.
        temperatures: by tier name, for tiers that do not use `playing.temp`.
        replaced: files to play in place of tiers, see `open_cascade`.

    Returns:
        The files: OUT.wav (OUT_0.wav, ... for several), OUT_TIER.npy [B, T, G] of every other tier, OUT.png; for a
        gesture only OUT.wav.

    Raises:
        InputError: as `open_cascade`; parameters that do not fit.
    """
    playing, conditioning = options.playing, options.conditioning
    stem = stem_of(options.output.out, DEFAULT_NAME)
    cascade = open_cascade(recipe, playing, temperatures, replaced)
    seed = fresh_seed() if playing.rand_seed is None else playing.rand_seed
    if conditioning.gesture:
        if seconds is not None:
            raise InputError("`gesture` cannot be combined with `seconds`")
        return write_gesture(stem, cascade, options, seed)
    rate = cascade.config.tier.sample_rate
    if seconds is None:
        length = default_length(options, cascade.config)
    else:
        length = whole_steps(seconds * rate, f"`seconds` is {seconds:g}")
    prime_s = DEFAULT_PRIME_SECONDS if conditioning.seed else 0.0
    inputs = Inputs(cascade.config, conditioning, playing.batch_size, length, round(prime_s * rate), seed)
    wavs = [Path(f"{one}.wav") for one in stems(stem, options.output, inputs.batch)]
    recorder = Recorder(cascade)
    session = Session(recorder, inputs, seed)
    if conditioning.seed:
        session.prime(_priming(cascade, conditioning, inputs.batch, seed, prime_s))
    files = _write(stem, wavs, recorder, session)
    if playing.rand_seed is None:
        log.info("`rand_seed` %d gives the same result again", seed)
    return files


class Recorder:
    """A player that wraps a cascade and keeps what its slow tiers generate: `made`, blocks [B, n, G] by name."""

    def __init__(self, cascade: Cascade) -> None:
        self.cascade, self.config = cascade, cascade.config
        self.init, self.prime = cascade.init, cascade.prime
        self.made: dict[str, list[NDArray[np.float32]]] = {name: [] for name in cascade.order[:-1]}

    def render(
        self, state: CascadeState, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[NDArray[np.float32], CascadeState]:
        """See `Cascade.render`."""
        made, state = self.cascade.render_all(state, parameters, temperature)
        for name, blocks in self.made.items():
            blocks.append(made[name])
        return made[self.cascade.order[-1]], state


def _priming(
    cascade: Cascade, conditioning: Conditioning, batch: int, seed: int, prime_s: float
) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """What to prime each tier with, by name: `prime_s` seconds of the file that the options name."""
    from_file = replace(conditioning, paramvect="self", set=(), external_array=None, external_sr=None)
    given = {}
    for name, player in cascade.players.items():
        steps = round(prime_s * player.config.tier.sample_rate)
        priming = Inputs(player.config, from_file, batch, 1, steps, seed).priming() if steps else None
        if priming is not None:
            given[name] = priming
    return given


def _write(stem: Path, wavs: Sequence[Path], recorder: Recorder, session: Session) -> list[Path]:
    """Render and write the sounds and what the tiers generated, then a picture of the first sound.

    Existing files are kept under another name. Returns the new files.
    """
    cascade, inputs = recorder.cascade, session.parameters
    arrays = [stem.with_name(f"{stem.name}_{name}.npy") for name in recorder.made]
    shape = (inputs.batch, inputs.length, cascade.config.tier.columns)
    with write_together([*wavs, *arrays]) as new, Values(new / "values", shape) as sounds:
        for block in session.blocks():
            sounds.append(block)
        curves = {name: np.concatenate(parts, axis=1) for name, parts in recorder.made.items()}
        for path, values in zip(arrays, curves.values(), strict=True):
            np.save(new / path.name, values, allow_pickle=False)
        for b, path in enumerate(wavs):
            sounds.write_wav(b, new / path.name, cascade.config.tier.sample_rate)
        shown = mono(np.concatenate([*sounds.sound(0)]))
    picture = stem.with_name(f"{stem.name}.png")
    _draw(picture, cascade, shown, curves, inputs)
    return [*wavs, *arrays, picture]


def _draw(
    path: Path,
    cascade: Cascade,
    sound: NDArray[np.float32],
    curves: Mapping[str, NDArray[np.float32]],
    inputs: Parameters,
) -> None:
    """Draw the first sound: its controls, the curves [B, n, G] of the other tiers, waveform and spectrogram."""
    from mtcrnn.rendering import plots

    rate = cascade.config.tier.sample_rate
    steps = np.unique(np.linspace(0, len(sound) - 1, MOST_DRAWN).astype(int))
    asked = np.concatenate([inputs.block(int(step), 1)[0] for step in steps])
    panels = list(_panels("controls", steps / rate, asked, cascade.controls, cascade.config))
    for name, values in curves.items():
        config = cascade.players[name].config
        times = np.arange(values.shape[1]) / config.tier.sample_rate
        panels += _panels(name, times, values[0], config.tier.generate, config)
    keep_previous(path)
    plots.save([*panels, *plots.sound_panels(sound, rate, path.stem)], "time (s)", path)


def _panels(
    name: str, times: NDArray[np.float64], values: NDArray[Any], parameters: Sequence[str], config: Interface
) -> Iterator[plots.Draw]:
    """A panel for each parameter of values [n, C]; a single one if there are many parameters."""
    from mtcrnn.rendering import plots

    if len(parameters) > MOST_PANELS:
        yield plots.rows_panel(times, values, f"{name} ({len(parameters)} parameters)")
        return
    for g, parameter in enumerate(parameters):
        yield plots.curve_panel(times, values[:, g], plots.with_units(parameter, config.ranges[parameter].units))


def parse_files(words: Sequence[str]) -> dict[str, Path]:
    """Files by tier name, from words such as TIER=FILE. Raises InputError for any other word.

    >>> parse_files(["mid=a.npy"])["mid"].name
    'a.npy'
    """
    files = {}
    for word in words:
        name, equals, file = word.partition("=")
        if not (name and equals and file):
            raise InputError(f"`from` {word}: write TIER=FILE")
        files[name] = Path(file)
    return files


def parse_temperatures(words: Sequence[str], names: Sequence[str]) -> tuple[float, dict[str, float]]:
    """The common temperature, and those of single tiers by name, from words such as 0.8 or TIER=0.8.

    Raises:
        InputError: a word that is neither, an unknown tier, or a negative temperature.

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
                f"`temp` {word}: write a number of at least 0, or TIER=NUMBER; the tiers are {listing(names)}"
            )
        if name:
            own[name] = value
        else:
            common = value
    return common, own
