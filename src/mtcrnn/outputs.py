"""Level 2: what a net's raw numbers mean: a loss for training, a sample for generating.

An Output has `size` (raw numbers per step), `draws` (uniforms per sample), and works on values [..., G]: integer
codes for audio, normalised floats for parameters. Sampling is by inverse CDF from given uniforms, so that whoever
has the same raw numbers and the same uniforms gets the same value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Output(Protocol):
    """The interface that training and generation use."""

    @property
    def size(self) -> int:
        """Raw numbers per step."""
        ...

    @property
    def draws(self) -> int:
        """Uniform numbers that one sample takes."""
        ...

    def loss(self, raw: Tensor, values: Tensor) -> Tensor:
        """Mean negative log-likelihood in nats per step: raw [..., size], values [..., G] -> scalar."""
        ...

    def sample(self, raw: Tensor, temperature: float, u: Tensor) -> Tensor:
        """Values [..., G] from raw [..., size] and uniforms u [..., draws] in [0, 1)."""
        ...


@dataclass(frozen=True)
class Categorical:
    """A distribution over `codes` codes; raw numbers are its logits [..., Q], values are codes [..., 1]."""

    codes: int
    draws: int = 1

    @property
    def size(self) -> int:
        """Q logits."""
        return self.codes

    def loss(self, raw: Tensor, values: Tensor) -> Tensor:
        """Cross entropy in nats per sample. Computed in float32 at least, whatever the precision of the net."""
        logits = raw.reshape(-1, self.codes)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        return functional.cross_entropy(logits, values.reshape(-1))

    def sample(self, raw: Tensor, temperature: float, u: Tensor) -> Tensor:
        """The code k with cdf(k-1) <= u < cdf(k) of softmax(raw / temperature); temperature 0 takes the likeliest."""
        if temperature == 0:
            return raw.argmax(dim=-1, keepdim=True)
        heights = torch.exp((raw - raw.amax(dim=-1, keepdim=True)) / temperature)
        cdf = heights.cumsum(dim=-1)
        below = cdf <= u.to(cdf.dtype) * cdf[..., -1:]
        return below.sum(dim=-1, keepdim=True).clamp_(max=self.codes - 1)
