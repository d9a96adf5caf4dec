"""How well a model follows its parameters, as meters read them from generated sound.

A parameter's value is not in the meter's units. So the data say what the meter should read: its readings of the real
files, as a function of their values of the parameter, are the reference for generated sound.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.stereo import mono
from mtcrnn.config.periods import Period
from mtcrnn.data.corpus import Corpus
from mtcrnn.evaluation.meters import MATCHED, METERS, Samples
from mtcrnn.evaluation.steady import steady
from mtcrnn.rendering.player import Player
from mtcrnn.rendering.session import rendered

log = logging.getLogger(__name__)

GRID, SECONDS = 11, 6.0  # parameter values, and the length of the sound at each
GLIDE_SECONDS, GLIDE_PARTS = 30.0, 10
USUAL_STEPS = 2_000_000  # of the data, from which the usual values are taken
TINY = 1e-9  # replaces readings of 0, which have no logarithm
TRACKED = 0.5  # a meter belongs to a parameter if their rank correlation is at least this


@dataclass
class Followed:
    """How well a model follows one parameter, as one meter reads it.

    `values` are in the parameter's units; `asked`, what the meter should read at them, and `measured` in the meter's.
    `strength` is the meter's confidence. None in `measured` and `strength`: the meter could not read the sound.
    """

    parameter: str
    meter: str
    values: list[float]
    new: list[bool]  # values that are not in the data
    asked: list[float]
    measured: list[float | None]
    strength: list[float | None]
    real_strength: list[float]
    median_relative_error: float | None = None
    correlation: float | None = None
    glide: dict[str, Any] = field(default_factory=dict)


def follow(engine: Player, corpus: Corpus, k: int, meter: str | None) -> Followed | None:
    """Measure parameter number k on a grid over its range and on a glide; None if no meter follows it in the data."""
    name, rate = engine.config.tier.prop[k], engine.config.tier.sample_rate
    known, sounds, near = steady(corpus, k, GRID)
    chosen, real = _matching(known, sounds, rate, (meter,) if meter else MATCHED)
    if chosen is None:
        log.warning("no meter follows %s in the data: not measured (choose one with `meter` NAME=METER)", name)
        return None
    readable = [j for j, reading in enumerate(real) if reading is not None]
    if len({known[j] for j in readable}) < 2:
        log.warning("%s can be read at fewer than two values of %s in the data: not measured", chosen, name)
        return None
    period = next((one for one in engine.config.tier.periods if one.name == name), None)
    curve = _Curve([known[j] for j in readable], [real[j] for j in readable], period)  # type: ignore[misc]
    range_ = engine.config.ranges[name]
    in_data = range_.normalise(np.array(known))
    values = sorted({*range_.at(np.linspace(0, 1, GRID)).tolist(), *((a + b) / 2 for a, b in curve.widest())})
    made = _play(engine, corpus, k, np.array(values)[:, None].repeat(round(SECONDS * rate), 1))
    readings = [METERS[chosen](sound, rate) for sound in made]
    followed = Followed(
        name,
        chosen,
        values,
        [bool((np.abs(in_data - share) > near).all()) for share in range_.normalise(np.array(values))],
        [curve.at(v)[0] for v in values],
        [None if r is None else r[0] for r in readings],
        [None if r is None else r[1] for r in readings],
        [curve.at(v)[1] for v in values],
    )
    followed.median_relative_error, followed.correlation = _compare(followed.asked, followed.measured)
    glide = range_.at(np.linspace(0, 1, round(GLIDE_SECONDS * rate)))
    parts = np.array_split(_play(engine, corpus, k, glide[None])[0], GLIDE_PARTS)
    heard = [METERS[chosen](part, rate) for part in parts]
    asked = [curve.at(float(v.mean()))[0] for v in np.array_split(glide, GLIDE_PARTS)]
    measured = [None if r is None else r[0] for r in heard]
    error, correlation = _compare(asked, measured)
    followed.glide = {
        "asked": asked, "measured": measured, "median_relative_error": error, "correlation": correlation,
    }  # fmt: skip
    return followed


class _Curve:
    """What a meter reads in the data as a function of a parameter's value: the logarithm is linear between values.

    Where the parameter says a period, the reading is a multiple of how often the sound repeats, the same at all values:
    the median, since a meter takes a few sounds for another multiple.
    """

    def __init__(
        self, values: Sequence[float], readings: Sequence[tuple[float, float]], period: Period | None = None
    ) -> None:
        self.values, self.period = sorted(set(values)), period
        means = [np.mean([r for v, r in zip(values, readings, strict=True) if v == u], axis=0) for u in self.values]
        self.readings, self.strengths = np.maximum(means, TINY).T
        if period:
            self.readings[:] = np.median(self.readings / [self._hertz(v) for v in self.values])

    def at(self, value: float) -> tuple[float, float]:
        """The reading at a value, and its confidence."""
        reading = math.exp(np.interp(value, self.values, np.log(self.readings))) * self._hertz(value)
        return reading, float(np.interp(value, self.values, self.strengths))

    def _hertz(self, value: float) -> float:
        """How often the sound repeats; 1 without a period."""
        hertz = float(self.period.hertz(np.array([value]))[0]) if self.period else 0.0
        return hertz or 1.0

    def widest(self, count: int = 3) -> list[tuple[float, float]]:
        """The `count` widest gaps between values."""
        gaps = list(zip(self.values, self.values[1:], strict=False))
        return sorted(gaps, key=lambda gap: gap[0] - gap[1])[:count]


def _matching(
    values: Sequence[float], sounds: Sequence[Samples], rate: int, meters: Sequence[str]
) -> tuple[str | None, list[tuple[float, float] | None]]:
    """The meter whose readings rise or fall with the values (None: there is none), and its readings of the sounds.

    A single meter is taken without a test.
    """
    readings = {name: [METERS[name](sound, rate) for sound in sounds] for name in meters}
    if len(meters) == 1:
        return meters[0], readings[meters[0]]
    best, found = TRACKED, None
    for name in meters:
        pairs = [(v, r[0]) for v, r in zip(values, readings[name], strict=True) if r]
        if len({v for v, _ in pairs}) < 3:
            continue
        tracked = abs(_correlation(*(np.argsort(np.argsort(column)) for column in zip(*pairs, strict=True))))
        if tracked > best + 1e-9:
            best, found = tracked, name
    return found, readings[found] if found else []


def _play(engine: Player, corpus: Corpus, k: int, curves: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sounds [B, T] under curves [B, T] of parameter k, with the other parameters at their medians in the data."""
    tier, ranges = engine.config.tier, engine.config.ranges
    medians = np.median(corpus.conditioning.spread(USUAL_STEPS), axis=0)
    usual = [float(ranges[name].restore(medians[j : j + 1])[0]) for j, name in enumerate(tier.prop)]
    parameters = np.broadcast_to(np.array(usual), (*curves.shape, len(usual))).copy()
    parameters[..., k] = curves
    return mono(rendered(engine, parameters, f"playing {tier.prop[k]}"))


def _compare(asked: Sequence[float], measured: Sequence[float | None]) -> tuple[float | None, float | None]:
    """The median relative error (1 for sounds that cannot be read), and the correlation over the other sounds."""
    errors = [1.0 if m is None else abs(m - a) / abs(a) for a, m in zip(asked, measured, strict=True)]
    pairs = [(a, m) for a, m in zip(asked, measured, strict=True) if m is not None]
    spread = len(pairs) > 1 and all(np.ptp(column) > 0 for column in zip(*pairs, strict=True))
    return float(np.median(errors)), _correlation(*zip(*pairs, strict=True)) if spread else None


def _correlation(x: Any, y: Any) -> float:
    return float(np.corrcoef(np.asarray(x, float), np.asarray(y, float))[0, 1])
