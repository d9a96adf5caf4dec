"""Copies of sounds whose speed wanders, as of a tape: so a net hears periods move, though each recording holds its own.

A net that has never heard a period move stumbles when one does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from mtcrnn.config.periods import Period
from mtcrnn.config.ranges import Range
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.data.params import Param

Floats = NDArray[np.float64]

LONGEST_COPY_S = 60.0  # of a sound that is copied
SLOW_HZ, FAST_HZ, FAST_SHARE = (0.1, 0.25), (0.25, 0.6), 0.3  # of two sines that the speed follows
KNOTS_PER_S = 50.0  # of the copy's parameters
ORDER = 5  # of the splines through twice as many samples
VALUES = 2001  # of a parameter, among which the one of a moved period is found


@dataclass(frozen=True)
class Glide:
    """One copy.

    Attributes:
        semitones: by which the speed goes up and down at most.
        number: of the sound; each has its own curve.
        length: samples of the sound that are copied.
        rate: samples per second.
    """

    semitones: float
    number: int
    length: int
    rate: int

    def places(self) -> tuple[Floats, Floats]:
        """At each sample of the copy: the place in the sound, in samples, and the speed there."""
        times = np.arange(self.length) / self.rate
        rng = generator(0, Purpose.GLIDES, self.number)
        height: Floats = np.zeros(self.length)
        for share, hertz in ((1 - FAST_SHARE, SLOW_HZ), (FAST_SHARE, FAST_HZ)):
            height += share * np.sin(2 * np.pi * (rng.uniform(*hertz) * times + rng.random()))
        speed = 2 ** (self.semitones / 12 * height)
        places = np.cumsum(speed) - speed[:1]
        inside = places <= self.length - 1
        return places[inside], speed[inside]

    def play(self, blocks: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The copy of a sound in blocks of frames [n, channels]."""
        from scipy.ndimage import map_coordinates  # loads slowly

        frames, count = [], 0
        for block in blocks:
            frames.append(block)
            count += len(block)
            if count >= self.length:
                break
        double = soxr.resample(np.concatenate(frames)[: self.length], 1, 2)
        places = 2 * self.places()[0]
        channels = [map_coordinates(channel, [places], order=ORDER, mode="nearest") for channel in double.T]
        return np.stack(channels, axis=-1).astype(np.float32)

    def curve(self, curve: Param, period: Period | None, range_: Range) -> Param:
        """A parameter of the copy; that of a period moves with the speed."""
        places, speed = self.places()
        knots = np.unique(np.round(np.arange(0, len(places), self.rate / KNOTS_PER_S)).astype(int))
        if len(knots) < 2:
            return curve
        values = np.interp(places[knots] / self.rate, curve.times, curve.values)
        if period is not None:
            values = _moved(values, speed[knots], period, range_)
        return Param(times=(knots / self.rate).tolist(), values=values.tolist())


def can_move(period: Period, range_: Range) -> bool:
    """Whether a parameter can follow the speed: it varies, and every period is of one value only."""
    octaves = _octaves(period, range_)[1]
    steps = np.diff(octaves)
    return range_.low < range_.high and len(steps) > 0 and bool((steps > 0).all() or (steps < 0).all())


def _octaves(period: Period, range_: Range) -> tuple[Floats, Floats]:
    """Values in and around a parameter's range, and the octaves of how often the sound repeats at each."""
    margin = 0.5 * (range_.high - range_.low) + 0.25 * max(abs(range_.low), abs(range_.high))
    values = np.linspace(range_.low - margin, range_.high + margin, VALUES)
    hertz = period.hertz(values)
    return values[hertz > 0], np.log2(hertz[hertz > 0])


def _moved(values: Floats, speed: Floats, period: Period, range_: Range) -> Floats:
    """The values at which a sound repeats `speed` times as often; where it does not repeat, as they are."""
    among, octaves = _octaves(period, range_)
    order = np.argsort(octaves)
    hertz = period.hertz(values)
    moved = np.interp(np.log2(np.maximum(hertz, 1e-9) * speed), octaves[order], among[order])
    return np.where(hertz > 0, moved, values)
