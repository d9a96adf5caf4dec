"""Separate GRU stacks for separate parts of a Gaussian output. The original's nets 1 to 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtcrnn.models.nets.cpu_gru import GRU
from mtcrnn.models.nets.gru import first_state


class SplitNet(nn.Module):
    """x [B, T, in] -> ReLU(W x + b) -> (a shared GRU stack) -> one GRU stack per part -> raw [B, T, 2 G].

    State: one tensor [n_layers, B, H] for the shared stack, if there is one, and one for each part.

    Args:
        in_size, hidden_size, out_size, n_layers: sizes; out_size is 2 G, G means and G raw stds.
        by_variable: one part for each generated parameter, with its mean and raw std (nets 3, 4); otherwise one part
            for all means and one for all raw stds (nets 1, 2).
        shared: a shared GRU stack before the parts (nets 2, 4).
    """

    def __init__(
        self, in_size: int, hidden_size: int, out_size: int, n_layers: int, *, by_variable: bool, shared: bool
    ) -> None:
        super().__init__()
        generated = out_size // 2
        parts = generated if by_variable else 2
        self.by_variable = by_variable
        self.inward = nn.Linear(in_size, hidden_size)
        self.shared = GRU(hidden_size, hidden_size, n_layers) if shared else None
        self.stacks = nn.ModuleList(GRU(hidden_size, hidden_size, n_layers) for _ in range(parts))
        self.heads = nn.ModuleList(nn.Linear(hidden_size, out_size // parts) for _ in range(parts))

    def init_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros on the net's device."""
        stacks = [*([self.shared] if self.shared is not None else []), *self.stacks]
        return tuple(first_state(stack, batch) for stack in stacks)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Raw numbers [B, T, 2 G], means first, and the state after the last step."""
        y, after, states = torch.relu(self.inward(x)), [], list(state)
        if self.shared is not None:
            y, h = self.shared(y, states.pop(0))
            after.append(h)
        raw = []
        for stack, head, before in zip(self.stacks, self.heads, states, strict=True):
            part, h = stack(y, before)
            after.append(h)
            raw.append(head(part))
        # the part of a variable is (mean, raw std): reorder into all means, then all raw stds
        joined = torch.stack(raw, dim=-1).flatten(-2) if self.by_variable else torch.cat(raw, dim=-1)
        return joined, tuple(after)
