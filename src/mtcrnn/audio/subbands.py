"""Sub-bands: a sound split into N bands at a N-th of its rate, and put together again.

A cosine-modulated filter bank with near-perfect reconstruction (Nussbaumer's pseudo-QMF; the prototype filter as in Lin
and Vaidyanathan 1998, "A Kaiser window approach for the design of prototype filters of cosine modulated filterbanks").
What comes back is the sound `delay` samples later, with an error 60 dB below it that follows the sound's own
spectrum. All sums run in one order, so that blocks of any size give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.numba_math import BARE, cached_njit

Floats = NDArray[np.float64]

TAPS_PER_BAND = 16  # the filters have 16 N - 1 taps
KAISER_BETA = 9.0  # stopband 90 dB down
CUTOFFS = 0.5, 0.65  # times the Nyquist frequency of a band: where the best cutoff is searched
GOLDEN, SEARCH_STEPS = (5**0.5 - 1) / 2, 40
_jit = cached_njit("the filter bank", "audio/subbands.py", **BARE)


@dataclass(frozen=True)
class FilterBank:
    """The filters of N bands; see `filter_bank`.

    Attributes:
        bands: N.
        analysis: float32 [16 N - 1, N]: band k of a step is the sum of analysis[t, k] times the sample t before the
            step's last one.
        synthesis: float32 [16, N, N]: sample i of a step is the sum of synthesis[j, k, i] times band k, j steps before.
            (Of one band, both hold a single 1.)
    """

    bands: int
    analysis: NDArray[np.float32]
    synthesis: NDArray[np.float32]

    @property
    def delay(self) -> int:
        """Samples by which a sound comes back late: 15 N - 1 (of one band, 0)."""
        return len(self.analysis) - self.bands

    def analyse(self, samples: NDArray[np.float32], before: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bands [T // N, N] of samples [T], T a multiple of N, which come after the 16 N - 2 samples `before`."""
        steps = len(samples) // self.bands
        out = np.empty((steps, self.bands), np.float32)
        _analyse(np.concatenate([before, samples]).astype(np.float32), self.analysis, out)
        return out

    def split(self, blocks: Iterable[NDArray[np.float32]], channels: int = 1) -> Iterator[NDArray[np.float32]]:
        """Bands [m, channels N] of each block of frames [n, channels] of a sound, those of the first channel first.

        What is left after the last whole step is left out.
        """
        before, rest = (np.zeros((n, channels), np.float32) for n in (len(self.analysis) - 1, 0))
        for block in blocks:
            whole = np.concatenate([rest, block])
            used = len(whole) - len(whole) % self.bands
            yield np.concatenate([self.analyse(whole[:used, c], before[:, c]) for c in range(channels)], axis=1)
            before, rest = np.concatenate([before, whole[:used]])[used:], whole[used:]

    def silence(self, sounds: int) -> NDArray[np.float32]:
        """What came before the first step [sounds, 15, N] where nothing did."""
        return np.zeros((sounds, len(self.synthesis) - 1, self.bands), np.float32)

    def synthesise(
        self, bands: NDArray[np.float32], before: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Samples [B, n N] of bands [B, n, N] that come after those of 15 steps `before`, and the 15 newest steps."""
        whole = np.concatenate([before, bands], axis=1).astype(np.float32)
        out = np.empty((len(bands), bands.shape[1] * self.bands), np.float32)
        _synthesise(whole, self.synthesis, out)
        return out, whole[:, whole.shape[1] - before.shape[1] :]


@cache
def filter_bank(bands: int) -> FilterBank:
    """The filter bank of so many bands; one band is the sound itself."""
    if bands == 1:
        return FilterBank(1, np.ones((1, 1), np.float32), np.ones((1, 1, 1), np.float32))
    times = _whole(bands)
    angles, phases = _modulation(times, bands)
    synthesis = 2 * bands * _prototype(times, bands)[:, None] * np.cos(angles - phases)
    by_step = np.pad(synthesis, ((0, 1), (0, 0))).reshape(TAPS_PER_BAND, bands, bands)  # [step, sample, band]
    return FilterBank(bands, _analysis(times, bands).astype(np.float32), by_step.transpose(0, 2, 1).astype(np.float32))


@cache
def delaying_filters(bands: int, fractions: int) -> tuple[NDArray[np.float32], int]:
    """Analysis filters that also delay a sound by a fraction of a sample, and how many samples they look ahead.

    Those of one band only delay: a sinc in a Kaiser window.

    Args:
        bands: N.
        fractions: F of them.

    Returns:
        Filters [F, taps, N] as `FilterBank.analysis`, those numbered p with a delay of p / F; and the number of samples
        after a step's last one at which they begin.
    """
    half = TAPS_PER_BAND * bands // 2 - 1 if bands > 1 else TAPS_PER_BAND // 2 - 1
    ahead = 0 if bands > 1 else half
    parts = []
    for fraction in range(fractions):
        times: Floats = np.arange(2.0 * half + 2) - (half + fraction / fractions)
        if bands == 1:
            parts.append((np.sinc(times) * _kaiser(times / (half + 1)))[:, None])
        else:
            parts.append(_analysis(times, bands))
    return np.stack(parts).astype(np.float32), ahead


def _analysis(times: Floats, bands: int) -> Floats:
    """The analysis filters [T, N] at any times in samples from their middle."""
    angles, phases = _modulation(times, bands)
    return 2 * _prototype(times, bands)[:, None] * np.cos(angles + phases)


def _modulation(times: Floats, bands: int) -> tuple[Floats, Floats]:
    """The angles [T, N] and phases [N] of the bands' cosines."""
    k = np.arange(bands)
    return np.outer(times, 2 * k + 1) * np.pi / (2 * bands), (-1.0) ** k * np.pi / 4


def _kaiser(place: Floats) -> Floats:
    """The Kaiser window at -1 to 1, 0 outside."""
    inside = np.abs(place) <= 1
    return np.where(inside, np.i0(KAISER_BETA * np.sqrt(np.maximum(1 - place**2, 0))) / np.i0(KAISER_BETA), 0.0)


def _prototype(times: Floats, bands: int) -> Floats:
    """The lowpass whose shifted copies add up to one, at any times in samples from its middle."""
    cutoff = _cutoff(bands)
    return _lowpass(times, cutoff, bands) / _lowpass(_whole(bands), cutoff, bands).sum()


def _whole(bands: int) -> Floats:
    """The times of the prototype's taps."""
    half = TAPS_PER_BAND * bands // 2 - 1
    return np.arange(-half, half + 1.0)


def _lowpass(times: Floats, cutoff: float, bands: int) -> Floats:
    return np.sinc(cutoff / bands * times) * _kaiser(times / _whole(bands)[-1])


@cache
def _cutoff(bands: int) -> float:
    """That of the lowpass whose autocorrelation is nearly 0 at all multiples of 2 N."""

    def overlap(cutoff: float) -> float:
        h = _lowpass(_whole(bands), cutoff, bands)
        correlation = np.correlate(h, h, "full")[len(h) - 1 :]
        return float(np.abs(correlation[2 * bands :: 2 * bands]).max() / correlation[0])

    low, high = CUTOFFS  # golden-section search (scipy's takes longer to import than a first sound may take)
    for _ in range(SEARCH_STEPS):
        left, right = high - (high - low) * GOLDEN, low + (high - low) * GOLDEN
        low, high = (low, right) if overlap(left) < overlap(right) else (left, high)
    return (low + high) / 2


@_jit
def _analyse(samples: Any, filters: Any, out: Any) -> None:
    """Out [n, N] from samples [taps - 1 + n N] and filters [taps, N]."""
    taps, bands = filters.shape
    for n in range(out.shape[0]):
        row, newest = out[n], taps - 2 + (n + 1) * bands
        for k in range(bands):
            row[k] = np.float32(0)
        for t in range(taps):
            sample, weights = samples[newest - t], filters[t]
            for k in range(bands):
                row[k] += sample * weights[k]


@_jit
def synthesise_step(steps: Any, filters: Any, row: Any) -> None:
    """The samples of a step, row [N], from the newest 16 steps [16, N] and filters [16, N, N]."""
    reach, bands = filters.shape[0], filters.shape[1]
    for i in range(bands):
        row[i] = np.float32(0)
    for j in range(reach):
        step = steps[reach - 1 - j]
        for k in range(bands):
            value, weights = step[k], filters[j, k]
            for i in range(bands):
                row[i] += value * weights[i]


@_jit
def _synthesise(steps: Any, filters: Any, out: Any) -> None:
    """Out [B, n N] from steps [B, 15 + n, N] and filters [16, N, N]."""
    reach, bands = filters.shape[0], filters.shape[1]
    for b in range(out.shape[0]):
        for n in range(out.shape[1] // bands):
            synthesise_step(steps[b, n : n + reach], filters, out[b, n * bands : (n + 1) * bands])
