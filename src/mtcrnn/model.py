"""Level 2: a model: a tier's configuration, its net and its output, in network units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional

from mtcrnn.codec import MuLaw
from mtcrnn.config import Net, Tier
from mtcrnn.nets import make_net
from mtcrnn.outputs import Categorical, Output
from mtcrnn.params import Range, normalise, restore
from mtcrnn.rng import Purpose, generator
from mtcrnn.validation import strict

FORMAT_VERSION = 1


@strict
@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to rebuild, generate from and play a model; saved as `config.json` beside its weights."""

    tier: Tier
    net: Net
    ranges: dict[str, Range] = field(default_factory=dict)  # of every parameter that is generated or conditions
    step: int = 0  # training steps behind these weights
    version: int = FORMAT_VERSION


class Model:
    """A net with what its inputs and outputs mean.

    Attributes:
        config: the `ModelConfig`.
        net: the network, see `nets`.
        output: the meaning of the raw numbers, see `outputs`.
        codec: the mu-law codec of an audio tier.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        tier = config.tier
        self.codec = MuLaw(tier.mulaw_channels)
        self.output: Output = Categorical(tier.mulaw_channels)
        self.net: Any = make_net(
            config.net.net,
            tier.gen_size + tier.cond_size,
            config.net.hidden_size,
            self.output.size,
            config.net.n_layers,
        )

    @property
    def module(self) -> nn.Module:
        """The net as a torch module."""
        return self.net

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.module.parameters()).device

    def features(self, past: Tensor, conditions: Tensor) -> Tensor:
        """The net's input x [B, T, in] from past values [B, T, G] and normalised conditions [B, T, C]."""
        if self.config.tier.onehot:
            own = functional.one_hot(past[..., 0].long(), self.codec.channels).to(conditions.dtype)
        else:
            own = past.to(conditions.dtype) / (self.codec.channels - 1)
        return torch.cat((own, conditions), dim=-1)

    def encode(self, values: ArrayLike) -> NDArray[Any]:
        """User's units to what the model works on: audio samples [..., 1] to codes, parameters to network units."""
        return self.codec.encode(values)

    def decode(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """The inverse of `encode`, float32, in the user's units."""
        return self.codec.decode(values)

    def normalise_conditions(self, conditions: NDArray[Any]) -> NDArray[np.float32]:
        """Conditions [..., C] in the user's units to network units."""
        return normalise(conditions, self.config.ranges, self.config.tier.prop)

    @property
    def resting(self) -> int:
        """The value that a sound starts from when nothing primes it: the code of silence."""
        return self.codec.silence


def new_model(config: ModelConfig, seed: int) -> Model:
    """A model with random weights, a pure function of (config, seed); torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, Purpose.WEIGHTS).integers(2**62)))
        return Model(config)


__all__ = ["FORMAT_VERSION", "Model", "ModelConfig", "new_model", "restore"]
