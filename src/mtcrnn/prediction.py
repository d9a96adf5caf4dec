"""Linear prediction, as `nets.linear_prediction` and the engine share it: how far back it looks, and how.

The next sample as a weighted sum of the last ones, the weights fitted by least squares to what was heard lately. A
sound that rings goes on as predicted to within a code or so; a net that is told so need not learn to ring itself.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mtcrnn.compiled import BARE, kept


class Predictor(NamedTuple):
    """One way to predict: from `order` samples, fitted to the last `window`.

    Samples that are `memory` samples old count exp(-1) as much as the newest. `noise`, a share of the sound's power, is
    taken for noise: a fit to more detail than that does not last.
    """

    order: int
    window: int
    memory: float
    noise: float

    @property
    def decay(self) -> float:
        """How much less a sample counts than the one behind it."""
        return math.exp(-1 / self.memory)


QUICK, PRECISE = 0, 1  # numbers of the predictors of a net


def predictors(order: int) -> tuple[Predictor, Predictor]:
    """Those of a net: QUICK, fitted for each sample, and PRECISE, of `order`, fitted once a frame.

    The quick one knows a new event after its first samples. (docs/log.md has others.)
    """
    return Predictor(4, 64, 20.0, 1e-3), Predictor(order, 128, 40.0, 1e-3)


HEARD = max(predictor.window for predictor in predictors(1))
SILENT = 1e-9  # power that is added in any case: silence predicts silence

_jit = njit(**BARE, fastmath={"contract"})
_WINDOW = tuple(predictor.window for predictor in predictors(1))
_DECAY = tuple(predictor.decay for predictor in predictors(1))
_NOISE = tuple(predictor.noise for predictor in predictors(1))


def scratch(order: int) -> int:
    """Float64 numbers that fitting the predictors of a net takes."""
    return (max(predictor.order for predictor in predictors(order)) + 1) ** 2 + HEARD


@_jit
def fit(heard: Any, which: int, normal: Any, coefficients: Any) -> None:
    """Fit predictor number `which` to the samples heard [HEARD] -> coefficients [order]: x[t] ~ sum a[k] x[t-order+k].

    Weighted least squares (the covariance method), with `noise` of white noise. `normal` is float64 [scratch(order)].
    Weighted products of the window with itself one step later follow from those before: the weights fall
    exponentially, so only the ends are new, and one row is enough.
    """
    order = coefficients.shape[0]
    size, n, decay = order + 1, _WINDOW[which] - order, _DECAY[which]
    products, x = normal[: size * size], normal[size * size : size * size + n + order]
    for t in range(n + order):
        x[t] = heard[HEARD - n - order + t]
    for j in range(size):
        products[j] = 0.0
    oldest, growth = decay ** (n - 1), 1.0 / decay
    weight = oldest
    for t in range(n):
        weighted, later = weight * x[t], x[t : t + size]
        for j in range(size):
            products[j] += weighted * later[j]
        weight *= growth
    for i in range(order):
        for j in range(i, order):
            before = products[i * size + j] - oldest * x[i] * x[j]
            products[(i + 1) * size + j + 1] = decay * before + x[n + i] * x[n + j]
    power = 0.0
    for i in range(order):
        power += products[i * size + i]
    for i in range(order):
        products[i * size + i] += _NOISE[which] * power / order + SILENT
    _solve(products, size, coefficients)


@_jit
def _solve(a: Any, size: int, out: Any) -> None:
    """The symmetric system whose upper half and right side (the last column) are a [size - 1, size], by Cholesky."""
    order = size - 1
    for i in range(order):
        root = 1.0 / math.sqrt(a[i * size + i])
        pivot = a[i * size : (i + 1) * size]
        for j in range(i, size):
            pivot[j] *= root
        for k in range(i + 1, order):
            row, factor = a[k * size : (k + 1) * size], pivot[k]
            for j in range(k, size):
                row[j] -= factor * pivot[j]
    for i in range(order - 1, -1, -1):
        total = a[i * size + order]
        for j in range(i + 1, order):
            total -= a[i * size + j] * a[j * size + order]
        a[i * size + order] = total / a[i * size + i]
        out[i] = a[i * size + order]


@kept("linear prediction", "prediction.py", **BARE, fastmath={"contract"})
def fit_all(heard: Any, ends: Any, which: int, normal: Any, coefficients: Any) -> None:
    """`fit` to heard[b, e - HEARD : e] for each row b of heard [B, T] and each e of ends [n] -> [B, n, order]."""
    for b in range(heard.shape[0]):
        for i in range(ends.shape[0]):
            fit(heard[b, ends[i] - HEARD : ends[i]], which, normal, coefficients[b, i])


@_jit
def expect(near: Any, coefficients: Any, table: Any, codes: int, y: Any) -> None:
    """Y [H] += the embedding, between rows of table [codes * H], of the code expected behind samples near [order]."""
    sample, mu, H = 0.0, float(codes - 1), y.shape[0]
    for k in range(near.shape[0]):
        sample += float(near[k]) * float(coefficients[k])
    companded = min(math.log1p(mu * abs(sample)) / math.log1p(mu), 1.0)
    place = np.float32(((companded if sample >= 0 else -companded) + 1.0) / 2.0 * mu)
    below = min(int(place), codes - 2)
    share = place - np.float32(below)
    rest, low, high = np.float32(1) - share, table[below * H :][:H], table[(below + 1) * H :][:H]
    for j in range(H):
        y[j] += low[j] * rest + high[j] * share
