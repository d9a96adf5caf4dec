"""Audio features as parameters: loudness (rms), spectral centroid, pitch and MFCCs, measured by librosa.

All have the same frame rate; frame k is centred at sample k * hop. Where there is nothing to measure, curves are
interpolated linearly, or held at the ends: the pitch where pYIN (Mauch and Dixon 2014) finds none, the centroid where
the sound is below `QUIET`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError, listing, unknown
from mtcrnn.core.numba_math import ensure_cache_folder

FEATURES = ("rmse", "centroid", "pitch", "mfcc")
UNITS = {"rmse": "full scale", "centroid": "Hz", "pitch": "Hz", "voicing": "probability", "mfcc": "dB"}
FRAME_S = 0.05  # seconds: the least length of a frame (two periods of 40 Hz), a power of two of samples
MOST_RATE = 1000.0  # frames per second
QUIET = 1e-4  # rms (-80 dB of full scale) below which a sound has no centroid


@dataclass(frozen=True)
class Settings:
    """Which features to measure, and how.

    Attributes:
        features: names from `FEATURES`.
        rate: frames per second; the hop is rounded to whole samples.
        n_mfcc: number of MFCCs.
        fmin: lowest pitch in Hz.
        fmax: highest pitch in Hz.
    """

    features: tuple[str, ...]
    rate: float = 63.0
    n_mfcc: int = 13
    fmin: float = 65.0
    fmax: float = 2100.0

    def __post_init__(self) -> None:
        for name in self.features:
            if name not in FEATURES:
                raise unknown("feature", name, FEATURES)
        if not self.features:
            raise InputError(f"no features are named; known: {listing(FEATURES)}")
        if not 0 < self.rate <= MOST_RATE:
            raise InputError(f"`rate` is {self.rate:g}; it must be above 0 and at most {MOST_RATE:g} frames per second")
        if not 1 <= self.n_mfcc <= 40:
            raise InputError(f"`n_mfcc` is {self.n_mfcc}; it must be 1 to 40")
        if not 0 < self.fmin < self.fmax:
            raise InputError(f"the pitch range {self.fmin:g} to {self.fmax:g} Hz must start above 0 and rise")

    def names(self) -> list[str]:
        """The names of the resulting parameters: pitch also gives voicing; mfcc gives mfcc0, mfcc1, ..."""
        several = {"pitch": ["pitch", "voicing"], "mfcc": [f"mfcc{k}" for k in range(self.n_mfcc)]}
        return [name for feature in self.features for name in several.get(feature, [feature])]

    def frame(self, sample_rate: int) -> tuple[int, int]:
        """Hop and frame length, in samples."""
        hop = max(round(sample_rate / self.rate), 1)
        return hop, 1 << int(np.ceil(np.log2(max(2 * hop, FRAME_S * sample_rate, 2 * sample_rate / self.fmin))))


def measure(samples: NDArray[np.float32], sample_rate: int, settings: Settings) -> dict[str, NDArray[np.float64]]:
    """The features of mono samples [T], by name: curves [T // hop + 1] whose value k is centred at sample k * hop.

    The mean of the samples, which is inaudible, is removed first.
    """
    ensure_cache_folder("librosa")
    import librosa

    samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
    hop, length = settings.frame(sample_rate)
    frames: dict[str, Any] = {"hop_length": hop, "center": True}
    curves: dict[str, NDArray[np.float64]] = {}
    loudness = librosa.feature.rms(y=samples, frame_length=length, **frames)[0]
    for feature in settings.features:
        if feature == "rmse":
            curves["rmse"] = loudness
        elif feature == "centroid":
            centroid = librosa.feature.spectral_centroid(y=samples, sr=sample_rate, n_fft=length, **frames)[0]
            curves["centroid"] = _interpolated(centroid, loudness >= QUIET, 0.0)
        elif feature == "pitch":
            top = min(settings.fmax, sample_rate / 2.1)
            f0, voiced, probability = librosa.pyin(
                samples, sr=sample_rate, fmin=settings.fmin, fmax=top, frame_length=length, **frames
            )
            curves["pitch"], curves["voicing"] = _interpolated(f0, voiced, settings.fmin), probability
        else:
            rows = librosa.feature.mfcc(
                y=samples, sr=sample_rate, n_mfcc=settings.n_mfcc, n_mels=40, n_fft=length, **frames
            )
            curves.update({f"mfcc{k}": row for k, row in enumerate(rows)})
    return curves


def _interpolated(values: NDArray[Any], known: NDArray[np.bool_], unknown_value: float) -> NDArray[np.float64]:
    """The curve, interpolated linearly where it is not known (all `unknown_value` if none of it is)."""
    if not known.any():
        return np.full(len(values), unknown_value)
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])
