"""Teacher forcing below 1, without a step loop.

At a step that is not teacher forced the net reads its own sample for the past value. Those samples carry no
gradient, so a training step is exactly: (1) without gradients, run the net from one coin flip to the next and put
its samples into the input; (2) one fused forward and backward over the finished input. Same distribution and same
gradient as a loop over single steps, which stays in the tests as the reference.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtcrnn.core.rng import Purpose, generator
from mtcrnn.models.model import Model
from mtcrnn.models.nets import State


def draw_coins(seed: int, step: int, steps: int, rate: float) -> NDArray[np.bool_]:
    """Which steps of a window are teacher forced [T]: each with probability `rate`, the first always."""
    coins = generator(seed, Purpose.COINS, step).random(steps) < rate
    coins[0] = True
    return coins


def draw_uniforms(seed: int, step: int, batch: int, steps: int, draws: int) -> NDArray[np.float32]:
    """Uniforms [B, T, draws] for the samples of one training step."""
    return generator(seed, Purpose.TRAINING_SAMPLES, step).random((batch, steps, draws), dtype=np.float32)


@torch.no_grad()
def self_sampled_inputs(
    model: Model,
    past: Tensor,
    conditioning: Tensor,
    state: State,
    coins: NDArray[np.bool_],
    u: Tensor,
    temperature: float,
) -> Tensor:
    """The past values [B, T, G] with the model's own samples at the steps whose coin is False.

    Args:
        model: the model being trained.
        past: true past values [B, T, G].
        conditioning: [B, T, C].
        state: the net's state before the first step.
        coins: [T], True where the true past is kept; the first must be.
        u: uniforms [B, T, draws]; those of step t decide the value read at step t.
        temperature: of the samples.
    """
    past = past.clone()
    start = 0
    for t in np.flatnonzero(~coins).tolist():
        raw, state = model(past[:, start:t], conditioning[:, start:t], state)
        past[:, t] = model.distribution.sample(raw[:, -1], temperature, u[:, t])
        start = t
    return past
