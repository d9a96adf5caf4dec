"""Teacher forcing at rates below 1 (as in scheduled sampling), without a loop over single steps.

At a step that is not teacher forced, the net reads its own sample in place of the true past value. Those samples carry
no gradient, so a training step is exactly: (1) without gradients, run the net from one such step to the next and put
its samples into the input; (2) one fused forward and backward pass over the finished input. Distribution and gradient
are those of a loop over single steps, which the tests keep as the reference.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtcrnn.core.rng import Purpose, generator
from mtcrnn.models.model import Model
from mtcrnn.models.nets import State


def draw_forced(seed: int, step: int, steps: int, rate: float) -> NDArray[np.bool_]:
    """Which steps of a window [T] are teacher forced: each with probability `rate`, the first always."""
    forced = generator(seed, Purpose.TEACHER_FORCING, step).random(steps) < rate
    forced[0] = True
    return forced


def draw_uniforms(seed: int, step: int, batch: int, steps: int, draws: int) -> NDArray[np.float32]:
    """Uniform numbers [B, T, draws] in [0, 1) for the samples of one training step."""
    return generator(seed, Purpose.TRAINING_SAMPLES, step).random((batch, steps, draws), dtype=np.float32)


@torch.no_grad()
def self_sampled_inputs(
    model: Model,
    past: Tensor,
    conditioning: Tensor,
    state: State,
    forced: NDArray[np.bool_],
    u: Tensor,
    temperature: float,
) -> Tensor:
    """The past values [B, T, G], with the model's own samples at the steps that are not teacher forced.

    Args:
        model: the model being trained.
        past: true past values [B, T, G].
        conditioning: [B, T, C].
        state: the net's state before the first step.
        forced: [T], True where the true past is kept; the first must be True.
        u: uniforms [B, T, draws]; those of step t decide the value read at step t.
        temperature: of the samples.
    """
    past = past.clone()
    start = 0
    for t in np.flatnonzero(~forced).tolist():
        raw, state = model(past[:, start:t], conditioning[:, start:t], state)
        past[:, t] = model.distribution.sample(raw[:, -1], temperature, u[:, t])
        start = t
    return past
