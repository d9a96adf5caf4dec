"""Which frames of a window the loss scores. Moments in which the sound moves are rare, so they are drawn more often."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

EVEN_SHARE = 0.5  # of the draws, which fall on all frames alike; the others on frames that move more than the median


def frame_chances(values: NDArray[Any], frames: int, drawn: int) -> NDArray[np.float64]:
    """The chance [B, frames] of each frame to be one of the `drawn` ones.

    A frame's movement is the sum of the changes of its values from step to step, as far as it is above the median of
    the window's frames. The chances of a window sum to `drawn`, each is at most 1 and at least `EVEN_SHARE` of
    drawn / frames.

    Args:
        values: encoded values [B, 1 + T, G], T a multiple of `frames`.
        frames: in a window.
        drawn: fewer than `frames`.
    """
    steps = np.abs(np.diff(values.astype(np.float64), axis=1)).sum(axis=2)
    moved = steps.reshape(len(values), frames, -1).sum(axis=2)
    above = np.maximum(moved - np.median(moved, axis=1, keepdims=True), 0) + 1e-6  # all alike if none moves
    chances = drawn * (EVEN_SHARE / frames + (1 - EVEN_SHARE) * above / above.sum(axis=1, keepdims=True))
    while (chances > 1).any():  # what is above 1 goes to the others
        certain = chances >= 1
        left = (drawn - certain.sum(axis=1)) / np.where(certain, 0, chances).sum(axis=1)
        chances = np.where(certain, 1, chances * left[:, None])
    return chances


def draw_frames(
    chances: NDArray[np.float64], drawn: int, start: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The numbers of the drawn frames [B, drawn], rising, and the weights [B, drawn] of their losses.

    Systematic sampling (Madow 1949): a comb of `drawn` points with a random start on the sum of the chances. With these
    weights, the mean of the drawn frames' losses is on average that of all frames: a frame's weight is the chance that
    it would have among equal ones over its own, 1 / `EVEN_SHARE` at most.

    Args:
        chances: see `frame_chances`.
        drawn: their sum.
        start: random numbers [B] in [0, 1).
    """
    frames = chances.shape[1]
    ends = chances.cumsum(axis=1)
    ends *= drawn / ends[:, -1:]
    points = start[:, None] + np.arange(drawn)
    numbers = (ends[:, None, :-1] <= points[..., None]).sum(axis=2)
    weights = drawn / frames / np.take_along_axis(chances, numbers, axis=1)
    return numbers, weights.astype(np.float32)
