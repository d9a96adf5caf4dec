"""Level 2: a model: a tier's configuration, its net and its output, in network units."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mtcrnn.modelconfig import ModelConfig
from mtcrnn.nets import make_net
from mtcrnn.outputs import Categorical, Gaussian, GaussianMixture, Output
from mtcrnn.rng import Purpose, generator
from mtcrnn.units import Units


class Model(Units):
    """A net with what its inputs and outputs mean.

    Attributes:
        net: the network, see `nets`.
        output: the meaning of the raw numbers, see `outputs`.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        tier = config.tier
        config.net.check_for(tier)
        self.output = make_output(config)
        self.net: Any = make_net(config.net, tier.gen_size + tier.cond_size, self.output.size)

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
        tier = self.config.tier
        if not tier.is_audio:
            own = past
        elif tier.onehot:
            own = functional.one_hot(past[..., 0].long(), self.codec.channels).to(conditions.dtype)
        else:
            own = past.to(conditions.dtype) / self.codec.divisor
        return torch.cat((own, conditions), dim=-1)


def make_output(config: ModelConfig, measure: Literal["nll", "mse"] = "nll") -> Output:
    """What the raw numbers of a model's net mean; `measure` is the training loss of a parameter tier."""
    tier = config.tier
    if tier.is_audio:
        return Categorical(tier.mulaw_channels)
    kind = GaussianMixture if config.net.net == "mixture" else Gaussian
    return kind(len(tier.generate), measure)


def new_model(config: ModelConfig, seed: int) -> Model:
    """A model with random weights, a pure function of (config, seed); torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, Purpose.WEIGHTS).integers(2**62)))
        return Model(config)
