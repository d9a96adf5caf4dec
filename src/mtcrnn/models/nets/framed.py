"""What framed nets share: recurrent layers that step once a frame, and what is fast made from the newest values.

After SampleRNN (Mehri et al. 2017, arXiv 1612.07837). What is slow (the beat, the parameters) is left to the recurrent
layers, once a frame; what is fast is made from the newest steps, so that a step costs little.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mtcrnn.models.nets.cpu_gru import GRU


def take_frames(a: Tensor, frames: Tensor, frame_size: int) -> Tensor:
    """[B, T, ...] -> [B, n F, ...]: of each row, the frames of F steps whose numbers are `frames` [B, n]."""
    rows = torch.arange(a.shape[0], device=a.device)[:, None, None]
    return a[rows, frames[..., None] * frame_size + torch.arange(frame_size, device=a.device)].flatten(1, 2)


def _flat(last: Tensor, conditioning: Tensor) -> Tensor:
    """[B, n, steps, N] and [B, n, C] -> [B, n, steps N + C]."""
    return torch.cat((last.flatten(2), conditioning), dim=2)


class Ago(nn.Module):
    """An embedding [..., N, H] of the codes that a step's values had a lag ago, summed over all lags.

    Args:
        centres: int64 [L, N]: where they are among the numbers of the past, see `models.lookback`.
        codes: Q.
        size: H.
    """

    centres: Tensor
    rows: Tensor  # [L, N]: where those of each begin in the table

    def __init__(self, centres: NDArray[np.int64], codes: int, size: int) -> None:
        super().__init__()
        self.codes = codes
        self.table = nn.Embedding(centres.size * codes, size)
        self.register_buffer("centres", torch.from_numpy(centres), persistent=False)
        self.register_buffer("rows", codes * torch.arange(centres.size).view(centres.shape), persistent=False)

    def forward(self, past: Tensor, values: slice = slice(None)) -> Tensor:
        """From the numbers of the past [..., P]: that of all N values, or of some."""
        codes = ((past[..., self.centres[:, values]] + 1) * ((self.codes - 1) / 2) + 0.5).long()
        summed: Tensor = self.table(codes + self.rows[:, values]).sum(dim=-3)
        return summed


class FramedNet(nn.Module):
    """x [B, T, N + C] -> y [B, T, H]: the N newest codes, integers, and the conditioning.

    The last numbers of the conditioning may be those of the past, see `models.lookback`.

    At a frame's first step, GRU layers of H units read the last F steps and the conditioning, and a linear layer turns
    their output into H numbers for each of the frame's F positions. At each step, y is the sum of these numbers, of a
    linear layer over the last R steps and the conditioning, and of an embedding of each newest code.

    State: the GRU layers [n_layers, B, H] after the current frame's first step; the last max(F, R) steps [1, B, .. N],
    codes as numbers in [-1, 1]; and how many steps of the frame are made [1, B, 1], the same number in all rows.

    Args:
        in_size, hidden_size, n_layers: N + C, H, GRU layers.
        values: N.
        codes: of each value, Q.
        frame_size: F.
        recent: R.
        past: P, the last numbers of the conditioning, which are those of the past; 0: none.
    """

    offsets: Tensor  # [N]: where each value's rows begin in a table of all values' codes

    def __init__(
        self,
        in_size: int,
        hidden_size: int,
        n_layers: int,
        values: int,
        codes: int,
        frame_size: int,
        recent: int,
        past: int,
    ) -> None:
        super().__init__()
        self.values, self.codes, self.frame_size, self.recent_steps = values, codes, frame_size, recent
        self.past = past
        self.kept_steps, given = max(frame_size, recent), in_size - values
        self.gru = GRU(frame_size * values + given, hidden_size, n_layers)
        self.spread = nn.Linear(hidden_size, frame_size * hidden_size)
        self.recent = nn.Linear(recent * values + given, hidden_size, bias=False)
        self.newest = nn.Embedding(values * codes, hidden_size)
        self.register_buffer("offsets", codes * torch.arange(values), persistent=False)

    def init_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros, on the net's device."""
        new = next(self.parameters()).new_zeros
        sizes = (self.gru.num_layers, self.gru.hidden_size), (1, self.kept_steps * self.values), (1, 1)
        return tuple(new(layers, batch, size) for layers, size in sizes)

    def steps(
        self, x: Tensor, state: tuple[Tensor, ...], frames: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Y [B, T, H] and the state after the last step.

        `frames` [B, n] are those of the T / F frames of each row whose y [B, n F, H] is wanted: all else passes through
        the GRU only, which costs little. The state must stand at a frame's beginning then.
        """
        F, T, N, K = self.frame_size, x.shape[1], self.values, self.kept_steps
        h, past, made = state
        codes, conditioning = x[..., :N], x[..., N:]
        numbers = torch.cat((past[0].reshape(-1, K, N), self.numbers(codes)), dim=1)  # [B, K + T, N]
        read, recent = (self._last(numbers, steps) for steps in (F, self.recent_steps))
        if T == 1:  # without a look at `made`, so that a GPU can replay it
            y, after = self.gru(_flat(read, conditioning), h)
            h = torch.where(made > 0, h, after)
            places = self._places(h[-1][:, None])
            slow = places.gather(1, made[0].long()[..., None].expand(-1, 1, places.shape[2]))
        else:
            done = int(made[0, 0, 0])
            begun = _flat(read[:, -done % F :: F], conditioning[:, -done % F :: F])
            y, after = self.gru(begun, h) if begun.shape[1] else (begun.new_zeros(len(x), 0, h.shape[2]), h)
            if frames is None:
                first = F if done == 0 else done
                slow = self._places(torch.cat((h[-1][:, None].to(y.dtype), y), dim=1))[:, first : first + T]
            else:
                slow = self._places(take_frames(y, frames, 1))
                recent, codes, conditioning = (take_frames(a, frames, F) for a in (recent, codes, conditioning))
            h = after
        y = slow + self.recent(_flat(recent, conditioning)) + self.newest(codes.long() + self.offsets).sum(dim=2)
        return y, (h, numbers[None, :, T:].flatten(2), (made + T) % F)

    def past_numbers(self, x: Tensor, frames: Tensor | None) -> Tensor:
        """Those of the past [B, T, P] in x; `frames` as in `steps`."""
        past = x[..., x.shape[2] - self.past :]
        return past if frames is None else take_frames(past, frames, self.frame_size)

    def numbers(self, codes: Tensor) -> Tensor:
        """Codes, of a floating-point type, as numbers in [-1, 1]."""
        return 2 * (codes / (self.codes - 1)) - 1

    def _last(self, numbers: Tensor, steps: int) -> Tensor:
        """A view of the last `steps` steps at each step, the newest with them [B, T, steps, N]."""
        return numbers[:, self.kept_steps - steps + 1 :].unfold(1, steps, 1).transpose(2, 3)

    def _places(self, y: Tensor) -> Tensor:
        """Numbers [B, n F, H] for all positions of n frames from the GRU's outputs [B, n, H]."""
        return self.spread(y).reshape(y.shape[0], -1, y.shape[2])
