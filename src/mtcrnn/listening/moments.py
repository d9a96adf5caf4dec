"""The texture statistics around each moment of a sound: those of `texture_statistics`, in sliding windows."""

from __future__ import annotations

import numpy as np

from mtcrnn.listening.measures import averages
from mtcrnn.listening.texture_statistics import ENVELOPE_HZ, QUIET, Array

RATE = 4.0  # moments per second
WINDOW_S = 4.0
APART = (1, 3, 8)  # distances between cochlear bands that are correlated
GROUPS = 5  # of neighbouring bands, over which modulations and correlations are averaged

CLASSES = ("means", "variations", "modulations", "correlations")


def statistics_around(envelopes: Array, bands: Array, moments: Array) -> dict[str, Array]:
    """The statistics of a sound in windows of `WINDOW_S` around moments, by class: [values, moments].

    Near the ends of the sound, they are those of the nearest whole window.

    Args:
        envelopes: [BANDS, t] of the sound, as `texture_statistics.cochlear_envelopes`.
        bands: their modulation bands [M, BANDS, t].
        moments: in seconds from the start.

    Returns:
        means and variations [BANDS] of the envelopes, as logarithms; modulations: the root of the share of the variance
        in each modulation band; correlations of bands that are `APART`; these are means of `GROUPS` of bands.
    """
    seconds = envelopes.shape[1] / ENVELOPE_HZ
    half = min(WINDOW_S, seconds) / 2
    whole = np.clip(moments, half, seconds - half)  # shorter windows at the ends would vary less

    def around(values: Array) -> Array:
        return averages(values, ENVELOPE_HZ, whole, WINDOW_S)

    mean = around(envelopes)
    least = QUIET * mean.max() + 1e-9
    std = np.sqrt(np.maximum(around(envelopes**2) - mean**2, 0.0)) + least
    together = [(around(envelopes[:-k] * envelopes[k:]) - mean[:-k] * mean[k:]) / (std[:-k] * std[k:]) for k in APART]
    return {
        "means": np.log(mean + least),
        "variations": np.log(std / (mean + least)),
        "modulations": np.concatenate([_grouped(np.sqrt(np.maximum(around(band**2), 0.0)) / std) for band in bands]),
        "correlations": np.concatenate([_grouped(one) for one in together]),
    }


def _grouped(values: Array) -> Array:
    """The means of `GROUPS` of neighbouring rows."""
    return np.stack([part.mean(axis=0) for part in np.array_split(values, GROUPS)])
