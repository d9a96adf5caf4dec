"""The networks, one file a family, by name in `NETS`.

A net maps `(x [B, T, in], state) -> (raw [B, T, out], state)` for any T >= 0, with T = 1 a step. `init_state(batch)`
makes the first state, a plain tuple of tensors [layers, B, size]; nothing is hidden on the module. Raw numbers
only: what they mean is `outputs.py`'s matter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from torch import Tensor, nn

from mtcrnn.config.net import Net
from mtcrnn.models.nets.frame import FrameNet
from mtcrnn.models.nets.gru import GRUNet
from mtcrnn.models.nets.legacy.phased_lstm import PhasedLSTMNet
from mtcrnn.models.nets.legacy.split import SplitNet

State = tuple[Tensor, ...]


class RecurrentNet(Protocol):
    """What every entry of `NETS` is, besides being an `nn.Module`."""

    def __call__(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Raw numbers [B, T, out] and the state after them."""
        ...

    def init_state(self, batch: int) -> State:
        """The state before the first step."""
        ...


NETS: dict[str, Callable[..., nn.Module]] = {
    "gru": GRUNet,
    "split-moments": partial(SplitNet, by_variable=False, shared=False),
    "split-moments-shared": partial(SplitNet, by_variable=False, shared=True),
    "split-variables": partial(SplitNet, by_variable=True, shared=False),
    "split-variables-shared": partial(SplitNet, by_variable=True, shared=True),
    "mixture": partial(GRUNet, squash=True),
    "gru-wide": partial(GRUNet, wide=True),
    "phased-lstm": PhasedLSTMNet,
    "frame": FrameNet,
}


def make_net(net: Net, in_size: int, out_size: int) -> Any:
    """The net that a config describes, with PyTorch's default initial weights (from torch's global generator)."""
    own = {"frame_size": net.frame_size} if net.net == "frame" else {}
    return NETS[net.net](in_size, net.hidden_size, out_size, net.n_layers, **own)
