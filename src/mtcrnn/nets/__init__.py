"""Level 2: the networks, one file a family, by name in `NETS`.

A net maps `(x [B, T, in], state) -> (raw [B, T, out], state)` for any T >= 0, with T = 1 a step. `init_state(batch)`
makes the first state, a plain tuple of tensors [layers, B, size]; nothing is hidden on the module. Raw numbers
only: what they mean is `outputs.py`'s matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor, nn

from mtcrnn.config import NET_NUMBERS
from mtcrnn.errors import unknown
from mtcrnn.nets.gru import GRUNet

State = tuple[Tensor, ...]


class RecurrentNet(Protocol):
    """What every entry of `NETS` is, besides being an `nn.Module`."""

    def __call__(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Raw numbers [B, T, out] and the state after them."""
        ...

    def init_state(self, batch: int) -> State:
        """The state before the first step."""
        ...


NETS: dict[str, Callable[[int, int, int, int], nn.Module]] = {
    "gru": GRUNet,
}


def canonical_name(name: str) -> str:
    """A net's name, from its name or the original's number. Raises InputError listing the known ones."""
    if name.isdecimal() and int(name) < len(NET_NUMBERS):
        return NET_NUMBERS[int(name)]
    if name not in NETS:
        raise unknown("net", name, [*NETS, *(str(k) for k in range(len(NET_NUMBERS)))])
    return name


def make_net(name: str, in_size: int, hidden_size: int, out_size: int, n_layers: int) -> Any:
    """A net by name, with PyTorch's default initial weights (from torch's global generator)."""
    return NETS[canonical_name(name)](in_size, hidden_size, out_size, n_layers)
