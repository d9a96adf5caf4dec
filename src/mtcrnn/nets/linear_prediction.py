"""Backward-adaptive linear prediction: what the last samples lead one to expect, as numbers for a net's hidden layer.

Linear prediction in a net of samples is LPCNet's idea (Valin and Skoglund 2019, arXiv 1810.11846); fitting it to the
samples made so far, so that nothing has to be sent or generated, that of LD-CELP (ITU-T G.728).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mtcrnn.codec import MuLaw
from mtcrnn.prediction import HEARD, PRECISE, QUICK, SILENT, Predictor, fit_all, predictors, scratch

CHUNK = 1024  # windows that are fitted at once: their products take some 20 MB


def fit(windows: Tensor, predictor: Predictor) -> Tensor:
    """Coefficients [N, order] for each of windows [N, T >= window] (float64), as the compiled `prediction.fit`."""
    order, coefficients = predictor.order, []
    for part in torch.split(windows[:, -predictor.window :], CHUNK):
        rows = part.unfold(1, order + 1, 1)
        age = torch.arange(rows.shape[1] - 1, -1, -1, dtype=part.dtype, device=part.device)
        products = rows.transpose(1, 2) @ (rows * predictor.decay ** age[:, None])
        own, wanted = products[:, :order, :order], products[:, :order, order:]
        power = own.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None]
        own = own + (predictor.noise * power + SILENT) * torch.eye(order, dtype=part.dtype, device=part.device)
        factor = torch.linalg.cholesky_ex(own, check_errors=False)[0]
        coefficients.append(torch.cholesky_solve(wanted, factor)[..., 0])
    return torch.cat(coefficients)


class LinearPrediction(nn.Module):
    """Newest codes [B, T] -> numbers [B, T, H]: an embedding of the code that is expected next, for each predictor.

    An expected code lies between two codes: its embedding lies between theirs. Coefficients that are not fitted for
    each sample are fitted at a frame's first sample, and hold for its F samples.

    State: the samples heard [1, B, HEARD] in [-1, 1], and the current frame's coefficients [1, B, order].

    Args:
        codes: Q.
        hidden_size: H.
        frame_size: F.
        order: samples that the precise prediction is a weighted sum of.
    """

    levels: Tensor

    def __init__(self, codes: int, hidden_size: int, frame_size: int, order: int) -> None:
        super().__init__()
        self.codes, self.frame_size, self.order = codes, frame_size, order
        self.predictors = predictors(order)
        self.expected = nn.ModuleList(nn.Embedding(codes, hidden_size) for _ in range(2))
        levels = torch.from_numpy(MuLaw(codes).decode(np.arange(codes)))
        self.register_buffer("levels", levels, persistent=False)

    def init_state(self, batch: int) -> tuple[Tensor, ...]:
        """Silence."""
        new = self.levels.new_zeros
        return new(1, batch, HEARD), new(1, batch, self.order)

    def forward(
        self, code: Tensor, state: Sequence[Tensor], made: Tensor, frames: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The numbers, and the state behind the last code; `made` [1, B, 1] and `frames` as for `FrameNet`."""
        F, T = self.frame_size, code.shape[1]
        with torch.no_grad():  # what is expected follows from the samples alone
            heard = torch.cat((state[0][0], self.levels[code.long()].to(state[0].dtype)), dim=1)
            behind = torch.arange(HEARD + 1, HEARD + 1 + T, device=heard.device)  # what each step has heard ends there
            coefficients = state[1]
            if T == 1:  # without a look at `made`, see `FrameNet`
                coefficients = torch.where(made > 0, coefficients, self._fit(heard, behind, PRECISE).transpose(0, 1))
                held = coefficients[0][:, None]
            elif frames is None:
                done = int(made[0, 0, 0])
                whole = torch.cat((coefficients[0][:, None], self._fit(heard, behind[-done % F :: F], PRECISE)), dim=1)
                first = F if done == 0 else done
                held = whole.repeat_interleave(F, dim=1)[:, first : first + T]
                coefficients = whole[None, :, -1]
            else:
                begun = torch.cat((behind[::F][frames], behind[-F:][:1]))  # the last one's are the state's
                fitted = self._fit(heard, begun, PRECISE)
                held, coefficients = fitted[:, :-1].repeat_interleave(F, dim=1), fitted[None, :, -1]
                behind = behind.reshape(-1, F)[frames].flatten()
            places = [self._place(heard, behind, each) for each in (self._fit(heard, behind, QUICK), held)]
        quick, precise = (self._between(table, place) for table, place in zip(self.expected, places, strict=True))
        return quick + precise, (heard[None, :, T:], coefficients)

    def _fit(self, heard: Tensor, ends: Tensor, which: int) -> Tensor:
        """Coefficients [B, n, order] of predictor `which`, fitted to heard [B, T] up to each of ends [n]."""
        predictor = self.predictors[which]
        if heard.device.type == "cpu":
            out = heard.new_empty(len(heard), len(ends), predictor.order)
            fit_all(heard.numpy(), ends.numpy(), which, np.empty(scratch(self.order)), out.numpy())
            return out
        windows = heard.unfold(1, HEARD, 1)[:, ends - HEARD].reshape(-1, HEARD)
        return fit(windows.double(), predictor).to(heard.dtype).reshape(len(heard), len(ends), predictor.order)

    def _place(self, heard: Tensor, ends: Tensor, coefficients: Tensor) -> Tensor:
        """Where the sample at each of ends [n] is expected on the scale of codes, 0 .. Q - 1: [B, n]."""
        order, mu = coefficients.shape[2], self.codes - 1
        near = heard.unfold(1, order, 1)[:, ends - order].double()
        sample = (near * coefficients.double()).sum(dim=2)
        companded = sample.sign() * torch.log1p(mu * sample.abs()) / math.log1p(mu)
        return ((companded.clamp(-1, 1) + 1) / 2 * mu).to(heard.dtype)

    def _between(self, table: nn.Module, place: Tensor) -> Tensor:
        """The embedding [B, T, H] at a place between two codes."""
        below = place.floor().clamp(max=self.codes - 2)
        share = (place - below)[..., None]
        return table(below.long()) * (1 - share) + table(below.long() + 1) * share
