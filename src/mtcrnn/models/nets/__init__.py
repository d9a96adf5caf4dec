"""The nets as torch modules, one file per family; `config.nets.NETS` lists them by name.

A net maps `(x [B, T, in], state) -> (raw [B, T, out], state)` for any T >= 0; a single step has T = 1.
`init_state(batch)` makes the first state, a plain tuple of tensors [layers, B, size]; the module itself holds no state.
Nets output raw numbers only: `models.distributions` defines what they mean.
"""

from __future__ import annotations

import pkgutil
from typing import Any, Protocol

from torch import Tensor

from mtcrnn.config.nets import Net
from mtcrnn.models.lookback import Lookback

State = tuple[Tensor, ...]


class RecurrentNet(Protocol):
    """The interface of every net; each is also an `nn.Module`."""

    def __call__(self, x: Tensor, state: State, frames: Tensor | None = None) -> tuple[Tensor, State]:
        """Raw numbers [B, T, out] and the state after the last step; of a framed net, those of some `frames` only."""
        ...

    def init_state(self, batch: int) -> State:
        """The state before the first step."""
        ...


def make_net(
    net: Net, in_size: int, out_size: int, values: int = 1, bands: int = 1, lookback: Lookback | None = None
) -> RecurrentNet:
    """The net that a config describes, with PyTorch's default initial weights (from torch's global generator).

    Args:
        net: its type and size.
        in_size: numbers that it reads at a step.
        out_size: numbers that it makes at a step.
        values: of a net of sub-bands, the values of a step.
        bands: of a net of sub-bands, those of each channel.
        lookback: what a framed net reads of the past.
    """
    spec = net.spec
    sizes: dict[str, Any] = {"frame_size": net.frame_size} if spec.framed else {}
    sizes |= {"values": values, "bands": bands} if spec.banded else {}
    sizes |= {"past": lookback.size, "centres": lookback.centres} if lookback and lookback.reads else {}
    module = pkgutil.resolve_name(f"{__name__}.{spec.file}:{spec.module}")
    made: RecurrentNet = module(in_size, net.hidden_size, out_size, net.n_layers, **sizes, **spec.keywords)
    return made
