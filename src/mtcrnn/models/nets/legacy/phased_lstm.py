"""The Phased LSTM net (Neil, Pfeiffer and Liu 2016, arXiv 1610.09513). The original's `--plstm`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtcrnn.models.constants import PHASED_LEAK

RATIO_ON = 0.2  # fraction of its period in which a unit is open, at the start of training
LOG_PERIOD = (1.0, 3.0)  # periods, in steps, are exp(U(1, 3)) at the start, as in the original


class PhasedCell(nn.Module):
    """One Phased LSTM layer. Gates are ordered i, f, o, c; times are in steps."""

    def __init__(self, in_size: int, hidden_size: int) -> None:
        super().__init__()
        self.inward = nn.Linear(in_size, 4 * hidden_size)
        self.recurrent = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        period = torch.empty(hidden_size).uniform_(*LOG_PERIOD).exp()
        self.period = nn.Parameter(period)
        self.phase = nn.Parameter(torch.rand(hidden_size) * period)
        self.ratio_on = nn.Parameter(torch.full((hidden_size,), RATIO_ON))

    def openness(self, times: Tensor) -> Tensor:
        """The openness of the time gate k (equation 7): times [B, T, 1] -> [B, T, H] in [0, 1].

        The phase of the cycle is a true modulo, in [0, 1) for times before the phase shift too.
        """
        cycle = torch.remainder(times - self.phase, self.period) / self.period
        rising = 2 * cycle / self.ratio_on
        open_or_closed = torch.where(cycle < self.ratio_on, 2 - rising, PHASED_LEAK * cycle)
        return torch.where(cycle < self.ratio_on / 2, rising, open_or_closed)

    def forward(self, x: Tensor, times: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """X [B, T, in], h and c [B, H] -> outputs [B, T, H], h, c. All but the recurrence runs in one call."""
        size, out, w = h.shape[-1], [], self.recurrent.weight.t()
        # unbound at once: the gradient of a slice would be a whole array of zeros at each step
        for k, pushed in zip(self.openness(times).unbind(1), self.inward(x).unbind(1), strict=True):
            gates = torch.addmm(pushed, h, w)
            i, f, o = torch.sigmoid(gates[:, : 3 * size]).chunk(3, dim=-1)
            c_new = torch.addcmul(f * c, i, torch.tanh(gates[:, 3 * size :]))
            h, c = torch.lerp(h, o * torch.tanh(c_new), k), torch.lerp(c, c_new, k)
            out.append(h)
        return torch.stack(out, dim=1), h, c


class PhasedLSTMNet(nn.Module):
    """x [B, T, in] -> ReLU(W x + b) -> n_layers Phased LSTM -> raw [B, T, out].

    State: h and c [n_layers, B, H], and the time of the next step [1, B, 1]. There is no fused layer for this net: a
    training step runs a Python loop over the steps of the window (the cost is in docs/log.md).
    """

    def __init__(self, in_size: int, hidden_size: int, out_size: int, n_layers: int) -> None:
        super().__init__()
        self.inward = nn.Linear(in_size, hidden_size)
        self.cells = nn.ModuleList(PhasedCell(hidden_size, hidden_size) for _ in range(n_layers))
        self.head = nn.Linear(hidden_size, out_size)

    def init_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros on the net's device; the first step is at time 0."""
        weight = self.inward.weight
        h = weight.new_zeros(len(self.cells), batch, weight.shape[0])
        return h, h.clone(), weight.new_zeros(1, batch, 1)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Raw numbers [B, T, out] and the state after the last step."""
        steps = x.shape[1]
        times = state[2][0][:, None] + torch.arange(steps, device=x.device, dtype=x.dtype)[None, :, None]
        y, hs, cs = torch.relu(self.inward(x)), [], []
        for cell, h, c in zip(self.cells, state[0], state[1], strict=True):
            y, h, c = cell(y, times, h, c)
            hs.append(h)
            cs.append(c)
        return self.head(y), (torch.stack(hs), torch.stack(cs), state[2] + steps)
