"""What a word means: a curve over all recordings from a few marks, with its uncertainty, and where to mark next.

A word may follow one measure or several statistics together. So the curve is an average of Gaussian processes (see
`gaussian`): one for each measure alone, and for some principal components of all measures and of all texture
statistics. Where they disagree, the curve is uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist

from mtcrnn.core.rng import Purpose, generator
from mtcrnn.data.skipping import outside
from mtcrnn.listening import moments
from mtcrnn.listening.gaussian import Processes
from mtcrnn.listening.measures import MEASURES, averages
from mtcrnn.listening.moments import CLASSES
from mtcrnn.listening.recordings import Recording
from mtcrnn.listening.texture_statistics import Array

COMPONENTS = (2, 4, 8)
SMOOTH_S = 1.0  # deviation of the Gaussian that smooths measures, statistics and curves
FIRST_ASKED = (0.1, 0.9)  # quantiles of the first principal component
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
            usable.append(outside(times, [*recording.silent, *recording.clipped]))
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
        classes = []
        for name in CLASSES:
            rows = np.concatenate([recording.statistics[name] for recording in self.recordings], axis=1)
            classes.append(self.smooth(rows.T))
        return self._components(classes)

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

        joined = np.hstack([self._standard(one) / one.shape[1] ** 0.5 for one in classes])
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
        processes = Processes(self.inputs, places, values, owners)
        mean, uncertainty = processes.predict()
        others = processes.others()
        given = np.array([mark.value for mark in marks])
        error = float(np.abs(given - others).mean()) if len(marks) > 2 else None
        return Curve(self.smooth(mean), self.smooth(uncertainty), error, others, processes.follows())

    def question(self, marks: Sequence[Mark]) -> int:
        """The moment whose mark would tell most: after which the curve would be surest everywhere (Cohn 1996).

        The first two are near both ends of the first principal component. While all marks have one value, it is the one
        that sounds least like those that are marked.
        """
        usable = np.flatnonzero(self.usable)
        order = usable[np.argsort(self.components[usable, 0])]
        ends = order[[int(share * (len(order) - 1)) for share in FIRST_ASKED]]
        if not marks:
            return int(ends[0])
        places, values, owners = self._places(marks)
        if len(np.unique(values)) < 2:
            candidates = ends if len(marks) < 3 else usable
            apart = cdist(self.components[candidates], self.components[places]).min(axis=1)
            return int(candidates[int(np.argmax(apart))])
        processes = Processes(self.inputs, places, values, owners)
        rng = generator(0, Purpose.QUESTION, len(marks))
        pool = np.sort(rng.choice(usable, min(len(usable), MOST_ASKED), replace=False))
        return int(pool[int(np.argmax(processes.gain(pool)))])

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
