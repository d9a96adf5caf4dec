"""Generating with one model, from options to files: what `mtcrnn generate` does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtcrnn.config.generate import Generate
from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import fresh_seed
from mtcrnn.rendering.inputs import Inputs, read_gesture
from mtcrnn.rendering.opening import open_model
from mtcrnn.rendering.parameters import load_array, whole_steps
from mtcrnn.rendering.player import Interface, Player
from mtcrnn.rendering.session import Session
from mtcrnn.rendering.stream import Stream, replay
from mtcrnn.rendering.write import stem_of, stems, write_values

log = logging.getLogger(__name__)

DEFAULT_SECONDS, DEFAULT_PRIME_SECONDS = 10.0, 0.25
DEFAULT_NAME = "generated"


def generate(
    options: Generate, typed: Mapping[str, Any] | None = None, sizes: Mapping[str, int | None] | None = None
) -> list[Path]:
    """Generate what `options` ask for, write it, and return the files.

    Args:
        options: what to generate, and where to write it.
        typed: options of the tier and the net that the user gave although the model has them; they must agree.
        sizes: the same for `gen_size` and `cond_size`.

    Raises:
        InputError: no such model, or parameters or priming that do not fit it; then nothing is written.
    """
    playing, conditioning, output = options.playing, options.conditioning, options.output
    config, player = open_model(options.source, playing, typed or {}, sizes or {})
    if output.save_params and config.tier.is_audio:
        raise InputError("`save_params` is for tiers that generate parameters; this one generates audio")
    stem = stem_of(output.out, DEFAULT_NAME)
    seed = fresh_seed() if playing.rand_seed is None else playing.rand_seed
    if conditioning.gesture:
        return write_gesture(stem, player, options, seed)
    length = playing.length or default_length(options, config)
    prime = _prime_steps(options, length, config.tier.sample_rate)
    inputs = Inputs(config, conditioning, playing.batch_size, length, prime, seed)
    sounds = stems(stem, output, inputs.batch)
    session = Session(player, inputs, seed)
    if (priming := inputs.priming()) is not None:
        session.prime(*priming)
    files = write_values(stem, sounds, session.blocks(), length, config, output)
    if playing.rand_seed is None:
        log.info("`rand_seed` %d gives the same result again", seed)
    return files


def default_length(options: Generate, config: Interface) -> int:
    """Steps to generate if the user gives no length: as many as the external array lasts, or `DEFAULT_SECONDS`."""
    rate, given = config.tier.sample_rate, options.conditioning
    if given.external_array and given.paramvect == "external" and given.external_sr:
        rows = load_array(Path(given.external_array), None, config.tier.prop).shape[1]
        seconds = rows / given.external_sr
        return whole_steps(seconds * rate, f"{given.external_array} lasts {seconds:g} s")
    return max(round(DEFAULT_SECONDS * rate), 1)


def write_gesture(stem: Path, player: Player, options: Generate, seed: int) -> list[Path]:
    """Render the gesture that `options` name exactly as it was played, and write it; see `write_values`."""
    if not player.config.tier.is_audio:
        raise InputError("`gesture` is for models that generate sound; this one generates parameters")
    gesture = read_gesture(options, player.config)
    stream = Stream(player, seed)
    rows, output = gesture.shape[1], options.output
    length = whole_steps((rows - 1) * stream.block_size, f"{options.conditioning.gesture} has {rows} rows")
    return write_values(stem, stems(stem, output, 1), replay(stream, gesture), length, player.config, output)


def _prime_steps(options: Generate, length: int, rate: int) -> int:
    """Steps of priming: `seq_len` minus `length`; without `seq_len`, 0.25 s of data, or one random step."""
    if options.playing.seq_len is not None:
        return max(options.playing.seq_len - length, 0)
    return round(DEFAULT_PRIME_SECONDS * rate) if options.conditioning.seed or options.conditioning.data_dir else 1
