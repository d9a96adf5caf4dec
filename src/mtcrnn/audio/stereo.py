"""Stereo as a mid and a side channel, which are nearly independent where left and right are not; the mix to mono."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mono(frames: NDArray[Any]) -> NDArray[Any]:
    """The mean [...] of the channels of frames [..., channels]."""
    return np.asarray(frames[..., 0] if frames.shape[-1] == 1 else frames.mean(axis=-1))


def mid_side(frames: NDArray[Any]) -> NDArray[Any]:
    """Frames [..., left and right] as mid, their mean, and side, half their difference. Mono [..., 1] stays."""
    if frames.shape[-1] == 1:
        return frames
    left, right = frames[..., 0], frames[..., 1]
    return np.stack([(left + right) / 2, (left - right) / 2], axis=-1)


def left_right(frames: NDArray[Any]) -> NDArray[Any]:
    """The inverse of `mid_side`."""
    if frames.shape[-1] == 1:
        return frames
    mid, side = frames[..., 0], frames[..., 1]
    return np.stack([mid + side, mid - side], axis=-1)
