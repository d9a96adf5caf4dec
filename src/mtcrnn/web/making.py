"""Making the voice of a model: all arrays that it needs, before its first sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.emphasis import Emphasis
from mtcrnn.audio.subbands import filter_bank
from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import PAGE_STEPS, Purpose, check_seed
from mtcrnn.engine.barrier import make_team
from mtcrnn.engine.builder import build
from mtcrnn.engine.loop import SAMPLERS, Scratch
from mtcrnn.engine.program import Layout, Program
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.lookback import NO_PAST, Block
from mtcrnn.rendering.stream import block_size
from mtcrnn.web.voice import MOST_FRAMES, STACK, Clock, Voice

TILE = 1  # blocks of rows: WebAssembly has 16 registers of 4 numbers
LENGTH_S = 0.25  # of the arrays of T steps


def voice_of(
    config: ModelConfig, weights: Mapping[str, NDArray[np.float32]], seed: int, precision: str = "float32"
) -> Voice:
    """The voice of a model that generates sound.

    Args:
        config: the model's.
        weights: its tensors by name.
        seed: decides all randomness.
        precision: of the weights, as in `engine.builder.build`.

    Raises:
        InputError: a model of parameters; see also `engine.builder.build`.
    """
    tier, encoding = config.tier, config.encoding
    if not tier.is_audio:
        raise InputError("this model generates parameters, not sound")
    program, layout = build(config, weights, precision, TILE)
    steps = round(LENGTH_S * tier.step_rate)
    channels, bank, undo = tier.sound_channels, filter_bank(tier.bands), _undoing(config)
    draws, values = config.distribution.draws, encoding.width
    past, phases, lags = _past(config, steps)
    columns, code, numbers = _expressions(config)
    middles = [config.ranges[name].middle for name in tier.prop]
    clock = {Clock.BLOCK: -1, Clock.SIZE: block_size(tier.sample_rate), Clock.RATE: tier.sample_rate, **lags}
    lows, highs = np.array([(config.ranges[name].low, config.ranges[name].high) for name in tier.prop]).reshape(-1, 2).T
    codes = np.arange(tier.mulaw_channels)[:, None].repeat(values, axis=1)
    nothing = np.zeros
    return Voice(
        program=program,
        scratch=_scratch(program, layout),
        sampler=np.array(
            [SAMPLERS[config.distribution.kind], layout.raw, config.distribution.size, values, layout.drawn], np.int64
        ),
        last=np.full((1, values), encoding.resting, np.float32),
        past=past,
        phases=phases,
        clock=np.array([clock.get(field, 0) for field in Clock], np.int64),
        words=np.array([*_entropy(seed), int(Purpose.PLAY), 0, 2**32 - 1], np.uint64),
        pool=nothing(4, np.uint64),
        random=nothing(4, np.uint64),
        uniforms=nothing(PAGE_STEPS * draws, np.float32),
        ranges=np.array([lows, highs - lows]),
        rows=np.array([[*middles, 1.0]] * 3),
        target=np.array([*middles, 1.0]),
        columns=columns,
        code=code,
        numbers=numbers,
        stack=nothing(STACK),
        conditioning=nothing((1, steps, config.cond_size), np.float32),
        draws=nothing((1, steps, draws), np.float32),
        given=nothing((1, 0, values), np.float32),
        codes=nothing((1, steps, values), np.float32),
        raw=nothing((1, 0, config.distribution.size), np.float32),
        amplitudes=np.ascontiguousarray(encoding.decode(codes).T),
        steps=nothing((channels, len(bank.synthesis) - 1 + steps, tier.bands), np.float32),
        synthesis=np.ascontiguousarray(bank.synthesis),
        made=nothing((channels, tier.bands), np.float32),
        poles=undo.poles,
        zeros=undo.zeros,
        gain=np.array([undo.gain]),
        filters=undo.rest(channels),
        rest=nothing((tier.bands, channels), np.float32),
        sound=nothing((MOST_FRAMES, channels), np.float32),
    )


def _entropy(seed: int) -> list[int]:
    """A seed in words of 32 bits, the lowest first, as numpy reads it."""
    check_seed(seed)
    words = [seed & 0xFFFFFFFF]
    while seed := seed >> 32:
        words.append(seed & 0xFFFFFFFF)
    return words


def _undoing(config: ModelConfig) -> Emphasis:
    return Emphasis.of(config.emphasis, config.tier.sample_rate, config.tier.bands).played(config.tier.sample_rate)


def _scratch(program: Program, layout: Layout) -> Scratch:
    words = np.zeros((1, layout.width // 2), np.int32)
    return Scratch(
        np.zeros((1, layout.size), np.float32),
        words.view(np.uint8),
        words.view(np.int16),
        words,
        np.zeros((1, layout.rows), np.int32),
        np.zeros(1, np.float32),
        np.zeros(len(program.ops), np.bool_),
        make_team(1)[0],
    )


def _past(config: ModelConfig, steps: int) -> tuple[Block, NDArray[np.float64], dict[Clock, int]]:
    """The past of a block of so many steps, the phases before and in it, and the shortest and the longest lag."""
    lookback = config.lookback
    if lookback is None:
        return NO_PAST, np.zeros((0, steps)), {}
    memory = lookback.init(1)
    block = lookback.begin(memory, np.zeros((1, steps, len(config.tier.prop))))
    phases = np.pad(memory.phases[0], ((0, 0), (0, steps)))
    return block, phases, {Clock.LEAST_LAG: lookback.reach.least, Clock.LONGEST_LAG: lookback.longest}


def _expressions(config: ModelConfig) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """For each parameter that says a period: its number, and its expression, see `Voice`."""
    periods = config.tier.periods
    longest = max((len(period.steps) for period in periods), default=0)
    code, numbers = np.zeros((len(periods), longest), np.int64), np.zeros((len(periods), longest))
    for p, period in enumerate(periods):
        for i, (step, number) in enumerate(period.steps):
            code[p, i], numbers[p, i] = step, number
    return np.array([config.tier.prop.index(period.name) for period in periods], np.int64), code, numbers
