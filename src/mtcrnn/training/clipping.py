"""Clipping of gradients, which can overflow on their way back through hundreds of steps."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import Tensor
from torch.nn import Parameter
from torch.nn.utils import clip_grad_norm_

LARGEST = 1e15  # of one number of a gradient: else the norm overflows before it can be clipped


def clip_gradient(weights: Iterable[Parameter], most: float) -> Tensor:
    """Clip the gradient of all weights to a norm of `most`; returns its norm. One that is not finite becomes 0."""
    weights = list(weights)
    clip_grad_norm_(weights, LARGEST, math.inf)
    norm = clip_grad_norm_(weights, most)
    overflown = ~norm.isfinite()
    for weight in weights:
        if weight.grad is not None:
            weight.grad.masked_fill_(overflown, 0)
    return norm
