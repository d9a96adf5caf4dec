"""The sub-band net: a framed net whose steps make one code for each of N bands, low bands first.

A sound split into N bands (`audio.subbands`) has a N-th of the steps, each with N codes, as in multiband WaveRNN (Yu et
al. 2020, DurIAN, arXiv 1909.01700) and MWDLP (Tobing and Toda 2021, arXiv 2105.09856). Here a band also reads the codes
that the lower bands have in the same step. The bands of a stereo sound are those of its middle, then those of its side.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mtcrnn.models.constants import BAND_SIZE, RECENT_STEPS
from mtcrnn.models.encoding import band_beneath
from mtcrnn.models.nets.framed import Ago, FramedNet


class SubbandNet(FramedNet):
    """x [B, T, N + C] -> raw [B, T, H + P], from which `logits` makes those of each band's code.

    Raw numbers are ReLU(y), with y of `FramedNet.steps`, and the past. Band k: ReLU(linear(ReLU(y)) + linear(the bands
    before it, in this step) + an embedding of the code beneath it + one of its own codes a period ago) of 64 units ->
    linear -> Q logits. The code beneath is that of the next lower band, see `encoding.band_beneath`.

    Args:
        in_size, hidden_size, out_size, n_layers: N + C, H, N Q, GRU layers.
        frame_size: F.
        values: N.
        bands: of the middle; the others are those of the side.
        past: P, as in `FramedNet`.
        centres: which of them are codes, see `framed.Ago`.
    """

    def __init__(
        self,
        in_size: int,
        hidden_size: int,
        out_size: int,
        n_layers: int,
        frame_size: int,
        values: int,
        bands: int,
        past: int = 0,
        centres: NDArray[np.int64] | None = None,
    ) -> None:
        codes = out_size // values
        super().__init__(in_size, hidden_size, n_layers, values, codes, frame_size, RECENT_STEPS, past)
        self.places_beneath = [band_beneath(band, bands) for band in range(1, values)]
        self.bands = nn.Linear(hidden_size, values * BAND_SIZE)
        self.ago = None if centres is None else Ago(centres, codes, BAND_SIZE)
        self.below = nn.Parameter(torch.empty(values, values, BAND_SIZE).uniform_(-1, 1) / values**0.5)
        self.beneath = nn.Embedding(values * codes, BAND_SIZE)
        self.heads = nn.Parameter(torch.empty(values, BAND_SIZE, codes).uniform_(-1, 1) / BAND_SIZE**0.5)
        self.biases = nn.Parameter(torch.zeros(values, codes))
        self.register_buffer("lower", torch.ones(values, values).triu(1), persistent=False)

    def forward(
        self, x: Tensor, state: tuple[Tensor, ...], frames: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Raw numbers [B, T, H + P] and the state after the last step; `frames` as in `steps`."""
        if not x.numel():
            return x.new_zeros(len(x), x.shape[1], self.bands.in_features + self.past), state
        y, state = self.steps(x, state, frames)
        if not self.past:
            return torch.relu(y), state
        past = self.past_numbers(x, frames)
        return torch.cat((torch.relu(y).to(past.dtype), past), dim=-1), state

    def logits(self, raw: Tensor, codes: Tensor) -> Tensor:
        """Logits [..., N, Q] of all bands, from raw [..., H + P] and the codes [..., N] of the same step.

        A band reads the codes of the bands below it.
        """
        N = self.values
        y, past = raw.tensor_split((self.bands.in_features,), dim=-1)
        own = self.bands(y).unflatten(-1, (N, BAND_SIZE))
        if self.ago is not None:
            own = own + self.ago(past)
        below = torch.einsum("...j,jk,jkh->...kh", self.numbers(codes.to(raw.dtype)), self.lower, self.below)
        beneath = self.beneath(codes[..., self.places_beneath].long() + self.offsets[1:])
        y = torch.relu(own + below + nn.functional.pad(beneath, (0, 0, 1, 0)))
        return torch.einsum("...kh,khq->...kq", y, self.heads) + self.biases

    def band_logits(self, raw: Tensor, codes: Tensor, band: int) -> Tensor:
        """Those of one band [..., Q]."""
        own = slice(band * BAND_SIZE, (band + 1) * BAND_SIZE)
        y, past = raw.tensor_split((self.bands.in_features,), dim=-1)
        y = nn.functional.linear(y, self.bands.weight[own], self.bands.bias[own])
        if self.ago is not None:
            y = y + self.ago(past, slice(band, band + 1))[..., 0, :]
        if band:
            numbers = self.numbers(codes[..., :band].to(raw.dtype))
            below = codes[..., self.places_beneath[band - 1]]
            y = y + numbers @ self.below[:band, band] + self.beneath(below + self.offsets[band])
        return torch.relu(y) @ self.heads[band] + self.biases[band]
