"""How a model follows all parameters of a texture at once: asked against measured, at points and on glides; crosstalk.

What a meter should read is what it reads of the texture itself at the same parameters: the mean of `TAKES` sounds. One
more such sound is measured like a model's: so far off is a perfect model ("texture").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.linear_model import HuberRegressor
from subjects import RATE, Subject, texture_sounds

from mtcrnn.evaluation.meters import METERS

Array = NDArray[np.float64]
Sounds = Callable[[Array, str], NDArray[np.float32]]  # parameters [B, T, C], what is played -> mono sounds [B, T]

POINTS, POINT_S = 48, 10.0  # random points, and the length of the sound at each
GLIDES, GLIDE_S, GLIDE_PARTS = 2, 40.0, 8  # for each parameter, others at random points; read in parts
TAKES = 4
LEAST_SHARE = 0.1  # of the largest reading asked for: errors of smaller ones are relative to it
AS_CLEAR = 0.5  # as the texture's own beat or period, at least; else it is not read


def follow_points(subject: Subject, play: Sounds) -> dict[str, Any]:
    """Errors by parameter at random points of the space, and what each parameter does to the readings of the others."""
    points = _draw(subject.ranges, POINTS, seed=11)
    curves = np.repeat(points[:, None], round(POINT_S * RATE), axis=1)
    made = {"model": play(curves, "points"), "texture": texture_sounds(subject, curves, 99)}
    takes = _takes(subject, curves)
    low, high = np.array([*subject.ranges.values()]).T
    shares = (points - low) / (high - low)
    found: dict[str, Any] = {}
    for k, name in enumerate(subject.prop):
        asked, least = _asked(subject, takes, name)
        rows = {kind: _readings(subject, sounds, name, least) for kind, sounds in made.items()}
        known = np.isfinite(asked)
        found[name] = {"points": points[known, k].tolist(), "asked": asked[known].tolist()}
        for kind, row in rows.items():
            found[name][kind] = {
                "measured": row[known].tolist(),
                **compared(asked[known], row[known]),
                "crosstalk": _crosstalk(subject, name, asked, row, shares),
            }
    return found


def follow_glides(subject: Subject, play: Sounds) -> dict[str, Any]:
    """Errors by parameter on glides over its range, the others at random points."""
    length = round(GLIDE_S * RATE)
    curves, owners = [], []
    for k, (low, high) in enumerate(subject.ranges.values()):
        for point in _draw(subject.ranges, GLIDES, seed=12 + k):
            curves.append(np.repeat(point[None], length, axis=0))
            curves[-1][:, k] = np.linspace(low, high, length)
            owners.append(k)
    parameters = np.stack(curves)
    parts = {"model": play(parameters, "glides"), "texture": texture_sounds(subject, parameters, 99)}
    takes = _takes(subject, parameters)
    found = {}
    for k, name in enumerate(subject.prop):
        own = [j for j, owner in enumerate(owners) if owner == k]
        asked, least = _asked(subject, [_split(take[own]) for take in takes], name)
        known = np.isfinite(asked)
        found[name] = {
            kind: compared(asked[known], _readings(subject, _split(sounds[own]), name, least)[known])
            for kind, sounds in parts.items()
        }
    return found


def compared(asked: Array, measured: Array) -> dict[str, Any]:
    """Median error (100% of a sound that cannot be read) and rank correlation (of those that can)."""
    if not len(asked):
        return {"error": None, "rank_correlation": None, "unread": 0}
    heard = np.isfinite(measured)
    errors = np.where(heard, np.abs(measured - asked) / _scale(asked), 1.0)
    enough = heard.sum() > 2 and np.ptp(measured[heard]) > 0 and np.ptp(asked[heard]) > 0
    ranks = float(spearmanr(asked[heard], measured[heard]).statistic) if enough else None
    return {"error": float(np.median(errors)), "rank_correlation": ranks, "unread": int((~heard).sum())}


def _scale(asked: Array) -> Array:
    return np.maximum(np.abs(asked), LEAST_SHARE * np.nanmax(np.abs(asked)))


def _draw(ranges: Mapping[str, tuple[float, float]], count: int, seed: int) -> Array:
    """Random points [count, C], evenly distributed."""
    low, high = np.array([*ranges.values()]).T
    return np.random.default_rng(seed).uniform(low, high, (count, len(ranges)))


def _takes(subject: Subject, curves: Array) -> list[NDArray[np.float32]]:
    """Several times what the texture makes."""
    return [texture_sounds(subject, curves, seed) for seed in range(TAKES)]


def _asked(subject: Subject, takes: list[NDArray[np.float32]], name: str) -> tuple[Array, Array]:
    """What should be read: means over takes, not a number where fewer than half can be read; and how clearly."""
    values, clear = np.moveaxis([_read(subject, take, name) for take in takes], 1, 0)
    count = np.isfinite(values).sum(axis=0)
    means = np.where(2 * count >= len(takes), np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
    return means, AS_CLEAR * clear.mean(axis=0)


def _readings(subject: Subject, sounds: NDArray[np.float32], name: str, least: Array) -> Array:
    """What a parameter's meter reads of each sound [N]; not a number where it is not as clear as `least`."""
    values, clear = _read(subject, sounds, name)
    return np.where(clear >= least, values, np.nan)


def _read(subject: Subject, sounds: NDArray[np.float32], name: str) -> Array:
    """What a parameter's meter reads of each sound, and how clearly [2, N]; not a number, and 0, of nothing."""
    meter = METERS[str(subject.parameters[name].meter)]
    return np.array([meter(sound, RATE) or (np.nan, 0.0) for sound in sounds]).T


def _split(sounds: NDArray[np.float32]) -> NDArray[np.float32]:
    """Parts of glides, one after the other."""
    return np.concatenate([np.stack(np.array_split(sound, GLIDE_PARTS)) for sound in sounds])


def _crosstalk(subject: Subject, name: str, asked: Array, measured: Array, shares: Array) -> dict[str, float]:
    """By other parameter: the error of a reading that its move over its whole range adds (a robust linear fit)."""
    heard = np.isfinite(asked) & np.isfinite(measured)
    if heard.sum() < 3 * len(subject.prop):
        return {}
    errors = ((measured - asked) / _scale(asked))[heard]
    effects = HuberRegressor(max_iter=1000).fit(shares[heard], errors).coef_
    return {other: float(effect) for other, effect in zip(subject.prop, effects, strict=True) if other != name}
