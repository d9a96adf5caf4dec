"""What recordings differ in: how far each measure goes, within and between them, and which say different things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtcrnn.core.errors import InputError, listing
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.made import made_param, write_made
from mtcrnn.data.params import Param
from mtcrnn.data.skipping import Stretches
from mtcrnn.listening.measures import MEASURES, averages, on_knob
from mtcrnn.listening.recordings import Recording
from mtcrnn.listening.texture_statistics import Array

BY = "mtcrnn describe 1"
MOST, LEAST = 4, 2  # measures that are proposed, if so many go far enough
FAR = 3.0  # steps
ENOUGH = 0.25  # of the steps of the first proposed measure: others have at least so many of their own
ENDS = (0.05, 0.95)  # quantiles: the range that is shown
KNOB = (0.005, 0.995)  # quantiles: the range of the parameter that is written
READABLE = 0.5  # share of the moments at which a measure must be read, in each recording, to be proposed
# Over which curves are averaged: of tones, and of textures, whose single events a knob should not say
TONES_S, TEXTURES_S = 0.2, 2.0


@dataclass(frozen=True)
class Described:
    """A measure in a set of recordings.

    Attributes:
        name: one of `MEASURES`.
        low, high: 5% of the moments are below, and 5% above.
        readable: the share of the moments at which it can be read, in each recording.
        within: the share of the variance that is within recordings; the rest is between them.
        steps: how many just audible differences lie between `low` and `high`.
        alike: the absolute rank correlation with each other measure.
    """

    name: str
    low: float
    high: float
    readable: tuple[float, ...]
    within: float
    steps: float
    alike: dict[str, float]

    @property
    def can_be_read(self) -> bool:
        """Whether every recording has it for most of the time."""
        return min(self.readable) >= READABLE

    @property
    def problem(self) -> str | None:
        """Why the measure cannot be a parameter; None if it can."""
        lacking = sum(share < READABLE for share in self.readable)
        return f"cannot be read in {lacking} of {len(self.readable)} recordings" if lacking else None


def smoothing(recordings: Sequence[Recording]) -> float:
    """Over how many seconds curves should be averaged: few if most recordings have a pitch most of the time."""
    voiced = [np.isfinite(recording.curve("pitch")).mean() > READABLE for recording in recordings]
    return TONES_S if np.mean(voiced) > READABLE else TEXTURES_S


def described(recordings: Sequence[Recording], smooth_s: float) -> list[Described]:
    """Describe recordings by all measures, averaged over so many seconds, in the order of `MEASURES`."""
    from scipy.stats import spearmanr

    curves = {
        name: [_logarithms(smooth(recording, name, smooth_s), name) for recording in recordings] for name in MEASURES
    }
    joined = np.stack([np.concatenate(found) for found in curves.values()], axis=1)
    found = []
    for k, name in enumerate(MEASURES):
        values, back = joined[:, k], np.exp2 if MEASURES[name].ratio else np.asarray
        known = np.isfinite(values)
        readable = tuple(float(np.isfinite(curve).mean()) for curve in curves[name])
        if known.sum() < 2 or np.ptp(values[known]) == 0:
            low = high = float(back(values[known][0])) if known.any() else float("nan")
            found.append(Described(name, low, high, readable, 0.0, 0.0, dict.fromkeys(MEASURES, 0.0)))
            continue
        low, high = np.quantile(values[known], ENDS)
        alike = {}
        for other, column in zip(MEASURES, joined.T, strict=True):
            both = known & np.isfinite(column)
            moving = both.sum() > 2 and np.ptp(column[both]) > 0 and np.ptp(values[both]) > 0
            alike[other] = abs(float(spearmanr(values[both], column[both]).statistic)) if moving else 0.0
        parts = [curve[np.isfinite(curve)] for curve in curves[name]]
        inner = sum(float(((part - part.mean()) ** 2).sum()) for part in parts if len(part))
        share = inner / (float(values[known].var()) * known.sum())
        unit = np.log2(1 + MEASURES[name].step) if MEASURES[name].ratio else MEASURES[name].step
        shown_low, shown_high = back(np.array([low, high])).tolist()
        found.append(
            Described(name, shown_low, shown_high, readable, min(share, 1.0), float((high - low) / unit), alike)
        )
    return found


def proposed(measures: Sequence[Described]) -> list[str]:
    """The two to four measures that vary most and say different things, the first most; fewer if no others go far.

    Each next one is that with the most steps which those before it do not tell: steps times 1 - correlation^2.
    """
    left = [one for one in measures if one.can_be_read and one.steps >= FAR]
    chosen: list[Described] = []

    def own(one: Described) -> float:
        return one.steps * (1 - max((one.alike[other.name] ** 2 for other in chosen), default=0.0))

    while left and len(chosen) < MOST:
        best = max(left, key=own)
        if chosen and own(best) < max(FAR, ENOUGH * chosen[0].steps if len(chosen) >= LEAST else 0.0):
            break
        chosen.append(best)
        left.remove(best)
    return [one.name for one in chosen]


def write_measures(
    data: ParamManager,
    recordings: Sequence[Recording],
    names: Sequence[str],
    smooth_s: float,
    skipped: Mapping[Path, Stretches] | None = None,
) -> list[Path]:
    """Write measures as curves (see `measures.on_knob`) into param files. Returns copies of files written by hand.

    Moments at which a measure cannot be read are interpolated. The range of the parameter is that of the recordings,
    without the lowest and highest 0.5% of all values, which are cut. In evaluations, the meters of their
    names measure them.

    Args:
        data: the place of the param files.
        recordings: what was heard.
        names: the measures.
        smooth_s: over how many seconds they are averaged.
        skipped: stretches that training leaves out, by recording; None: as they are.

    Raises:
        InputError: an unknown measure, one that cannot be read in some recording, as `write_made`.
    """
    for name in names:
        if name not in MEASURES:
            raise InputError(f"{name}: no such measure; there are {listing(MEASURES)}")
    params = {name: _params(recordings, name, smooth_s) for name in names}
    curves = {one.path: {name: params[name][i] for name in names} for i, one in enumerate(recordings)}
    return write_made(data, curves, skipped, {name: name for name in names})


def _params(recordings: Sequence[Recording], name: str, smooth_s: float) -> list[Param]:
    """A measure as a parameter of each recording."""
    curves = [smooth(recording, name, smooth_s) for recording in recordings]
    unread = [r.path.name for r, curve in zip(recordings, curves, strict=True) if not np.isfinite(curve).any()]
    if unread:
        raise InputError(f"{name}: it cannot be read in {listing(unread)}")
    units = MEASURES[name].units
    for k, curve in enumerate(curves):
        known, places = np.isfinite(curve), np.arange(len(curve))
        curves[k], units = on_knob(np.interp(places, places[known], curve[known]), name)
    low, high = (float(f"{end:.6g}") for end in np.quantile(np.concatenate(curves), KNOB))
    if low == high:
        raise InputError(f"{name}: it is {low:g} everywhere; there is nothing to play")
    return [
        made_param(curve, recording.rate, low, high, units, by=BY)
        for recording, curve in zip(recordings, curves, strict=True)
    ]


def smooth(recording: Recording, name: str, seconds: float) -> Array:
    """A measure averaged in windows of so many seconds, of ratios the geometric mean.

    NaN where it cannot be read at half of the moments.
    """
    values = _logarithms(recording.curve(name), name)
    known = np.isfinite(values)
    moments = np.arange(len(values)) / recording.rate
    sums, counts = (averages(row, recording.rate, moments, seconds) for row in (np.where(known, values, 0.0), known))
    with np.errstate(invalid="ignore"):
        mean = np.where(counts >= READABLE, sums / counts, np.nan)
    return np.exp2(mean) if MEASURES[name].ratio else mean


def _logarithms(values: Array, name: str) -> Array:
    """A measure's values, of a ratio as logarithms of base 2."""
    return np.log2(values) if MEASURES[name].ratio else values
