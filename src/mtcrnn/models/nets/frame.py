"""The frame net: recurrent layers that step once a frame, and a small feed-forward net for each sample of the frame.

After SampleRNN (Mehri et al. 2017, arXiv 1612.07837). The recurrent layers step once every F samples and carry what is
slow (the beat, the parameters). What is fast is computed from the last F samples, so a sample costs little. Audio only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtcrnn.models.nets.cpu_gru import GRU


def take_frames(a: Tensor, frames: Tensor, frame_size: int) -> Tensor:
    """[B, T, ...] -> [B, n F, ...]: the frames, of F steps each, with the numbers `frames` [n]."""
    return a.reshape(a.shape[0], -1, frame_size, *a.shape[2:])[:, frames].flatten(1, 2)


class FrameNet(nn.Module):
    """x [B, T, 1 + C] -> raw [B, T, Q]: the newest code (an integer) and the conditioning -> logits of the next code.

    At a frame's first sample, GRU layers of H units read the last F samples and the conditioning, and a linear layer
    turns their output into H numbers for each of the frame's F positions. At each sample, three things are added: these
    H numbers, a linear layer over the last F samples and the conditioning, and an embedding of the newest code; then
    ReLU -> linear -> ReLU -> linear.

    State: the GRU state [n_layers, B, H] after the current frame's first sample; the last F samples [1, B, F], mu-law
    companded to [-1, 1]; and the number of samples made of the current frame [1, B, 1], the same in all rows.

    Args:
        in_size, hidden_size, out_size, n_layers: 1 + C, H, Q and the number of GRU layers.
        frame_size: F.
    """

    def __init__(self, in_size: int, hidden_size: int, out_size: int, n_layers: int, frame_size: int = 16) -> None:
        super().__init__()
        self.frame_size, self.codes = frame_size, out_size
        inputs = frame_size + in_size - 1
        self.gru = GRU(inputs, hidden_size, n_layers)
        self.spread = nn.Linear(hidden_size, frame_size * hidden_size)
        self.recent = nn.Linear(inputs, hidden_size, bias=False)
        self.newest = nn.Embedding(out_size, hidden_size)
        self.hidden = nn.Linear(hidden_size, hidden_size)
        self.head = nn.Linear(hidden_size, out_size)

    def init_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros on the net's device."""
        new = next(self.parameters()).new_zeros
        sizes = (self.gru.num_layers, self.gru.hidden_size), (1, self.frame_size), (1, 1)
        return tuple(new(layers, batch, size) for layers, size in sizes)

    def forward(
        self, x: Tensor, state: tuple[Tensor, ...], frames: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Raw numbers [B, T, Q] and the state after the last step.

        `frames` [n], increasing, are the numbers of those of x's T / F frames whose raw numbers [B, n F, Q] are wanted.
        The others pass through the GRU only, which costs little. The state must then be at the beginning of a frame.
        """
        F, T = self.frame_size, x.shape[1]
        if not x.numel():
            return x.new_zeros(len(x), T, self.codes), state
        h, past, made = state
        code, conditioning = x[..., 0], x[..., 1:]
        samples = torch.cat((past[0], 2 * (code / (self.codes - 1)) - 1), dim=1)  # [B, F + T]
        recent = torch.cat((samples[:, 1:].unfold(1, F, 1), conditioning), dim=2)  # the last F, with the newest
        if T == 1:  # no branch on the value of `made`, so that a CUDA graph can replay it
            y, after = self.gru(recent, h)
            h = torch.where(made > 0, h, after)
            places = self._places(h[-1][:, None])
            place = made[0].long()[..., None].expand(-1, 1, places.shape[2])
            slow = places.gather(1, place)
        else:
            done = int(made[0, 0, 0])
            begun = recent[:, -done % F :: F]
            y, after = self.gru(begun, h) if begun.shape[1] else (begun.new_zeros(len(x), 0, h.shape[2]), h)
            if frames is None:
                first = F if done == 0 else done
                slow = self._places(torch.cat((h[-1][:, None].to(y.dtype), y), dim=1))[:, first : first + T]
            else:
                slow = self._places(y[:, frames])
                recent, code = take_frames(recent, frames, F), take_frames(code, frames, F)
            h = after
        y = self.hidden(torch.relu(slow + self.recent(recent) + self.newest(code.long())))
        return self.head(torch.relu(y)), (h, samples[None, :, T:], (made + T) % F)

    def _places(self, y: Tensor) -> Tensor:
        """Numbers [B, n F, H] for all positions of n frames, from the GRU's outputs [B, n, H]."""
        return self.spread(y).reshape(y.shape[0], -1, y.shape[2])
