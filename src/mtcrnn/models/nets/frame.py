"""The frame net: a framed net whose steps make one code each. For audio only."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mtcrnn.models.nets.framed import Ago, FramedNet


class FrameNet(FramedNet):
    """x [B, T, 1 + C] -> raw [B, T, Q]: the newest code, a whole number, and C parameters -> logits of the next code.

    ReLU(y) -> linear -> ReLU -> linear, with y of `FramedNet.steps`, which reads the last F samples at each step too,
    and an embedding of the codes a period ago.

    Args:
        in_size, hidden_size, out_size, n_layers: 1 + C, H, Q, GRU layers.
        frame_size: F.
        past: as in `FramedNet`.
        centres: which of them are codes, see `framed.Ago`.
    """

    def __init__(
        self,
        in_size: int,
        hidden_size: int,
        out_size: int,
        n_layers: int,
        frame_size: int = 16,
        past: int = 0,
        centres: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(in_size, hidden_size, n_layers, 1, out_size, frame_size, frame_size, past)
        self.ago = None if centres is None else Ago(centres, out_size, hidden_size)
        self.hidden = nn.Linear(hidden_size, hidden_size)
        self.head = nn.Linear(hidden_size, out_size)

    def forward(
        self, x: Tensor, state: tuple[Tensor, ...], frames: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Raw numbers [B, T, Q] and the state after the last step; `frames` as in `FramedNet.steps`."""
        if not x.numel():
            return x.new_zeros(len(x), x.shape[1], self.codes), state
        y, state = self.steps(x, state, frames)
        if self.ago is not None:
            y = y + self.ago(self.past_numbers(x, frames))[..., 0, :]
        return self.head(torch.relu(self.hidden(torch.relu(y)))), state
