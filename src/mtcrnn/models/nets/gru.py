"""The plain GRU net: linear + ReLU, GRU layers, linear head. The original's nets 0, 5 and 6."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtcrnn.models.nets.cpu_gru import GRU


class GRUNet(nn.Module):
    """x [B, T, in] -> ReLU(W x + b) -> n_layers GRU of `hidden_size` -> raw [B, T, out].

    State: one tensor [n_layers, B, H]. GRU as in PyTorch (Cho et al. 2014, but with the reset gate after the product).

    Args:
        in_size, hidden_size, out_size, n_layers: sizes.
        wide: in -> 3 in -> ReLU -> hidden before the GRU (the original's net 6).
        squash: tanh between GRU and head (the original's net 5).
    """

    def __init__(
        self, in_size: int, hidden_size: int, out_size: int, n_layers: int, *, wide: bool = False, squash: bool = False
    ) -> None:
        super().__init__()
        middle = 3 * in_size if wide else hidden_size
        self.inward = nn.Linear(in_size, middle)
        self.widen = nn.Linear(middle, hidden_size) if wide else nn.Identity()
        self.gru = GRU(hidden_size, hidden_size, n_layers)
        self.squash = nn.Tanh() if squash else nn.Identity()
        self.head = nn.Linear(hidden_size, out_size)

    def init_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros [n_layers, batch, H] on the net's device."""
        return (first_state(self.gru, batch),)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Raw numbers [B, T, out] and the state after the last step."""
        y, h = self.gru(self.widen(torch.relu(self.inward(x))), state[0])
        return self.head(self.squash(y)), (h,)


def first_state(gru: GRU, batch: int) -> Tensor:
    """Zeros [n_layers, batch, H] in the GRU's precision, on its device."""
    return next(gru.parameters()).new_zeros(gru.num_layers, batch, gru.hidden_size)
