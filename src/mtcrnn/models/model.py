"""A model in torch: its configuration with its encoding, net and distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.distributions import distribution_of
from mtcrnn.models.nets import State, make_net

MOST_WEIGHTS = 1 << 29  # 2 GB in float32


class Model:
    """A net together with the meaning of its inputs and raw numbers.

    Attributes:
        config: the configuration.
        encoding: how values become what the net reads, see `encoding`.
        distribution: what the raw numbers mean, see `distributions`.
        net: the network, see `nets`.
    """

    def __init__(self, config: ModelConfig) -> None:
        config.net.check_for(config.tier)
        self.config, self.encoding = config, config.encoding
        self._divisor = 1.0 if config.net.spec.framed else self.encoding.divisor  # a framed net reads the codes
        inputs = self.encoding.size + config.cond_size
        size, width = config.distribution.size, self.encoding.width
        self.net = make_net(config.net, inputs, size, width, config.tier.bands, config.lookback)
        self.distribution = distribution_of(config, self.net)

    @property
    def module(self) -> nn.Module:
        """The net as a torch module."""
        return cast(nn.Module, self.net)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.module.parameters()).device

    def inputs(self, past: Tensor, conditioning: Tensor) -> Tensor:
        """The net's input x [B, T, in] from encoded past values [B, T, G] and conditioning [B, T, C]."""
        if self.encoding.onehot:
            own = functional.one_hot(past[..., 0].long(), self.encoding.size).to(conditioning.dtype)
        else:
            own = past.to(conditioning.dtype) / self._divisor
        return torch.cat((own, conditioning), dim=-1)

    def __call__(
        self, past: Tensor, conditioning: Tensor, state: State, frames: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """The raw numbers of the steps that read these past values, and the net's state after them.

        Args:
            past: encoded values [B, T, G].
            conditioning: [B, T, C].
            state: the net's state before the first step.
            frames: of a framed net, the numbers [B, n] of the frames whose raw numbers are wanted; None: all frames.

        Returns:
            Raw numbers [B, T, size] (of the wanted frames only), and the state.
        """
        x = self.inputs(past, conditioning)
        return self.net(x, state) if frames is None else self.net(x, state, frames)


def weight_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The names and shapes of a model's weights. Allocates no memory for the weights, and takes little time.

    Raises:
        InputError: a net that cannot generate what the tier asks for, or that has more than `MOST_WEIGHTS` weights.
    """
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in Model(config).module.state_dict().items()}
    count, net = sum(math.prod(shape) for shape in shapes.values()), config.net
    if count > MOST_WEIGHTS:
        frame = f" `frame_size` {net.frame_size}" if net.spec.framed else ""
        size = f"`net` {net.net} `hidden_size` {net.hidden_size} `n_layers` {net.n_layers}{frame}"
        raise InputError(f"{size} makes {count:,} weights; {MOST_WEIGHTS:,} at most")
    return shapes


def misfits(shapes: Mapping[str, tuple[int, ...]], weights: Mapping[str, Any]) -> list[str]:
    """Why weights do not fit a model: each tensor that is missing, unknown, or not of its shape in `shapes`."""
    problems = [f"{name} is missing" for name in shapes if name not in weights]
    problems += [f"{name} is not known" for name in weights if name not in shapes]
    return problems + [
        f"{name} is {list(weights[name].shape)}, not {list(shape)}"
        for name, shape in shapes.items()
        if name in weights and tuple(weights[name].shape) != shape
    ]


def new_model(config: ModelConfig, seed: int) -> Model:
    """A model with random weights, a pure function of (config, seed). Leaves torch's global generator unchanged.

    Raises:
        InputError: as `weight_shapes`.
    """
    weight_shapes(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, Purpose.WEIGHTS).integers(2**62)))
        return Model(config)
