"""Level 3: the readable torch reference behind the playable interface: init, prime, render.

Everything here is in the user's units: audio as float32 in [-1, 1], parameters as the user labelled them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtcrnn.model import Model
from mtcrnn.rng import play_uniforms


@dataclass(frozen=True)
class PlayState:
    """Where a rendering stands. Immutable: keep it to go back, pass it on to go on.

    Attributes:
        seed: decides, with `position`, all randomness.
        position: steps generated so far.
        last: the newest value of each sound, [B, 1, G], as the model codes it.
        net: the net's state.
    """

    seed: int
    position: int
    last: Tensor
    net: tuple[Tensor, ...]


class Player:
    """One tier, played by plain torch calls: slow, readable, exact.

    Args:
        model: the model.
        temperature: 1 as trained, below 1 tamer, above 1 wilder, 0 always the likeliest value.
    """

    def __init__(self, model: Model, temperature: float = 1.0) -> None:
        self.model = model
        self.temperature = temperature
        model.module.eval()

    def init(self, seed: int, batch: int = 1) -> PlayState:
        """The state before the first step of `batch` sounds: the resting value and the net's first state."""
        with torch.inference_mode():
            model = self.model
            kind = torch.int64 if model.config.tier.is_audio else torch.float32
            shape = (batch, 1, len(model.config.tier.generate))
            last = torch.full(shape, model.resting, dtype=kind, device=model.device)
            return PlayState(seed, 0, last, model.net.init_state(batch))

    @torch.inference_mode()
    def prime(self, state: PlayState, values: NDArray[Any], conditions: NDArray[Any] | None = None) -> PlayState:
        """Run over given sound so that what is rendered next continues it.

        Args:
            state: where the rendering stands.
            values: [B, T, G] in the user's units (audio: samples, G = 1).
            conditions: [B, T, C] in the user's units; None where there is no conditioning.
        """
        batch, device = len(state.last), self.model.device
        coded = torch.from_numpy(self.model.encode_given(values, batch)).to(device)
        x = torch.from_numpy(self.model.normalise_conditions(conditions, batch, values.shape[1])).to(device)
        past = torch.cat((state.last, coded[:, :-1]), dim=1)
        _, net = self.model.net(self.model.features(past, x), state.net)
        return replace(state, last=coded[:, -1:], net=net)

    @torch.inference_mode()
    def render(self, state: PlayState, conditions: NDArray[Any]) -> tuple[NDArray[np.float32], PlayState]:
        """Generate as many steps as there are conditions.

        Rendering in blocks of any size gives the same values, bit for bit.

        Args:
            state: where the rendering stands.
            conditions: [B, T, C] in the user's units; C is 0 for a tier without conditioning.

        Returns:
            The values [B, T, G] in the user's units, and the state after them.

        Raises:
            InputError: conditions of the wrong shape, or not finite.
        """
        model, batch, T = self.model, len(state.last), conditions.shape[1]
        x = torch.from_numpy(model.normalise_conditions(conditions, batch, T)).to(model.device)
        u = torch.from_numpy(play_uniforms(state.seed, batch, state.position, T, model.output.draws)).to(x.device)
        last, net = state.last, state.net
        out = torch.empty((batch, T, last.shape[2]), dtype=last.dtype, device=last.device)
        with _one_thread():
            for t in range(T):
                raw, net = model.net(model.features(last, x[:, t : t + 1]), net)
                last = model.output.sample(raw, self.temperature, u[:, t : t + 1])
                out[:, t : t + 1] = last
        return model.decode(out.cpu().numpy()), replace(state, position=state.position + T, last=last, net=net)


@contextmanager
def _one_thread() -> Iterator[None]:
    """A step is too little work to share: waking a second thread for each operation made it 10 times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
