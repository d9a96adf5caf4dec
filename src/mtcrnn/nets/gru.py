"""The plain stack: linear + ReLU, GRU layers, linear head. The original's net 0."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtcrnn.nets.cpu_gru import GRU


class GRUNet(nn.Module):
    """x [B, T, in] -> ReLU(W x + b) -> n_layers GRU of `hidden_size` -> raw [B, T, out].

    State: one tensor [n_layers, B, H]. GRU as in PyTorch (Cho et al. 2014, with the reset gate after the product).
    """

    def __init__(self, in_size: int, hidden_size: int, out_size: int, n_layers: int) -> None:
        super().__init__()
        self.inward = nn.Linear(in_size, hidden_size)
        self.gru = GRU(hidden_size, hidden_size, n_layers)
        self.head = nn.Linear(hidden_size, out_size)

    def init_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros [n_layers, batch, H] on the net's device."""
        weight = self.inward.weight
        return (weight.new_zeros(self.gru.num_layers, batch, self.gru.hidden_size),)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Raw numbers [B, T, out] and the state after the last step."""
        y, h = self.gru(torch.relu(self.inward(x)), state[0])
        return self.head(y), (h,)
