"""The networks as torch modules, a file a family; `config.nets.NETS` has them by name.

A net maps `(x [B, T, in], state) -> (raw [B, T, out], state)` for any T >= 0, with T = 1 a step. `init_state(batch)`
makes the first state, a plain tuple of tensors [layers, B, size]; nothing is hidden on the module. Raw numbers
only: `models.distributions` says what they mean.
"""

from __future__ import annotations

import pkgutil
from typing import Protocol

from torch import Tensor

from mtcrnn.config.nets import Net

State = tuple[Tensor, ...]


class RecurrentNet(Protocol):
    """What every net is, besides being an `nn.Module`."""

    def __call__(self, x: Tensor, state: State, frames: Tensor | None = None) -> tuple[Tensor, State]:
        """Raw numbers [B, T, out] and the state after them; a framed net can leave out all `frames` but some."""
        ...

    def init_state(self, batch: int) -> State:
        """The state before the first step."""
        ...


def make_net(net: Net, in_size: int, out_size: int) -> RecurrentNet:
    """The net that a config describes, with PyTorch's default initial weights (from torch's global generator)."""
    spec = net.spec
    sizes = {"frame_size": net.frame_size} if spec.framed else {}
    module = pkgutil.resolve_name(f"{__name__}.{spec.file}:{spec.module}")
    made: RecurrentNet = module(in_size, net.hidden_size, out_size, net.n_layers, **sizes, **spec.form)
    return made
