"""A model: a tier's configuration, its net and its output, in network units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.distributions import Categorical, Gaussian, GaussianMixture, Output
from mtcrnn.models.encoding import Units
from mtcrnn.models.nets import make_net

MOST_WEIGHTS = 1 << 29  # 2 GB as float32


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


def weight_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights that a model has. Takes no memory for them, and little time.

    Raises:
        InputError: a net that cannot generate what the tier asks for, or one of more than `MOST_WEIGHTS`.
    """
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in Model(config).module.state_dict().items()}
    count, net = sum(math.prod(shape) for shape in shapes.values()), config.net
    if count > MOST_WEIGHTS:
        frame = f" --frame_size {net.frame_size}" if net.net == "frame" else ""
        size = f"--net {net.net} --hidden_size {net.hidden_size} --n_layers {net.n_layers}{frame}"
        raise InputError(f"{size} makes {count:,} weights; {MOST_WEIGHTS:,} at most")
    return shapes


def misfits(shapes: Mapping[str, tuple[int, ...]], weights: Mapping[str, Any]) -> list[str]:
    """What keeps weights from a model: each tensor that is missing, foreign, or of another shape than in `shapes`."""
    problems = [f"{name} is missing" for name in shapes if name not in weights]
    problems += [f"{name} is not known" for name in weights if name not in shapes]
    return problems + [
        f"{name} is {list(weights[name].shape)}, not {list(shape)}"
        for name, shape in shapes.items()
        if name in weights and tuple(weights[name].shape) != shape
    ]


def new_model(config: ModelConfig, seed: int) -> Model:
    """A model with random weights, a pure function of (config, seed); torch's global generator is left as it was.

    Raises:
        InputError: as `weight_shapes`.
    """
    weight_shapes(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, Purpose.WEIGHTS).integers(2**62)))
        return Model(config)
