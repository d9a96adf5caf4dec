"""Level 0: for compiled loops: how to compile them, and elementary functions in forms that LLVM vectorises."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

# For loops over arrays that others own: without Numba's runtime, views are not reference counted. The counting, by
# atomic operations, took 3.6 of the engine's 8.9 us a step (4 x 48).
BARE: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}

_f = np.float32
_jit = numba.njit(error_model="numpy", fastmath={"contract"}, nogil=True)
_LOG2E, _LN2_HI, _LN2_LO = _f(1.4426950408889634), _f(0.693359375), _f(-2.12194440e-4)
_ROUND, _ONE, _TWO, _CLAMP = _f(1.5 * 2**23), _f(1), _f(2), _f(80)
_C2, _C3, _C4, _C5, _C6, _C7 = (_f(1 / math.factorial(i)) for i in range(2, 8))


@_jit
def expm1_f32(x: Any) -> Any:
    """exp(x) - 1 to about 1.5 ulp (clamped to |x| <= 80, NaN stays NaN), in a form LLVM vectorises."""
    x = min(x, _CLAMP)
    x = max(x, -_CLAMP)
    t = x * _LOG2E + _ROUND  # the low mantissa bits of t are k = round(x / ln 2)
    k = t - _ROUND
    r = (x - k * _LN2_HI) - k * _LN2_LO
    p = r + r * r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * _C7)))))
    s = np.int32((np.int32(np.float32(t).view(np.int32)) << 23) + 0x3F800000).view(np.float32)  # 2**k
    return s * p + (s - _ONE)


@_jit
def expm1_f64(x: Any) -> Any:
    """exp(x) - 1, float64."""
    return math.expm1(min(x, 700.0))  # finite: tanh divides it by itself


@_jit
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), float32."""
    return _ONE / (_TWO + expm1_f32(-x))


@_jit
def tanh(x: Any) -> Any:
    """The hyperbolic tangent, float32."""
    e = expm1_f32(x + x)
    return e / (e + _TWO)
