"""The compiled loop over steps: plain loops over arrays with one row per sound; see `program` for the layout.

The cost of a step is reading the weights. A GRU layer's recurrent product for the next step can be computed as soon as
the layer has stepped. So a layer computes it only in every second step, but twice: before its gates, for this step, and
right after them, for the next. The second time the matrix comes from the nearest cache. Neighbouring layers do this in
alternate steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mtcrnn.core.numba_math import BARE, cached_njit
from mtcrnn.core.vectors import WIDTH, reduce_max_abs, wide_vectors
from mtcrnn.engine.barrier import Team, barrier
from mtcrnn.engine.elementwise import elementwise, gru_gates
from mtcrnn.engine.products import FLOAT32, INT8, multiply_f32, multiply_int8, multiply_int16
from mtcrnn.engine.program import FRAMED, LEVELS16, ONEHOT, Op, When
from mtcrnn.engine.samplers import sample_codes, sample_mixture, sample_normal
from mtcrnn.models.lookback import add_step, look_back

_jit = njit(**BARE)
_PRODUCT, _GRU, _WITHIN_FRAME = int(Op.PRODUCT), int(Op.GRU), int(Op.WITHIN_FRAME)
_ALWAYS, _BEFORE = int(When.ALWAYS), int(When.BEFORE)
_FRAMED, _ONEHOT = FRAMED, ONEHOT
SAMPLERS = {"categorical": 0, "normal": 1, "mixture": 2, "bands": 3}  # kinds of distributions: `sampler[0]` in `run`
_CODES, _NORMAL, _BANDS = SAMPLERS["categorical"], SAMPLERS["normal"], SAMPLERS["bands"]
_ZERO, _ONE, _TWO = (np.float32(v) for v in (0, 1, 2))
_FLOAT32, _INT8 = FLOAT32, INT8
_LEVELS, _OFFSET = np.float32(127), np.float32(128.5)  # int8 levels; the zero point, plus a half for rounding
_LEVELS16, _OFFSET16, _ZERO16 = np.float32(LEVELS16), np.float32(32768.5), np.int32(32768)
SOURCES = "models/constants.py", "models/lookback.py", "audio/lags.py", "audio/clock.py"  # outside the engine


class Scratch(NamedTuple):
    """What the loop writes, for the sounds of one thread; owned by the caller.

    Attributes:
        memory: float32 [sounds, size].
        levels: uint8 [sounds, 2 width]: quantised activations.
        levels16: the same memory as int16.
        level_words: the same memory as int32.
        sums: int32 [sounds, rows]: products of integers.
        scales: float32 [sounds]: the value of one level.
        ready: bool, by GRU layer: whether its recurrent product for the coming step is already computed.
        team: see `barrier`. A team shares `memory`; everything else is the thread's own.
    """

    memory: NDArray[np.float32]
    levels: NDArray[np.uint8]
    levels16: NDArray[np.int16]
    level_words: NDArray[np.int32]
    sums: NDArray[np.int32]
    scales: NDArray[np.float32]
    ready: NDArray[np.bool_]
    team: Team


@_jit
def _multiply(program: Any, m: int, scratch: Any, x0: int, y0: int) -> None:
    """memory[:, y0:] = matrix m times memory[:, x0:]."""
    wide_vectors()
    matrix, memory = program.matrices[m], scratch.memory
    part, parts = scratch.team.thread[0], scratch.team.thread[1]
    if matrix[5] == _FLOAT32:
        multiply_f32(program.floats, matrix, memory, x0, memory, y0, part, parts)
        return
    k, scales, corrections = matrix[1], matrix[6], matrix[7]
    eight = matrix[5] == _INT8
    for s in range(memory.shape[0]):
        x = memory[s, x0 : x0 + (4 if eight else 2) * k]
        top = _ZERO
        for j in range(0, x.shape[0], WIDTH):
            top = max(top, reduce_max_abs(memory, s * memory.shape[1] + x0 + j))
        most = _LEVELS if eight else _LEVELS16
        scratch.scales[s] = top / most
        up = most / top if top > _ZERO else _ZERO
        if eight:
            levels = scratch.levels[s]
            for j in range(x.shape[0]):
                levels[j] = np.uint8(np.int32(x[j] * up + _OFFSET))
        else:
            wide = scratch.levels16[s]
            for j in range(x.shape[0]):
                wide[j] = np.int16(np.int32(x[j] * up + _OFFSET16) - _ZERO16)
    if eight:
        low, high = multiply_int8(program.words, matrix, scratch.level_words, 0, scratch.sums, 0, part, parts)
    else:
        low, high = multiply_int16(program.words, matrix, scratch.level_words, 0, scratch.sums, 0, part, parts)
    scale, correction = program.floats[scales + low : scales + high], program.words[corrections + low :]
    for s in range(memory.shape[0]):
        y, sums, one = memory[s, y0 + low : y0 + high], scratch.sums[s, low:high], scratch.scales[s]
        for j in range(high - low):
            y[j] = np.float32(sums[j] - correction[j]) * (scale[j] * one)


@_jit
def _input_layer(program: Any, last: Any, conditioning: Any, row: Any) -> None:
    """ReLU(W [last, conditioning] + b) into one sound's memory `row`, from its newest values [G] and conditioning [C].

    For a framed net: shifts the newest values and the conditioning into the net's input.
    """
    wide_vectors()
    table, bias, size, own, kind, x = program.input_spec
    w, y = program.floats, row[x : x + size]
    if kind == _FRAMED:
        N, newest, top = table, row[bias + 1 :], np.float32(program.divisor)
        for j in range(size - N):
            y[j] = y[j + N]
        for k in range(N):
            newest[k] = last[k] + np.float32(k) * (top + _ONE)
            y[size - N + k] = _TWO * last[k] / top - _ONE
        for c in range(conditioning.shape[0]):
            row[x + size + c] = conditioning[c]
        return
    b = w[bias : bias + size]
    for j in range(size):
        y[j] = b[j]
    if kind == _ONEHOT:
        column = w[table + int(last[0]) * size :][:size]
        for j in range(size):
            y[j] += column[j]
    else:
        for g in range(own):
            value, column = last[g] / np.float32(program.divisor), w[table + g * size :][:size]
            for j in range(size):
                y[j] += column[j] * value
    for c in range(conditioning.shape[0]):
        value, column = conditioning[c], w[table + (own + c) * size :][:size]
        for j in range(size):
            y[j] += column[j] * value
    for j in range(size):
        y[j] = max(y[j], _ZERO)


@_jit
def _due(op: Any, ready: Any, step: int) -> bool:
    """Whether a product is to be computed now: always, or at its turn before or after a GRU layer's gates."""
    when, layer = op[4], op[5]
    if when == _ALWAYS:
        return True
    if when == _BEFORE:
        return not ready[layer]
    ready[layer] = not ready[layer] and (step + layer) % 2 == 0
    return ready[layer]


@_jit
def _step(program: Any, scratch: Any, step: int) -> None:
    """All operations once, from the input to the raw numbers. Products need no barrier between them, gates do."""
    wide_vectors()
    memory, team = scratch.memory, scratch.team
    part, parts = team.thread[0], team.thread[1]
    next_op = 0
    while next_op < program.ops.shape[0]:
        op = program.ops[next_op]
        next_op += 1
        if op[0] == _PRODUCT:
            if _due(op, scratch.ready, step):
                shift = int(memory[0, op[6] - 1]) if op[6] else 0
                _multiply(program, op[1] + shift, scratch, op[2], op[3])
            continue
        if op[0] == _WITHIN_FRAME:
            next_op += op[2] if memory[0, op[1]] else 0
            continue
        barrier(team)
        if op[0] == _GRU:
            low, high = 0, op[5]
            if parts > 1:
                groups = (op[5] + WIDTH - 1) // WIDTH
                low, high = groups * part // parts * WIDTH, min(groups * (part + 1) // parts * WIDTH, op[5])
            for s in range(memory.shape[0]):
                gru_gates(memory[s], program.floats, op, low, high)
        elif part == 0:
            for s in range(memory.shape[0]):
                elementwise(program, op, memory[s])
        barrier(team)


@cached_njit("the engine (some 20 seconds)", "engine/*.py", *SOURCES, **BARE)
def run(
    program: Any,
    scratch: Any,
    sampler: Any,
    temperature: Any,
    last: Any,
    conditioning: Any,
    u: Any,
    given: Any,
    out: Any,
    raw: Any,
    past: Any,
    begin: int,
    end: int,
) -> None:
    """Run steps `begin` .. `end` - 1 of a block of T, for all sounds of a scratch.

    Args:
        program: a `Program`.
        scratch: a `Scratch`; the kept part of its memory is the state, before and then after the block.
        sampler: int64 [5]: kind (one of `SAMPLERS`), offset of the raw numbers, their count, G, `Layout.drawn`.
        temperature: float32, of the sampling.
        last: float32 [B, G]: the newest values of each sound (codes as numbers); overwritten.
        conditioning: float32 [B, T, C].
        u: float32 [B, T, draws]: uniforms, or standard normal numbers, as the sampler takes them.
        given: float32 [B, T, G]: values to read in place of own samples (teacher forcing), or [B, 0, G].
        out: float32 [B, T, G]: the samples, or `given`; written.
        raw: float32 [B, T, size]: the raw numbers, or [B, 0, size] if they are not wanted; written.
        past: a `lookback.Block`, from which what was a period ago is written into the conditioning, or `NO_PAST`.
        begin: the first step.
        end: the step after the last.
    """
    wide_vectors()
    memory, team = scratch.memory, scratch.team
    kind, start, size, G, drawn = sampler[0], sampler[1], sampler[2], sampler[3], sampler[4]
    for layer in range(scratch.ready.shape[0]):
        scratch.ready[layer] = False
    for t in range(begin, end):
        if team.thread[0] == 0:
            for s in range(memory.shape[0]):
                if past.lags.shape[2] > 0:
                    look_back(past, s, t, conditioning[s, t])
                _input_layer(program, last[s], conditioning[s, t], memory[s])
                if kind == _BANDS:
                    memory[s, drawn] = temperature
                    for g in range(G):
                        memory[s, drawn + 1 + g] = u[s, t, g]
                        memory[s, drawn + 1 + G + g] = given[s, t, g] if given.shape[1] > 0 else -_ONE
        barrier(team)
        _step(program, scratch, t)
        if team.thread[0] != 0:
            continue
        for s in range(memory.shape[0]):
            numbers = memory[s, start : start + size]
            for j in range(raw.shape[2] if raw.shape[1] > 0 else 0):
                raw[s, t, j] = numbers[j]
            if given.shape[1] > 0:
                for g in range(last.shape[1]):
                    last[s, g] = given[s, t, g]
            elif kind == _BANDS:
                for g in range(G):
                    last[s, g] = memory[s, drawn + 1 + 2 * G + g]
            elif kind == _CODES:
                last[s, 0] = sample_codes(numbers, temperature, u[s, t, 0])
            elif kind == _NORMAL:
                sample_normal(numbers, temperature, u[s, t], last[s])
            else:
                sample_mixture(numbers, temperature, u[s, t], last[s])
            for g in range(last.shape[1]):
                out[s, t, g] = last[s, g]
            if past.lags.shape[2] > 0:
                add_step(past, s, t, last[s])
