"""Compiled samplers: samples from a step's raw numbers by inverse CDF, as `models.distributions` does in torch.

`z` are standard normal numbers: the inverse normal CDF of uniforms.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from mtcrnn.core.numba_math import BARE, expm1_f32
from mtcrnn.core.vectors import WIDTH, reduce_max, reduce_sum, wide_vectors
from mtcrnn.models.constants import LEAST_TEMPERATURE, STD_FLOOR

_jit = njit(**BARE)
_ONE = np.float32(1)
_LEAST_TEMPERATURE = np.float32(LEAST_TEMPERATURE)


@_jit
def _max(x: Any) -> Any:
    whole = x.shape[0] - x.shape[0] % WIDTH
    top = x[0]
    for j in range(0, whole, WIDTH):
        top = max(top, reduce_max(x, j))
    for j in range(whole, x.shape[0]):
        top = max(top, x[j])
    return top


@_jit
def _sum(x: Any, start: int) -> Any:
    """The sum of at most WIDTH numbers from `start` on."""
    if start + WIDTH <= x.shape[0]:
        return reduce_sum(x, start)
    total = np.float32(0)
    for j in range(start, x.shape[0]):
        total += x[j]
    return total


@_jit
def sample_codes(raw: Any, temperature: Any, u: Any) -> Any:
    """As `Categorical.sample`, for the logits raw [Q] and one uniform u: returns a code. Overwrites raw."""
    wide_vectors()
    codes = raw.shape[0]
    top = _max(raw)
    if temperature < _LEAST_TEMPERATURE:
        for j in range(codes):
            if raw[j] == top:
                return j
    inverse = _ONE / temperature
    for j in range(codes):
        raw[j] = expm1_f32((raw[j] - top) * inverse) + _ONE
    total = np.float32(0)
    for start in range(0, codes, WIDTH):
        total += _sum(raw, start)
    wanted, below = u * total, np.float32(0)
    for start in range(0, codes, WIDTH):
        group = _sum(raw, start)
        if below + group <= wanted and start + WIDTH < codes:
            below += group
            continue
        for j in range(start, min(start + WIDTH, codes)):
            below += raw[j]
            if below > wanted:
                return j
    return codes - 1


@_jit
def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@_jit
def _normal(mean: float, raw_std: float, temperature: float, z: float) -> float:
    return mean + max(_softplus(raw_std), STD_FLOOR) * temperature * z


@_jit
def sample_normal(raw: Any, temperature: Any, z: Any, values: Any) -> None:
    """Fill values [G] from independent normals: raw holds G means, then G raw stds; z [G]."""
    G = values.shape[0]
    for g in range(G):
        values[g] = _normal(raw[g], raw[G + g], temperature, z[g])


@_jit
def sample_mixture(raw: Any, temperature: Any, draws: Any, values: Any) -> None:
    """Fill values [G] from mixtures of K normals: raw: means, raw stds, raw weights [K, G]; draws: G uniforms, G z."""
    G = values.shape[0]
    K = raw.shape[0] // (3 * G)
    for g in range(G):
        top = raw[2 * K * G + g]
        for k in range(1, K):
            top = max(top, raw[(2 * K + k) * G + g])
        total = 0.0
        for k in range(K):
            total += math.exp(raw[(2 * K + k) * G + g] - top)
        below, chosen = 0.0, K - 1
        for k in range(K):
            below += math.exp(raw[(2 * K + k) * G + g] - top)
            if below > draws[g] * total:
                chosen = k
                break
        values[g] = _normal(raw[chosen * G + g], raw[(K + chosen) * G + g], temperature, draws[G + g])
