"""How far off their labels sounds are in pitch: notes are rarely in tune, and a game's rpm are nominal.

By normalised cross-correlation near the labelled period, as in Talkin 1995, "A robust algorithm for pitch tracking".
"""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.stereo import mid_side
from mtcrnn.data.params import Param
from mtcrnn.models.lookback import Lookback

log = logging.getLogger(__name__)

LOWEST_HZ = 20.0  # what repeats less often is a rhythm, which was counted, not tuned
PERIODS = 4  # that are compared with those one period later
SEMITONES = 1.0  # off the label at most
LEAST_STRENGTH = 0.8  # of the correlation, 1 if the sound repeats exactly
SHORT, MOST_AT_ONCE = 64, 8  # samples of a short period; more periods than these could be one more or less
MOST_PLACES, LEAST_PLACES = 60, 5  # in a sound that are measured; at which it must repeat
SOFTEST = 0.03  # of the loudest place: what decays ends in noise
SPREAD = 20 / 1200  # octaves between the quartiles: what is found in more of them is chance
LONGEST_S = 60.0  # of a sound that is measured
LABELS_PER_S = 100.0
SAID = 2.0  # cents; what is less is not worth a line


class Tuning:
    """The tuning of all sounds of a data set.

    Args:
        lookback: which parameters say a period.
    """

    def __init__(self, lookback: Lookback) -> None:
        self._lookback = lookback
        self._found: list[tuple[str, NDArray[np.float64]]] = []

    def measure(self, wav: Path, curves: list[Param]) -> NDArray[np.float64]:
        """By which factor a sound repeats more often than its parameters say, for each that says a period [P]."""
        blocks, length, rate = [np.zeros(0, np.float32)], 0, self._lookback.rate
        with sound_files.source(wav, rate, self._lookback.channels) as source:
            for block in source:
                blocks.append(mid_side(block)[:, 0])
                length += len(block)
                if length >= LONGEST_S * rate:
                    break
        sound = np.concatenate(blocks)
        labels = np.stack([curve.sample(LABELS_PER_S, 0, int(length / rate * LABELS_PER_S)) for curve in curves], -1)
        factors = np.array([tuning(sound, rate, hertz) for hertz in self._lookback.hertz(labels).T])
        self._found.append((wav.name, factors))
        return factors

    def report(self) -> None:
        """Say by how much the sounds are off their labels."""
        for p, period in enumerate(self._lookback.periods):
            cents = [(1200 * math.log2(factors[p]), name) for name, factors in self._found]
            most, where = max(cents, key=lambda found: abs(found[0]))
            if abs(most) >= SAID:
                log.info(
                    "`%s`: sounds are %.0f cents off their labels in the median, most of all %s with %+.0f; "
                    "a period is taken from the sound",
                    *(period.name, np.median([abs(off) for off, _ in cents]), where, most),
                )


def tuning(sound: NDArray[np.float32], sample_rate: int, hertz: NDArray[np.float64]) -> float:
    """By which factor a sound repeats more often than labelled, the median over the sound; 1 where it cannot be told.

    Args:
        sound: [n].
        sample_rate: in Hz.
        hertz: [steps], how often a second it repeats by its label, at times evenly spread over the sound.
    """
    found = []
    for place in np.linspace(0, len(hertz) - 1, MOST_PLACES).astype(int) if len(hertz) else ():
        if LOWEST_HZ <= hertz[place] <= sample_rate / 8:
            first = int(place / len(hertz) * len(sound))
            found += _periods(sound[first:], sample_rate / hertz[place])
    loudest = max((level for _, level in found), default=0.0)
    octaves = -np.log2([period for period, level in found if level >= SOFTEST * loudest])
    if len(octaves) < LEAST_PLACES or np.subtract(*np.quantile(octaves, [0.75, 0.25])) > SPREAD:
        return 1.0
    return float(2 ** np.median(octaves))


def _periods(sound: NDArray[np.float32], labelled: float) -> list[tuple[float, float]]:
    """The period at the beginning of a sound, over the one labelled in samples, and the level; empty without one.

    Of short periods, several at once are measured, so that a sample is a small part of them.
    """
    at_once = min(math.ceil(SHORT / labelled), MOST_AT_ONCE)
    lags = [at_once * labelled * 2 ** (semitones / 12) for semitones in (-SEMITONES, SEMITONES)]
    shortest, longest, count = int(lags[0]) - 1, int(lags[1]) + 2, round(PERIODS * at_once * labelled)
    sound = sound[: count + longest].astype(np.float64)
    if len(sound) < count + longest:
        return []
    squares = np.cumsum(np.concatenate([[0.0], sound**2]))
    energies = squares[count:] - squares[:-count]  # of `count` samples from each place on
    products = np.correlate(sound[shortest:], sound[:count])
    strengths = products / np.sqrt(np.maximum(energies[0] * energies[shortest:], 1e-30))
    top = int(np.argmax(strengths))
    near = max(1, int(labelled / 100))  # samples around the peak, to which a parabola is fitted
    if not near <= top < len(strengths) - near or strengths[top] < LEAST_STRENGTH:
        return []
    bend, slope, _ = np.polyfit(np.arange(-near, near + 1), strengths[top - near : top + near + 1], 2)
    shift = np.clip(-slope / (2 * bend), -near, near) if bend < 0 else 0.0
    return [(float(shortest + top + shift) / at_once / labelled, float(np.sqrt(energies[0] / count)))]
