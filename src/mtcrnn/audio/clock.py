"""The clock of a sound that repeats: how far it is in its period, as sines and cosines; and where it is in recordings.

A parameter says how often a sound repeats, so that the sum of all periods so far is known at every moment. A net that
reads it needs no memory for pitch and beat, and cannot drift, as with the sine excitation of neural source-filter
models (Wang et al. 2019, arXiv 1904.12088). In recordings the clock is to say where the sound itself is: it is set by
the phase of the sound at that frequency, of its envelope where that is a rhythm, measured over some periods.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.numba_math import BARE, cached_njit

HANDS = 6  # a sine and a cosine of one, two and four turns per period
LOWEST_HZ = 40.0  # of a pitch; what repeats less often is a rhythm
HOP_S = 0.001  # of the measurement
PERIODS, SHORTEST_S, LONGEST_S = 12, 0.03, 2.5  # of a tone; and at least, at most
BEATS = 2.5  # of a rhythm, over which it is measured
SLOW_S = 1.0  # a clock is set so slowly that it does not follow a vibrato
LEAST = 0.05  # of the largest amplitude; the phase of what is softer is taken from around it
_ONE, _HALF, _EIGHT, _SIXTEEN = np.float32(1), np.float32(0.5), np.float32(8), np.float32(16)
_BEND = np.float32(0.225)
_jit = cached_njit("the clock", "audio/clock.py", **BARE)


@_jit
def _sine(share: Any) -> Any:
    """The sine of a share (0 to 1, float32) of a turn, within 0.0011: a parabola, bent. The same on every machine."""
    place = share - _HALF
    sine = _SIXTEEN * place * abs(place) - _EIGHT * place
    return _BEND * (sine * abs(sine) - sine) + sine


@_jit
def show(turns: float, row: Any, at: int) -> None:
    """Write the hands of the clock, `HANDS` numbers, after so many turns (not negative) to `row` from `at` on."""
    share = np.float32(turns - int(turns))
    for k in range(at, at + HANDS, 2):
        share -= np.float32(int(share))  # also where it was rounded to 1
        quarter = share + _HALF * _HALF
        row[k], row[k + 1] = _sine(share), _sine(quarter - np.float32(int(quarter)))
        share += share


@_jit
def show_all(turns: Any, out: Any) -> None:
    """`show` for turns [n]: out [n, HANDS]."""
    for i in range(turns.shape[0]):
        show(turns[i], out[i], 0)


class Setting:
    """Measures where the clocks of a sound are, block by block.

    Args:
        sample_rate: in Hz.
        tones: which of the P clocks are those of tones [P]; the others are those of rhythms.
    """

    def __init__(self, sample_rate: int, tones: NDArray[np.bool_]) -> None:
        clocks = len(tones)
        self._rate, self._hop, self._tones = sample_rate, round(HOP_S * sample_rate), tones
        self._turned: list[NDArray[np.complex64]] = [np.zeros((0, clocks), np.complex64)]
        self._sound: NDArray[np.float32] = np.zeros(0, np.float32)
        self._turns = np.zeros((0, clocks))

    def add(self, sound: NDArray[np.float32], turns: NDArray[np.float64]) -> None:
        """A block [n], and the turns of the clocks as the parameters say them [n, P]."""
        sound, turns = np.concatenate([self._sound, sound]), np.concatenate([self._turns, turns])
        whole = len(sound) // self._hop * self._hop
        self._sound, self._turns = sound[whole:], turns[whole:]
        if not whole:
            return
        back = np.exp(-2j * np.pi * turns[:whole])
        tones = (sound[:whole, None] * back).reshape(-1, self._hop, turns.shape[1]).mean(axis=1)
        levels = np.sqrt((sound[:whole] ** 2).reshape(-1, self._hop).mean(axis=1))
        rhythms = levels[:, None] * back[self._hop // 2 :: self._hop]
        self._turned.append(np.where(self._tones, tones, rhythms).astype(np.complex64))

    def offsets(self, hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        """By how many turns the clocks are ahead of what the parameters say [n, P], at the middle of each hop.

        Args:
            hertz: how often the sound repeats, the median of each clock [P].
        """
        turned = np.concatenate(self._turned)
        found = np.zeros((max(len(turned), 1), len(hertz)))
        for p, often in enumerate(hertz):
            if not often > 0 or not len(turned):
                continue
            seconds = min(max((PERIODS if self._tones[p] else BEATS) / often, SHORTEST_S), LONGEST_S)
            mean = _averaged(turned[:, p], seconds)
            heard = np.flatnonzero(np.abs(mean) > LEAST * np.abs(mean).max())
            if len(heard):
                offsets = np.unwrap(np.angle(mean[heard])) / (2 * np.pi)
                found[:, p] = _averaged(np.interp(np.arange(len(turned)), heard, offsets), SLOW_S)
        return found

    def at(self, samples: NDArray[Any], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
        """The offsets [n, P] at these samples, from those of the hops."""
        places = np.asarray(samples) / self._hop - 0.5
        return np.stack([np.interp(places, np.arange(len(offsets)), column) for column in offsets.T], axis=-1)


def _averaged(values: NDArray[Any], seconds: float) -> NDArray[Any]:
    """Weighted means [n] over so many seconds around each hop; at the ends, over those there are."""
    from scipy.signal import fftconvolve  # loads slowly

    window = np.hanning(2 * (round(seconds / HOP_S) // 2) + 3)[1:-1]
    sums, weights = (fftconvolve(each, window, mode="full") for each in (values, np.ones(len(values))))
    half = len(window) // 2
    averaged: NDArray[Any] = (sums / np.maximum(weights, 1e-3))[half : half + len(values)]
    return averaged
