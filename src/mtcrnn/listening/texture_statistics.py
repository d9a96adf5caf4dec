"""Texture statistics: moments and correlations of cochlear envelopes and modulation bands, and distances by them.

After McDermott and Simoncelli 2011 (Sound texture perception via statistics of the auditory periphery, Neuron 71):
people hear two sounds as the same texture if the statistics of their cochlear envelopes agree. This file has the
classes of statistics that matter most: the envelopes' moments and correlations, and the power and correlations of
their modulation bands.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]

BANDS, LOWEST_HZ = 30, 50.0  # cochlear filters, from LOWEST_HZ to just below half the sample rate
COMPRESSION = 0.3  # exponent of the envelopes
ENVELOPE_HZ = 400  # their sample rate
OVER = 4  # times this rate, at least, they are compressed at
MODULATIONS_HZ = 0.5 * 2.0 ** (np.arange(18) / 2)  # centres of the modulation bands, 0.5 to 181 Hz
MODULATION_Q = 2.0
OCTAVES = slice(5, None, 2)  # the modulation bands whose correlations are taken (2.8 Hz and up)
NEIGHBOURS = (1, 2, 3, 5, 8, 11, 16, 21)  # distances between cochlear bands that are correlated
SHORTEST_S = 1.0
QUIET = 1e-5  # of the loudest band's mean envelope: softer bands count as if they had this much noise


def statistics(samples: NDArray[np.float32], sample_rate: int) -> dict[str, Array]:
    """The statistics of mono samples [T], by class.

    Returns:
        means, variations (std / mean), skews [BANDS] of the envelopes; correlations of the envelopes of bands that are
        `NEIGHBOURS` apart; modulations [BANDS, M]: the root of the share of an envelope's variance in each modulation
        band; modulation correlations: those of the same modulation band in neighbouring cochlear bands.

    Raises:
        ValueError: less than `SHORTEST_S` of sound.
    """
    if len(samples) < SHORTEST_S * sample_rate:
        raise ValueError(f"{len(samples)} samples are less than {SHORTEST_S:g} s")
    envelopes = cochlear_envelopes(samples, sample_rate)
    mean = envelopes.mean(axis=1)
    centred = envelopes - mean[:, None]
    std = np.maximum(centred.std(axis=1), QUIET * mean.max() + 1e-12)
    bands = modulation_bands(centred)  # [M, BANDS, t]
    power = np.sqrt((bands**2).mean(axis=2)).T / std[:, None]
    slow = bands[OCTAVES]
    return {
        "means": mean,
        "variations": std / np.maximum(mean, QUIET * mean.max() + 1e-12),
        "skews": (centred**3).mean(axis=1) / std**3,
        "correlations": _correlations(centred, NEIGHBOURS),
        "modulations": power,
        "modulation correlations": np.concatenate([_correlations(band, NEIGHBOURS[:2]) for band in slow]),
    }


def distances(a: dict[str, Array], b: dict[str, Array]) -> dict[str, float]:
    """How far b is from a in each class: the norm of the difference over the norm of a; 0 if they are equal."""
    return {name: float(np.linalg.norm(a[name] - b[name]) / (np.linalg.norm(a[name]) + 1e-12)) for name in a}


def cochlear_envelopes(samples: NDArray[np.float32], sample_rate: int) -> Array:
    """Compressed envelopes [BANDS, t] at `ENVELOPE_HZ` of the bands of a cochlear filter bank."""
    spectrum = fft.rfft(samples.astype(np.float64))
    length = len(samples)
    count = max(int(length * ENVELOPE_HZ / sample_rate), 1)
    out = np.empty((BANDS, count))
    for k, (low, gains) in enumerate(_cochlear_bands(length, sample_rate)):
        # An envelope does not change when its band is moved down to 0 Hz, where fewer samples hold it
        size = fft.next_fast_len(max(len(gains), min(OVER * count, length)))
        analytic = np.zeros(size, np.complex128)
        analytic[: len(gains)] = spectrum[low : low + len(gains)] * gains
        envelope = np.abs(fft.ifft(analytic) * (2 * size / length)) ** COMPRESSION
        out[k] = _resampled(envelope, count)
    return np.maximum(out, 0.0)


def cochlear_filters(length: int, sample_rate: int) -> Array:
    """Gains [BANDS, length // 2 + 1]: half cosines on the ERB-rate scale; neighbours overlap by half, powers add to 1.

    ERB-rate scale of Glasberg and Moore 1990: 21.4 log10(1 + 0.00437 f).
    """
    filters = np.zeros((BANDS, length // 2 + 1))
    for gains, (low, inside) in zip(filters, _cochlear_bands(length, sample_rate), strict=True):
        gains[low : low + len(inside)] = inside
    return filters


@lru_cache(maxsize=2)
def _cochlear_bands(length: int, sample_rate: int) -> list[tuple[int, Array]]:
    """The gains of each cochlear filter where they are not 0, after the number of the first of them."""
    erb = 21.4 * np.log10(1 + 0.00437 * np.fft.rfftfreq(length, 1 / sample_rate))
    low, high = 21.4 * np.log10(1 + 0.00437 * np.array([LOWEST_HZ, sample_rate / 2]))
    edges = np.linspace(low, high, BANDS + 2)
    found = []
    for centre in edges[1:-1]:
        away = (erb - centre) / (edges[1] - edges[0])  # in units of the filters' spacing
        inside = np.flatnonzero(np.abs(away) < 1)
        first, end = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 1)
        gains = np.cos(np.pi / 2 * np.minimum(np.abs(away[first:end]), 1))
        found.append((first, np.where(np.abs(away[first:end]) < 1, gains, 0.0)))
    return found


def modulation_bands(envelopes: Array) -> Array:
    """Envelopes [BANDS, t] without their means, split into modulation bands [M, BANDS, t].

    The filters are half cosines of constant Q on a logarithmic frequency scale.
    """
    length = envelopes.shape[1]
    frequency = np.fft.rfftfreq(length, 1 / ENVELOPE_HZ)
    spectrum = np.fft.rfft(envelopes)
    octaves = np.log2(np.maximum(frequency, 1e-9) / MODULATIONS_HZ[:, None])
    width = np.log2(1 + 1 / MODULATION_Q)
    gains = np.where(np.abs(octaves) < width, np.cos(np.pi / 2 * octaves / width), 0.0)
    return np.fft.irfft(spectrum * gains[:, None], length)


def _resampled(envelope: Array, count: int) -> Array:
    """The envelope [T] resampled to `count` values, without frequencies that are too high for them."""
    kept = fft.rfft(envelope)[: count // 2 + 1]
    return fft.irfft(kept, count) * (count / len(envelope))


def _correlations(bands: Array, apart: tuple[int, ...]) -> Array:
    """Correlations of bands [n, t] of mean 0, for each distance in `apart`, concatenated."""
    std = np.sqrt((bands**2).mean(axis=1))
    std = np.maximum(std, QUIET * std.max() + 1e-12)
    return np.concatenate(
        [(bands[:-k] * bands[k:]).mean(axis=1) / (std[:-k] * std[k:]) for k in apart if k < len(bands)]
    )
