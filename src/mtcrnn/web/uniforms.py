"""The uniform random numbers of `core.rng.play_uniforms` in compiled code, bit for bit: numpy's SeedSequence and PCG64.

O'Neill 2014, "PCG: A family of simple fast space-efficient statistically good algorithms for random number generation";
the seeding is O'Neill 2015, "Developing a seed_seq alternative", as in numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mtcrnn.core.numba_math import BARE

_jit = njit(**BARE)
_u = np.uint64
_LOW32, _16, _32, _58, _63, _64 = _u(0xFFFFFFFF), _u(16), _u(32), _u(58), _u(63), _u(64)
_ZERO, _ONE = _u(0), _u(1)
_POOL = 4  # words
_INIT_A, _MULT_A, _INIT_B, _MULT_B = _u(0x43B0D7E5), _u(0x931E8875), _u(0x8B51F9DD), _u(0x58F38DED)
_MIX_L, _MIX_R = _u(0xCA01F9DD), _u(0x4973F715)
_HIGH, _LOW = _u(0x2360ED051FC65DA4), _u(0x4385DF649FCCF645)  # the multiplier
_24BITS = np.float32(2.0**-24)


@_jit
def _hash(value: Any, constant: Any, multiplier: Any) -> Any:
    """A word hashed, and the constant for the next one."""
    value ^= constant
    constant = constant * multiplier & _LOW32
    value = value * constant & _LOW32
    return value ^ (value >> _16), constant


@_jit
def _mix(x: Any, y: Any) -> Any:
    mixed = (_MIX_L * x - _MIX_R * y) & _LOW32
    return mixed ^ (mixed >> _16)


@_jit
def _seed(words: Any, pool: Any, state: Any) -> None:
    """The state [4] (uint64: high and low half of the number, then of the increment) from words of entropy."""
    constant, count = _INIT_A, words.shape[0]
    for i in range(_POOL):
        pool[i], constant = _hash(words[i] if i < count else _ZERO, constant, _MULT_A)
    for i in range(max(count, _POOL)):
        for j in range(_POOL):
            if i != j:
                value, constant = _hash(pool[i] if i < _POOL else words[i], constant, _MULT_A)
                pool[j] = _mix(pool[j], value)
    constant = _INIT_B
    for i in range(4):
        low, constant = _hash(pool[2 * i % _POOL], constant, _MULT_B)
        high, constant = _hash(pool[(2 * i + 1) % _POOL], constant, _MULT_B)
        state[i] = low | (high << _32)
    begin_high, begin_low = state[0], state[1]
    state[2], state[3] = (state[2] << _ONE) | (state[3] >> _63), (state[3] << _ONE) | _ONE
    state[0], state[1] = state[2], state[3]  # a step from 0
    low = state[1] + begin_low
    state[0] += begin_high + (_ONE if low < begin_low else _ZERO)
    state[1] = low
    _advance(state)


@_jit
def _advance(state: Any) -> None:
    """The number times the multiplier plus the increment, in 128 bits."""
    a, b = state[1] & _LOW32, state[1] >> _32
    c, d = _LOW & _LOW32, _LOW >> _32
    middle = a * d + (a * c >> _32)
    carried = (middle & _LOW32) + b * c
    carry = b * d + (middle >> _32) + (carried >> _32)
    high = state[0] * _LOW + state[1] * _HIGH + carry
    low = state[1] * _LOW
    state[1] = low + state[3]
    state[0] = high + state[2] + (_ONE if state[1] < low else _ZERO)


@_jit
def fill_page(words: Any, pool: Any, state: Any, out: Any) -> None:
    """Fill `out` [an even number] with float32 in [0, 1), from words of entropy; `pool` and `state` [4] are scratch."""
    _seed(words, pool, state)
    for i in range(0, out.shape[0], 2):
        _advance(state)
        turns, bits = state[0] >> _58, state[0] ^ state[1]
        bits = (bits >> turns) | (bits << ((_64 - turns) & _63))
        out[i] = np.float32((bits & _LOW32) >> _u(8)) * _24BITS
        out[i + 1] = np.float32(bits >> _u(40)) * _24BITS
