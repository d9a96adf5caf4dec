"""What the compiled loop does to one sound at a time: gates, sums and draws. See `program` for the layout of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mtcrnn.core.numba_math import BARE, sigmoid, tanh
from mtcrnn.core.vectors import wide_vectors
from mtcrnn.engine.program import Op
from mtcrnn.engine.samplers import sample_codes
from mtcrnn.models.constants import PHASED_LEAK

_jit = njit(**BARE)
_PHASED, _BIAS, _TANH, _FRAME = int(Op.PHASED_LSTM), int(Op.BIAS), int(Op.TANH), int(Op.FRAME)
_BAND, _DRAW, _AGO = int(Op.BAND), int(Op.DRAW), int(Op.AGO)
_ZERO, _ONE, _TWO, _INFINITY = (np.float32(v) for v in (0, 1, 2, np.inf))
_LEAK = np.float32(PHASED_LEAK)


@_jit
def gru_gates(row: Any, w: Any, op: Any, low: int, high: int) -> None:
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
    for k in range(N):
        x = row[op[1] + k * size : op[1] + (k + 1) * size]
        for j in range(L):
            code = int((past[centres[j * N + k]] + _ONE) * half + np.float32(0.5))
            weights = program.floats[op[7] + ((j * N + k) * codes + code) * size :][:size]
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
def elementwise(program: Any, op: Any, row: Any) -> None:
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
    elif kind == _AGO:
        _ago(row, program, op)
    elif kind == _TANH:
        x, y = row[op[1] : op[1] + op[3]], row[op[2] : op[2] + op[3]]
        for j in range(x.shape[0]):
            y[j] = tanh(x[j])
