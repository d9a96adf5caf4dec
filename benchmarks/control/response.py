"""How soon a jump of a parameter is heard.

Many sounds jump at different times. A linear discriminant of short frames tells before from after; its mean over all
sounds, aligned at the jump and made monotonic, passes 10 and 90% of its way at the times that are reported.
"""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.isotonic import IsotonicRegression

Array = NDArray[np.float64]

SOUNDS, FROM, TO = 48, 0.25, 0.75  # sounds that jump; from and to which share of the range
EARLIEST_S, LATEST_S, LENGTH_S = 1.4, 1.9, 3.4  # of the jump; of the sound
BEFORE_S, AFTER_S = (-1.0, -0.3), (0.7, 1.4)  # of the jump: settled
HOP_S, WINDOW_S, MELS, FLOOR_DB = 0.005, 0.02, 24, -90.0
APART = 1, 4, 12  # frames, whose differences are read as well: they tell rates apart
CLEAR = 4.0  # standard errors between before and after, at least, of what is heard


def jumps(low: float, high: float, others: Array, k: int, rate: int) -> tuple[Array, NDArray[np.int64]]:
    """Parameters [B, T, C] of which number k jumps, the others [C] stand still; and at which samples it jumps."""
    count = round(LENGTH_S * rate)
    at = np.random.default_rng(5).integers(round(EARLIEST_S * rate), round(LATEST_S * rate), SOUNDS)
    curves = np.tile(others, (SOUNDS, count, 1))
    later = np.arange(count) >= at[:, None]
    curves[..., k] = np.where(later, low + TO * (high - low), low + FROM * (high - low))
    return curves, at


def response(sounds: NDArray[np.float32], at: NDArray[np.int64], rate: int) -> dict[str, Any]:
    """Milliseconds from 10 to 90% of a jump, and from the jump to 90%; None where no jump is heard. And the curve."""
    hop = round(HOP_S * rate)
    frames = np.stack([_frames(sound[first % hop :], rate, hop) for sound, first in zip(sounds, at, strict=True)])
    first, end = (round(seconds / HOP_S) for seconds in (BEFORE_S[0], AFTER_S[1]))
    places = at // hop
    rows = np.stack([part[place + first : place + end] for part, place in zip(frames, places, strict=True)])
    times = np.arange(first, end) * HOP_S
    before, after = ((times >= start) & (times < stop) for start, stop in (BEFORE_S, AFTER_S))
    features = np.concatenate([rows[:, before].reshape(-1, rows.shape[2]), rows[:, after].reshape(-1, rows.shape[2])])
    labels = np.repeat([0, 1], [SOUNDS * before.sum(), SOUNDS * after.sum()])
    told = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(features, labels)
    curve = told.decision_function(rows.reshape(-1, rows.shape[2])).reshape(rows.shape[:2])
    ends = curve[:, before].mean(axis=1), curve[:, after].mean(axis=1)
    way = ends[1] - ends[0]
    found: dict[str, Any] = {"rise_ms": None, "heard_ms": None, "times": times.tolist()}
    mean = curve.mean(axis=0)
    start, whole = ends[0].mean(), way.mean()
    found["curve"] = ((mean - start) / whole).tolist()
    if whole > CLEAR * way.std() / np.sqrt(SOUNDS):
        rising = IsotonicRegression().fit_transform(times, found["curve"])
        early, late = (float(times[np.argmax(rising >= share)]) for share in (0.1, 0.9))
        found |= {"rise_ms": 1000 * (late - early), "heard_ms": 1000 * late}
    return found


def _frames(sound: NDArray[np.float32], rate: int, hop: int) -> Array:
    """Log-mel frames and their differences, [n, F]; frame n is centred at n hops."""
    power = librosa.feature.melspectrogram(
        y=sound, sr=rate, n_fft=512, win_length=round(WINDOW_S * rate), hop_length=hop, n_mels=MELS
    )
    levels = np.maximum(librosa.power_to_db(power, top_db=None), FLOOR_DB).T
    moves = [np.abs(levels - np.concatenate([levels[:1].repeat(apart, 0), levels[:-apart]])) for apart in APART]
    return np.concatenate([levels, *moves], axis=1)
