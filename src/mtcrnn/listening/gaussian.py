"""An average of Gaussian processes over several inputs: which of them a few values follow is not known.

There is a process for each input, length scale and noise level. It counts by its evidence, p(values | process).
(Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: equations 2.25 to 2.30, 5.8 and 5.12, the last
for groups of values.) With a handful of values, all of it is closed forms of small matrices; averaging over the scales
instead of searching for the best leaves nothing to converge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from mtcrnn.listening.texture_statistics import Array

LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)  # length scales, in standard deviations of the inputs
NOISES = (0.03, 0.1, 0.3)  # standard deviations of the values, as a share of the process's
TEMPER = 0.5  # exponent of the evidence: with few values, it is too sure of one process
LEAST_WEIGHT = 0.005  # of a process that counts
DISAGREEMENT = 0.5  # share of the variance of the processes' means in `gain`


class Processes:
    """Gaussian processes for n values at places.

    The values' mean is taken away first; the scale of each process is the one that makes the values likeliest.

    Args:
        inputs: names and inputs [N, d] at all N places.
        places: those of the values [n].
        values: [n], not all the same.
        groups: the number of the group of each value, from 0: values of one group are left out together.
    """

    def __init__(
        self,
        inputs: Sequence[tuple[str, Array]],
        places: NDArray[np.int64],
        values: Array,
        groups: NDArray[np.int64],
    ) -> None:
        self._inputs, self._places, self._groups = inputs, places, groups
        self._kinds = [(k, length, noise) for k in range(len(inputs)) for length in LENGTHS for noise in NOISES]
        self._mean = float(values.mean())
        self._targets = values - self._mean
        n = len(values)
        squares = np.stack([_squares(x[places], x[places]) for _, x in inputs])
        kernels = np.stack([np.exp(-squares[k] / (2 * length**2)) for k, length, _ in self._kinds])
        kernels += np.square([noise for *_, noise in self._kinds])[:, None, None] * np.eye(n)
        self._inverse = np.linalg.inv(kernels)
        self._solved = self._inverse @ self._targets
        fit = self._solved @ self._targets
        self._scale = np.maximum(fit / n, 1e-6 * (self._targets @ self._targets))  # amplitude squared
        self._evidence = -0.5 * (n * np.log(self._scale) + np.linalg.slogdet(kernels)[1] + fit / self._scale)
        self._weights = _shares(self._evidence)

    def predict(self) -> tuple[Array, Array]:
        """The mean and its standard deviation at all places [N]; where processes disagree, it is larger."""
        mean = variance = np.zeros(len(self._inputs[0][1]))
        for share, process in self._counting():
            near = self._near(process, self._inputs[self._kinds[process][0]][1])
            left = 1 - np.einsum("ij,jk,ik->i", near, self._inverse[process], near)
            own = near @ self._solved[process]
            mean = mean + share * own
            variance = variance + share * (own**2 + self._scale[process] * np.maximum(left, 0.0))
        return self._mean + mean, np.sqrt(np.maximum(variance - mean**2, 0.0))

    def others(self) -> Array:
        """What all other groups say of each group of values, the mean over the group: [groups]."""
        found = []
        for group in range(int(self._groups.max()) + 1):
            own = np.flatnonzero(self._groups == group)
            part = self._inverse[:, own[:, None], own]  # [processes, g, g]
            solved = self._solved[:, own]
            off = np.linalg.solve(part, solved[..., None])[..., 0]  # the values less what the others say
            surprise = 0.5 * (
                np.linalg.slogdet(part)[1] - len(own) * np.log(self._scale) - (off * solved).sum(axis=1) / self._scale
            )
            weights = _shares(self._evidence - surprise)
            found.append(float((weights @ (self._targets[own] - off)).mean()))
        return self._mean + np.array(found)

    def follows(self) -> list[tuple[str, float]]:
        """The names of the inputs by their shares, the largest first."""
        shares: dict[str, float] = {}
        for weight, (k, _, _) in zip(self._weights, self._kinds, strict=True):
            shares[self._inputs[k][0]] = shares.get(self._inputs[k][0], 0.0) + float(weight)
        return sorted(shares.items(), key=lambda one: -one[1])

    def gain(self, pool: NDArray[np.int64]) -> Array:
        """By how much a value at each of some places would lower the mean variance over all of them (Cohn 1996).

        Where processes disagree, more: a value there tells which is right.
        """
        gain, means, shares = np.zeros(len(pool)), [], []
        for share, process in self._counting():
            k, length, noise = self._kinds[process]
            x = self._inputs[k][1][pool]
            near = self._near(process, x)
            left = np.exp(-_squares(x, x) / (2 * length**2)) - near @ self._inverse[process] @ near.T
            gain += share * self._scale[process] * (left**2).mean(axis=0) / (np.diagonal(left) + noise**2)
            means.append(near @ self._solved[process])
            shares.append(share)
        centre = np.average(means, axis=0, weights=shares)
        return gain + DISAGREEMENT * np.average((np.array(means) - centre) ** 2, axis=0, weights=shares)

    def _counting(self) -> list[tuple[float, int]]:
        """The share and the number of each process that counts; the shares add to 1."""
        numbers = np.flatnonzero(self._weights >= min(LEAST_WEIGHT, self._weights.max()))
        total = self._weights[numbers].sum()
        return [(float(self._weights[k] / total), int(k)) for k in numbers]

    def _near(self, process: int, x: Array) -> Array:
        """The kernel [m, n] between inputs x [m, d] and the values' places."""
        k, length, _ = self._kinds[process]
        return np.exp(-_squares(x, self._inputs[k][1][self._places]) / (2 * length**2))


def _squares(a: Array, b: Array) -> Array:
    """Squared distances [m, n] of the rows of a [m, d] and b [n, d]."""
    return cdist(a, b, "sqeuclidean")


def _shares(evidence: Array) -> Array:
    """Weights from logarithms of the evidence, which add to 1."""
    weights = np.exp(TEMPER * (evidence - evidence.max()))
    return weights / weights.sum()
