"""What a word means: a curve over all recordings from a few marks, with its uncertainty, and where to mark next.

A word may follow one measure or several statistics together. So the curve is an average of Gaussian processes, one for
each measure alone, and for some principal components of all measures and of all texture statistics; each with several
length scales and noise levels. A model counts by its evidence, p(marks | model). Where they disagree, the curve is
uncertain. (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: equations 2.25 to 2.30, 5.8, 5.12.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mtcrnn.core.rng import Purpose, generator
from mtcrnn.listening import moments
from mtcrnn.listening.measures import MEASURES, averages
from mtcrnn.listening.recordings import Recording
from mtcrnn.listening.texture_statistics import Array

LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)  # length scales, in standard deviations of a model's input
NOISES = (0.03, 0.1, 0.3)  # standard deviations of the marks, as a share of the signal's
COMPONENTS = (2, 4, 8)
TEMPER = 0.5  # exponent of the evidence: with few marks, it is too sure of one model
LEAST_WEIGHT = 0.005  # of a model that counts
SMOOTH_S = 1.0  # deviation of the Gaussian that smooths measures, statistics and curves
MOST_ASKED = 300  # moments that a question is chosen from
STRETCH_S = 2.0  # a marked stretch is as many marks as it has such parts
LEAST_LEVEL = 1e-3  # of the mean energy: with which softer sound counts in a measure's mean
AMISS = 0.3  # of the marks' range: as far from what the others say, a mark is remarkable

SPECTRAL = ("brightness", "bandwidth", "noisiness", "pitch", "voicing")  # which louder moments say more about


@dataclass(frozen=True)
class Mark:
    """A value that a person gave to a moment of a recording, or to a stretch (`until` after `at`), in seconds."""

    recording: int
    at: float
    value: float
    until: float | None = None


@dataclass(frozen=True)
class Curve:
    """What marks mean for all moments.

    Attributes:
        values, uncertainty: [N], in the units of the marks; the uncertainty is a standard deviation.
        error: mean absolute difference of each mark from what the other marks say there; None below three marks.
        others: what they say, for each mark.
        follows: which models count most: their names and shares.
    """

    values: Array
    uncertainty: Array
    error: float | None
    others: Array
    follows: list[tuple[str, float]]

    def amiss(self, marks: Sequence[Mark]) -> list[int]:
        """The numbers of the marks that contradict the others."""
        if self.error is None or len(marks) < 4:
            return []
        given = np.array([mark.value for mark in marks])
        return np.flatnonzero(np.abs(given - self.others) > AMISS * np.ptp(given)).tolist()


@dataclass(frozen=True)
class Listened:
    """All moments of some recordings, `moments.RATE` a second, and what each model sees of them.

    Attributes:
        recordings: what was heard in each.
        offsets: [recordings + 1]: recording i has the moments offsets[i] .. offsets[i + 1] - 1.
        usable: which of the N moments are neither silent nor clipped.
    """

    recordings: Sequence[Recording]
    offsets: NDArray[np.int64]
    usable: NDArray[np.bool_]

    @classmethod
    def to(cls, recordings: Sequence[Recording]) -> Listened:
        """What was heard in recordings, moment by moment."""
        counts = [_count(recording) for recording in recordings]
        usable = []
        for recording, count in zip(recordings, counts, strict=True):
            times = np.arange(count) / moments.RATE
            bad = [(times >= a) & (times < b) for a, b in (*recording.silent, *recording.clipped)]
            usable.append(~np.any(bad, axis=0) if bad else np.ones(count, bool))
        flags = np.concatenate(usable)
        return cls(recordings, np.concatenate([[0], np.cumsum(counts)]), flags if flags.any() else ~flags)

    def moment(self, recording: int, seconds: float) -> int:
        """The number of the moment nearest to a place in a recording."""
        first, end = self.offsets[recording], self.offsets[recording + 1]
        return int(np.clip(first + round(seconds * moments.RATE), first, end - 1))

    def place(self, moment: int) -> tuple[int, float]:
        """Recording and seconds of a moment."""
        i = int(np.searchsorted(self.offsets, moment, side="right")) - 1
        return i, float(moment - self.offsets[i]) / moments.RATE

    def smooth(self, values: Array) -> Array:
        """Values [N, ...] smoothed in time, in each recording by itself."""
        parts = [
            gaussian_filter1d(values[a:b], SMOOTH_S * moments.RATE, axis=0, mode="nearest")
            for a, b in zip(self.offsets, self.offsets[1:], strict=False)
        ]
        return np.concatenate(parts)

    @cached_property
    def measures(self) -> dict[str, Array]:
        """The measures [N], in windows as long as those of the statistics; logarithms of those that are ratios."""
        rows = np.concatenate([_measures(recording) for recording in self.recordings], axis=1)
        return dict(zip(MEASURES, self.smooth(rows.T).T, strict=True))

    @cached_property
    def components(self) -> Array:
        """Principal components [N, 8] of all statistics, each class of them with the same weight."""
        return self._components(
            [
                np.concatenate([recording.statistics[name] for recording in self.recordings], axis=1).T
                for name in self.recordings[0].statistics
            ]
        )

    @cached_property
    def inputs(self) -> list[tuple[str, Array]]:
        """What each model sees: [N, d], of about standard deviation 1."""
        every = np.stack(list(self.measures.values()), axis=1)
        own = self._components([column[:, None] for column in every.T])
        found = [(name, self._standard(values[:, None])) for name, values in self.measures.items()]
        for name, components in (("measures", own), ("statistics", self.components)):
            found += [(f"{count} components of all {name}", components[:, :count]) for count in COMPONENTS]
        return found

    def _standard(self, values: Array) -> Array:
        """Values [N, d] with mean 0 and deviation 1 over the usable moments."""
        used = values[self.usable]
        return (values - used.mean(axis=0)) / (used.std(axis=0) + 1e-9)

    def _components(self, classes: Sequence[Array]) -> Array:
        """Principal components of classes of values [N, d] of equal weight; the first has deviation 1."""
        from sklearn.decomposition import PCA

        joined = np.hstack([self._standard(self.smooth(one)) / one.shape[1] ** 0.5 for one in classes])
        used = joined[self.usable]
        found = PCA(min(max(COMPONENTS), *used.shape), svd_solver="full").fit(used)
        return found.transform(joined) / (found.explained_variance_[0] ** 0.5 + 1e-9)

    def learn(self, marks: Sequence[Mark]) -> Curve:
        """The curve that marks mean. There must be at least one.

        With one mark, or marks of one value, the curve is that value everywhere, and as uncertain as values can be.
        """
        places, values, owners = self._places(marks)
        low, high = values.min(), values.max()
        if low == high:
            flat = np.full(len(self.usable), low)
            return Curve(flat, np.full(len(flat), np.inf), None, np.full(len(marks), low), [])
        models = _Models(self.inputs, places, values)
        mean, variance = np.zeros(len(self.usable)), np.zeros(len(self.usable))
        for share, model in models.counting():
            own, deviation = models.predict(model, np.arange(len(self.usable)))
            mean += share * own
            variance += share * (own**2 + deviation**2)
        uncertainty = np.sqrt(np.maximum(variance - mean**2, 0.0))
        others = np.array([models.others()[owners == k].mean() for k in range(len(marks))])
        given = np.array([mark.value for mark in marks])
        error = float(np.abs(given - others).mean()) if len(marks) > 2 else None
        return Curve(self.smooth(mean), self.smooth(uncertainty), error, others, models.follows())

    def question(self, marks: Sequence[Mark], seed: int = 0) -> int:
        """The moment whose mark would tell most: after which the curve would be surest everywhere (Cohn 1996).

        The first two are near both ends of the first principal component.
        """
        usable = np.flatnonzero(self.usable)
        places, values, _ = self._places(marks) if marks else (np.zeros(0, np.int64), np.zeros(0), None)
        if len(np.unique(values)) < 2:
            order = usable[np.argsort(self.components[usable, 0])]
            ends = [int(order[int(share * (len(order) - 1))]) for share in (0.1, 0.9)]
            if not marks:
                return ends[0]
            apart = [np.abs(self.components[end] - self.components[places]).sum(axis=1).min() for end in ends]
            if len(marks) < 3:
                return ends[int(np.argmax(apart))]
            far = [np.abs(self.components[k] - self.components[places]).sum(axis=1).min() for k in usable]
            return int(usable[int(np.argmax(far))])
        models = _Models(self.inputs, places, values)
        rng = generator(seed, Purpose.QUESTION, len(marks))
        pool = np.sort(rng.choice(usable, min(len(usable), MOST_ASKED), replace=False))
        return int(pool[int(np.argmax(models.gain(pool)))])

    def _places(self, marks: Sequence[Mark]) -> tuple[NDArray[np.int64], Array, NDArray[np.int64]]:
        """Moments and values of marks, of stretches several; and the number of the mark of each."""
        rows = []
        for k, mark in enumerate(marks):
            until = mark.at if mark.until is None else mark.until
            parts = max(int((until - mark.at) / STRETCH_S), 1)
            centres = mark.at + (np.arange(parts) + 0.5) / parts * (until - mark.at)
            rows += [(self.moment(mark.recording, centre), mark.value, k) for centre in centres.tolist()]
        places, values, owners = zip(*rows, strict=True)
        return np.array(places), np.array(values, np.float64), np.array(owners)


class _Models:
    """Gaussian processes for n values at moments: one for each input, length scale and noise level.

    The values' mean is taken away first; the scale of each model is the one that makes the values likeliest.
    """

    def __init__(self, inputs: Sequence[tuple[str, Array]], places: NDArray[np.int64], values: Array) -> None:
        self._inputs, self._places = inputs, places
        self._mean = float(values.mean())
        targets = values - self._mean
        n = len(values)
        self._kinds = [(k, length, noise) for k in range(len(inputs)) for length in LENGTHS for noise in NOISES]
        near = np.stack([_squares(x[places], x[places]) for _, x in inputs])
        kernels = np.stack([np.exp(-near[k] / (2 * length**2)) for k, length, _ in self._kinds])
        kernels += np.square([noise for *_, noise in self._kinds])[:, None, None] * np.eye(n)
        self._inverse = np.linalg.inv(kernels)
        self._solved = self._inverse @ targets
        fit = self._solved @ targets
        self._scale = np.maximum(fit / n, 1e-6 * (targets @ targets))  # amplitude squared
        evidence = -0.5 * (n * np.log(self._scale) + np.linalg.slogdet(kernels)[1] + fit / self._scale)
        diagonal = np.diagonal(self._inverse, axis1=1, axis2=2)
        self._left_out = targets - self._solved / diagonal  # what each model says of a value that it is not told
        variance = self._scale[:, None] / diagonal
        surprise = -0.5 * (np.log(variance) + (targets - self._left_out) ** 2 / variance)
        self.weights = _shares(evidence)
        self._weights_without = _shares(evidence[:, None] - surprise)  # [models, n]

    def counting(self) -> list[tuple[float, int]]:
        """The share and the number of each model that counts; the shares add to 1."""
        numbers = np.flatnonzero(self.weights >= min(LEAST_WEIGHT, self.weights.max()))
        total = self.weights[numbers].sum()
        return [(float(self.weights[k] / total), int(k)) for k in numbers]

    def predict(self, model: int, where: NDArray[np.int64]) -> tuple[Array, Array]:
        """Mean and deviation of a model at moments."""
        k, length, _ = self._kinds[model]
        x = self._inputs[k][1]
        near = np.exp(-_squares(x[where], x[self._places]) / (2 * length**2))
        left = 1 - np.einsum("ij,jk,ik->i", near, self._inverse[model], near)
        return self._mean + near @ self._solved[model], np.sqrt(self._scale[model] * np.maximum(left, 0.0))

    def others(self) -> Array:
        """What the others of the values say about each [n]."""
        return self._mean + (self._weights_without * self._left_out).sum(axis=0)

    def follows(self) -> list[tuple[str, float]]:
        """The names of the inputs by their shares, the largest first."""
        shares: dict[str, float] = {}
        for weight, (k, _, _) in zip(self.weights, self._kinds, strict=True):
            shares[self._inputs[k][0]] = shares.get(self._inputs[k][0], 0.0) + float(weight)
        return sorted(shares.items(), key=lambda one: -one[1])

    def gain(self, pool: NDArray[np.int64]) -> Array:
        """By how much a value at each of some moments would lower the mean variance over all of them.

        Where models disagree, half of the variance of their means is added: a value there tells which is right.
        """
        gain, means, shares = np.zeros(len(pool)), [], []
        for share, model in self.counting():
            k, length, noise = self._kinds[model]
            x = self._inputs[k][1][pool]
            near = np.exp(-_squares(x, self._inputs[k][1][self._places]) / (2 * length**2))
            left = np.exp(-_squares(x, x) / (2 * length**2)) - near @ self._inverse[model] @ near.T
            gain += share * self._scale[model] * (left**2).mean(axis=0) / (np.diagonal(left) + noise**2)
            means.append(near @ self._solved[model])
            shares.append(share)
        centre = np.average(means, axis=0, weights=shares)
        return gain + 0.5 * np.average((np.array(means) - centre) ** 2, axis=0, weights=shares)


def _squares(a: Array, b: Array) -> Array:
    """Squared distances [n, m] of the rows of a [n, d] and b [m, d]."""
    return ((a[:, None] - b[None]) ** 2).sum(axis=-1)


def _shares(evidence: Array) -> Array:
    """Weights from logarithms of the evidence [models, ...], which add to 1."""
    weights = np.exp(TEMPER * (evidence - evidence.max(axis=0)))
    return weights / weights.sum(axis=0)


def _count(recording: Recording) -> int:
    return next(iter(recording.statistics.values())).shape[1]


def _measures(recording: Recording) -> Array:
    """The measures [len(MEASURES), m] at the moments of the statistics, ratios as logarithms of base 2.

    Means over the windows; of spectra and pitches, weighted by the energy, and by how clear a pitch is.
    """
    times = np.arange(_count(recording)) / moments.RATE
    rows = dict(zip(MEASURES, recording.measured, strict=True))
    energy = 10 ** (rows["loudness"] / 10)
    energy = energy + LEAST_LEVEL * energy.mean() + 1e-12
    found = []
    for name, values in rows.items():
        weights = energy if name in SPECTRAL else np.ones(len(values))
        if name == "pitch":
            weights = weights * (rows["voicing"] ** 2 + 0.01)
        if name == "loudness":
            found.append(10 * np.log10(averages(energy, recording.rate, times, moments.WINDOW_S)))
            continue
        values = np.log2(np.maximum(values, 0.1)) if MEASURES[name].ratio else values
        mean = averages(values * weights, recording.rate, times, moments.WINDOW_S)
        found.append(mean / averages(weights, recording.rate, times, moments.WINDOW_S))
    return np.stack(found)
