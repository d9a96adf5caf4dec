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

from mtcrnn.core.numba_math import BARE, cached_njit, sigmoid, tanh
from mtcrnn.engine.barrier import Team, barrier
from mtcrnn.engine.products import WIDTH, multiply_f32, multiply_int8, reduce_max_abs, wide_vectors
from mtcrnn.engine.program import FRAMED, ONEHOT, Op, When
from mtcrnn.engine.samplers import sample_codes, sample_mixture, sample_normal
from mtcrnn.models.constants import PHASED_LEAK
from mtcrnn.models.lookback import add_step, look_back

_jit = njit(**BARE, fastmath={"contract"})
_PRODUCT, _GRU, _PHASED, _BIAS = int(Op.PRODUCT), int(Op.GRU), int(Op.PHASED_LSTM), int(Op.BIAS)
_ALWAYS, _BEFORE = int(When.ALWAYS), int(When.BEFORE)
_TANH, _WITHIN_FRAME, _FRAME = int(Op.TANH), int(Op.WITHIN_FRAME), int(Op.FRAME)
_BAND, _DRAW, _ADD, _AGO = int(Op.BAND), int(Op.DRAW), int(Op.ADD), int(Op.AGO)
_FRAMED, _ONEHOT = FRAMED, ONEHOT
SAMPLERS = {"categorical": 0, "normal": 1, "mixture": 2, "bands": 3}  # kinds of distributions: `sampler[0]` in `run`
_CODES, _NORMAL, _BANDS = SAMPLERS["categorical"], SAMPLERS["normal"], SAMPLERS["bands"]
_ZERO, _ONE, _TWO, _INFINITY = (np.float32(v) for v in (0, 1, 2, np.inf))
_LEVELS, _OFFSET = np.float32(127), np.float32(128.5)  # int8 levels; the zero point, plus a half for rounding
_LEAK = np.float32(PHASED_LEAK)
SOURCES = "models/constants.py", "models/lookback.py", "audio/lags.py"  # outside the engine


class Scratch(NamedTuple):
    """What the loop writes, for the sounds of one thread; owned by the caller.

    Attributes:
        memory: float32 [sounds, size].
        levels: uint8 [sounds, width]: quantised activations.
        level_words: the same memory as int32.
        sums: int32 [sounds, rows]: int8 products.
        scales: float32 [sounds]: the value of one level.
        ready: bool, by GRU layer: whether its recurrent product for the coming step is already computed.
        team: see `barrier`. A team shares `memory`; everything else is the thread's own.
    """

    memory: NDArray[np.float32]
    levels: NDArray[np.uint8]
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
    if matrix[5] == 0:
        multiply_f32(program.floats, matrix, memory, x0, memory, y0, part, parts)
        return
    k, scales, corrections = matrix[1], matrix[6], matrix[7]
    for s in range(memory.shape[0]):
        x, levels = memory[s, x0 : x0 + 4 * k], scratch.levels[s]
        top = _ZERO
        for j in range(0, x.shape[0], WIDTH):
            top = max(top, reduce_max_abs(memory, s * memory.shape[1] + x0 + j))
        scratch.scales[s] = top / _LEVELS
        up = _LEVELS / top if top > _ZERO else _ZERO
        for j in range(x.shape[0]):
            levels[j] = np.uint8(np.int32(x[j] * up + _OFFSET))
    low, high = multiply_int8(program.words, matrix, scratch.level_words, 0, scratch.sums, 0, part, parts)
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
def _gru_gates(row: Any, w: Any, op: Any, low: int, high: int) -> None:
    """Units low .. high-1 of one sound's new h, from its two products; gates ordered r, z, n as in PyTorch."""
    wide_vectors()
    gx, gh, bias, h0, H = op[1], op[2], op[3], op[4], op[5]
    for first in (low, H + low):
        gate, u, b = row[gx + first :][: high - low], row[gh + first :], w[bias + first :]
        for j in range(gate.shape[0]):
            gate[j] = sigmoid(gate[j] + u[j] + b[j])
    r, z, n = row[gx + low :], row[gx + H + low :], row[gx + 2 * H + low :][: high - low]
    u, h = row[gh + 2 * H + low :], row[h0 + low : h0 + high]
    bn, bh = w[bias + 2 * H + low :], w[bias + 3 * H + low :]
    for j in range(n.shape[0]):
        n[j] = tanh(n[j] + bn[j] + r[j] * (u[j] + bh[j]))
    for j in range(h.shape[0]):
        h[j] = n[j] + z[j] * (h[j] - n[j])


@_jit
def _phased_gates(row: Any, w: Any, op: Any) -> None:
    """One sound's h and c, moved to their new values as far as the time gate is open; gates ordered i, f, o, c."""
    wide_vectors()
    gx, gh, vectors, h0, H, c0, time = op[1], op[2], op[3], op[4], op[5], op[6], row[op[7]]
    a, u, b = row[gx : gx + 4 * H], row[gh : gh + 4 * H], w[vectors : vectors + 4 * H]
    h, c, rest = row[h0 : h0 + H], row[c0 : c0 + H], w[vectors + 4 * H : vectors + 7 * H]
    for j in range(3 * H):
        a[j] = sigmoid(a[j] + u[j] + b[j])
    for j in range(3 * H, 4 * H):
        a[j] = tanh(a[j] + u[j] + b[j])
    for j in range(H):
        period, on = rest[H + j], rest[2 * H + j]
        cycle = ((time - rest[j]) % period) / period
        if cycle < on / _TWO:
            openness = _TWO * cycle / on
        elif cycle < on:
            openness = _TWO - _TWO * cycle / on
        else:
            openness = _LEAK * cycle
        c_new = a[H + j] * c[j] + a[j] * a[3 * H + j]
        h_new = a[2 * H + j] * tanh(c_new)
        h[j] += openness * (h_new - h[j])
        c[j] += openness * (c_new - c[j])


@_jit
def _join_frame(row: Any, w: Any, op: Any) -> None:
    """`Op.FRAME` for one sound: ReLU of the sum of a sample's parts; advances the number of samples made."""
    size, made = op[5], row[op[6]]
    x, y = row[op[1] : op[1] + size], row[op[2] : op[2] + size]
    b, newest = w[op[3] + int(made) * size :][:size], w[op[4] + int(row[op[6] + 1]) * size :][:size]
    for j in range(size):
        x[j] = x[j] + y[j] + b[j] + newest[j]
    for k in range(1, op[8]):
        newest = w[op[4] + int(row[op[6] + 1 + k]) * size :][:size]
        for j in range(size):
            x[j] += newest[j]
    for j in range(size):
        x[j] = max(x[j], _ZERO)
    row[op[6]] = made + _ONE if made + _ONE < op[7] else _ZERO


@_jit
def _band(row: Any, w: Any, op: Any, codes: int) -> None:
    """`Op.BAND` for one sound: ReLU of what a band reads of the step and of the bands before it."""
    wide_vectors()
    size, band, N = op[2], op[3], op[5]
    x, drawn, numbers = row[op[1] : op[1] + size], row[op[4] + 1 + 2 * N :], row[op[4] + 1 + 3 * N :]
    for k in range(band):
        weights, number = w[op[6] + (k * N + band) * size :][:size], numbers[k]
        for j in range(size):
            x[j] += weights[j] * number
    if band > 0:
        beneath = w[op[7] + (int(drawn[op[8]]) + band * codes) * size :][:size]
        for j in range(size):
            x[j] += beneath[j]
    for j in range(size):
        x[j] = max(x[j], _ZERO)


@_jit
def _ago(row: Any, program: Any, op: Any) -> None:
    """`Op.AGO` for one sound: embeddings of the codes that each value had a lag ago."""
    size, N, L, codes = op[2], op[5], op[6], op[8]
    past, centres, half = row[op[3] :], program.words[op[4] : op[4] + L * N], np.float32(codes - 1) / _TWO
    stride = (size + WIDTH - 1) // WIDTH * WIDTH
    for k in range(N):
        x = row[op[1] + k * size : op[1] + (k + 1) * size]
        for j in range(L):
            code = int((past[centres[j * N + k]] + _ONE) * half + np.float32(0.5))
            weights = program.floats[op[7] + ((j * N + k) * codes + code) * stride :][:size]
            for i in range(size):
                x[i] += weights[i]


@_jit
def _draw(row: Any, op: Any) -> None:
    """`Op.DRAW` for one sound; see `Layout.drawn`."""
    codes, band, N = op[2], op[3], op[5]
    logits, raw, drawn = row[op[1] : op[1] + codes], row[op[6] : op[6] + codes], row[op[4] :]
    for j in range(codes):
        raw[j] = logits[j]
    given = drawn[1 + N + band]
    code = int(given) if given >= _ZERO else sample_codes(logits, drawn[0], drawn[1 + band])
    drawn[1 + 2 * N + band] = np.float32(code)
    drawn[1 + 3 * N + band] = _TWO * np.float32(code) / np.float32(codes - 1) - _ONE


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
def _elementwise(program: Any, op: Any, row: Any) -> None:
    """One operation for one sound: any but products, GRU gates and skips."""
    kind, w = op[0], program.floats
    if kind == _PHASED:
        _phased_gates(row, w, op)
        row[op[7]] += np.float32(op[8])
    elif kind == _BIAS:
        x, b, least = row[op[1] : op[1] + op[3]], w[op[2] : op[2] + op[3]], _ZERO if op[4] else -_INFINITY
        for j in range(x.shape[0]):
            x[j] = max(x[j] + b[j], least)
    elif kind == _FRAME:
        _join_frame(row, w, op)
    elif kind == _BAND:
        _band(row, w, op, int(program.divisor) + 1)
    elif kind == _DRAW:
        _draw(row, op)
    elif kind == _ADD:
        x, y = row[op[1] : op[1] + op[3]], row[op[2] : op[2] + op[3]]
        for j in range(x.shape[0]):
            x[j] += y[j]
    elif kind == _AGO:
        _ago(row, program, op)
    elif kind == _TANH:
        x, y = row[op[1] : op[1] + op[3]], row[op[2] : op[2] + op[3]]
        for j in range(x.shape[0]):
            y[j] = tanh(x[j])


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
                _gru_gates(memory[s], program.floats, op, low, high)
        elif part == 0:
            for s in range(memory.shape[0]):
                _elementwise(program, op, memory[s])
        barrier(team)


@cached_njit("the engine (some 20 seconds)", "engine/*.py", *SOURCES, **BARE, fastmath={"contract"})
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
) -> None:
    """Run a block of steps, for all sounds of a scratch.

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
    """
    wide_vectors()
    memory, team = scratch.memory, scratch.team
    kind, start, size, G, drawn = sampler[0], sampler[1], sampler[2], sampler[3], sampler[4]
    for layer in range(scratch.ready.shape[0]):
        scratch.ready[layer] = False
    for t in range(conditioning.shape[1]):
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
