"""Emphasis: a filter that raises the octaves below the loudest to its level per hertz, and its exact inverse.

What a net errs by spreads over a sub-band. Where a sound's lowest octaves are 30 dB below the rest of their band, such
noise covers them; after this filter it has the shape of the sound. Speech coders shape their noise in this way
(Valin and Skoglund 2019, LPCNet, arXiv 1810.11846, with one fixed filter).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.numba_math import BARE, cached_njit

Floats = NDArray[np.float64]

LOWEST_PLAYED_HZ = 5.0  # 3 dB down there
LOWEST_HZ = 20.0  # at which the lowest octave begins, or above
MOST_DB = 30.0  # by which an octave is raised at most
SECTIONS = 4  # filters for each step from an octave to the next: one alone falls by 6 dB an octave at most
MOST_STEP_DB = 40.0
TINY = 1e-30
_jit = cached_njit("the emphasis", "audio/emphasis.py", **BARE)


def octave_tops(sample_rate: float, bands: int) -> list[float]:
    """The highest frequencies in Hz of the octaves of the lowest of so many sub-bands, the highest octave first."""
    found = [sample_rate / 2 / bands, sample_rate / 4 / bands]
    while found[-1] / 4 >= LOWEST_HZ:
        found.append(found[-1] / 2)
    return found


def edges(sample_rate: float, bands: int) -> list[float]:
    """The frequencies in Hz between these octaves."""
    return octave_tops(sample_rate, bands)[1:]


def measure(blocks: Iterable[NDArray[np.float32]], sample_rate: float, bands: int) -> Floats:
    """The energy per hertz of a sound's octaves, the highest first, of its blocks of samples [n]."""
    tops = octave_tops(sample_rate, bands)
    energy = np.zeros(len(tops))
    for block in filter(len, blocks):
        power = np.abs(np.fft.rfft(block * np.hanning(len(block)))) ** 2 / len(block)
        hertz = np.fft.rfftfreq(len(block), 1 / sample_rate)
        for k, top in enumerate(tops):
            inside = (hertz >= top / 2) & (hertz < top)
            energy[k] += power[inside].sum() / (top / 2)
    return energy


def raising(energy: Floats, sample_rate: float, bands: int, most_db: float = MOST_DB) -> tuple[float, ...]:
    """The steps in dB of `Emphasis.of` that raise the octaves below the loudest most nearly to its level.

    The others are left: weakened ones would come back with what the net errs by raised too, and tones whose fundamental
    is weakened lose their pitch.

    Args:
        energy: of the octaves, as from `measure`.
        sample_rate: in Hz.
        bands: of which the octaves are in the lowest.
        most_db: by which an octave is raised at most.
    """
    from scipy.optimize import least_squares  # loads slowly

    wanted = 10 * np.log10(max(energy.max(), TINY) / np.maximum(energy, TINY))
    wanted = np.minimum(wanted, most_db)
    wanted[: np.argmax(energy)] = 0
    middles = np.sqrt(0.5) * np.array(octave_tops(sample_rate, bands)) / sample_rate

    def missing(steps: Floats) -> Floats:
        gains = Emphasis.of(steps, sample_rate, bands).decibels(middles)
        return gains - gains[0] - wanted

    first = np.clip(np.diff(wanted), 1 - MOST_STEP_DB, MOST_STEP_DB - 1)
    found = least_squares(missing, first, bounds=(-MOST_STEP_DB, MOST_STEP_DB)).x
    return tuple(np.round(found, 2).tolist())


@dataclass(frozen=True)
class Emphasis:
    """Filters of one pole and one zero each, in a row.

    Attributes:
        poles: float64 [K], between 0 and 1.
        zeros: float64 [K], between 0 and 1; a 1 takes away what is constant.
        gain: of the first one's input.
    """

    poles: Floats
    zeros: Floats
    gain: float

    @classmethod
    def of(cls, steps_db: Sequence[float] | Floats, sample_rate: float, bands: int) -> Emphasis:
        """From the steps in dB at `edges`, see `raising`; without any, nothing is changed."""
        if not len(steps_db):
            return cls(np.zeros(0), np.zeros(0), 1.0)
        places = np.repeat(edges(sample_rate, bands), SECTIONS)
        ratios = np.repeat(10 ** (np.array(steps_db) / 20 / SECTIONS), SECTIONS)
        corners = [places * ratios**sign for sign in (0.5, -0.5)]
        zeros, poles = (np.exp(-2 * np.pi * np.minimum(hertz / sample_rate, 0.45)) for hertz in corners)
        return cls(poles, zeros, float(np.prod((1 + poles) / (1 + zeros))))

    @property
    def inverse(self) -> Emphasis:
        """What undoes it."""
        return Emphasis(self.zeros, self.poles, 1 / self.gain)

    def played(self, sample_rate: float) -> Emphasis:
        """What undoes it in what a net plays, and takes away what is below hearing: a net's codes may drift off 0.

        Without any emphasis, nothing is changed.
        """
        if not len(self.poles):
            return self
        undone, pole = self.inverse, float(np.exp(-2 * np.pi * LOWEST_PLAYED_HZ / sample_rate))
        poles, zeros = np.append(undone.poles, pole), np.append(undone.zeros, 1.0)
        return Emphasis(poles, zeros, undone.gain * (1 + pole) / 2)

    def decibels(self, frequencies: Floats) -> Floats:
        """The gain in dB at frequencies in cycles per sample."""
        delay = np.exp(-2j * np.pi * frequencies)[:, None]
        return 20 * np.log10(self.gain * np.abs(np.prod((1 - self.zeros * delay) / (1 - self.poles * delay), axis=1)))

    def rest(self, sounds: int) -> Floats:
        """The state [sounds, K, 2] before the first sample."""
        return np.zeros((sounds, len(self.poles), 2))

    def run(self, sounds: NDArray[np.float32], state: Floats) -> tuple[NDArray[np.float32], Floats]:
        """Sounds [B, n] filtered, and the state after them; blocks of any size give the same bits."""
        out, after = np.empty(sounds.shape, np.float32), state.copy()
        filter_block(sounds.astype(np.float32), self.poles, self.zeros, self.gain, after, out)
        return out, after

    def filtered(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Blocks of frames [n, channels] of a sound, filtered."""
        state: Floats | None = None
        for block in blocks:
            made, state = self.run(block.T, self.rest(block.shape[1]) if state is None else state)
            yield made.T


@_jit
def filter_block(sounds: Any, poles: Any, zeros: Any, gain: Any, state: Any, out: Any) -> None:
    """Write sounds [B, n] filtered to `out`, which may be `sounds`; state [B, K, 2]: the last input and output."""
    for b in range(sounds.shape[0]):
        for t in range(sounds.shape[1]):
            value = gain * sounds[b, t]
            for k in range(poles.shape[0]):
                made = value - zeros[k] * state[b, k, 0] + poles[k] * state[b, k, 1]
                state[b, k, 0], state[b, k, 1] = value, made
                value = made
            out[b, t] = value
