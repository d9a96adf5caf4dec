"""The readable torch reference (and the player for GPUs) behind the playable interface: init, prime, render.

Everything here is in the user's units: audio as float32 in [-1, 1], parameters as the user labelled them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtcrnn.core.rng import play_uniforms
from mtcrnn.models.model import Model


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
        self.model, self.config = model, model.config
        self.temperature = temperature
        self._step: _Step | None = None
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
        out = torch.empty((batch, T, state.last.shape[2]), dtype=state.last.dtype, device=x.device)
        step = self._step_for(state)
        with _one_thread():
            for t in range(T):
                out[:, t : t + 1] = step(x[:, t : t + 1], u[:, t : t + 1])
        last, net = step.state()
        return model.decode(out.cpu().numpy()), replace(state, position=state.position + T, last=last, net=net)

    def _step_for(self, state: PlayState) -> _Step:
        """The step of the last block again if it fits, from this state on."""
        key = len(state.last), self.temperature
        if self._step is None or self._step.key != key:
            self._step = _Step(key, self.model, state)
        self._step.start(state)
        return self._step


class _Step:
    """One step over tensors that stay in their place, so that a GPU can replay it as one CUDA graph.

    Else a GPU, where a step is a dozen small kernels, waits for their launches most of the time.
    """

    def __init__(self, key: tuple[int, float], model: Model, state: PlayState) -> None:
        self.key, self.model = key, model
        batch, temperature = key
        tier, device = model.config.tier, model.device
        self.temperature = temperature
        self.last, self.net = torch.empty_like(state.last), tuple(torch.empty_like(part) for part in state.net)
        self.x = torch.zeros((batch, 1, tier.cond_size), device=device)
        self.u = torch.zeros((batch, 1, model.output.draws), device=device)
        self.replay = self._compute
        if device.type == "cuda":
            self.start(state)
            self.replay = self._captured()

    def start(self, state: PlayState) -> None:
        """Go on from this state."""
        for mine, given in zip((self.last, *self.net), (state.last, *state.net), strict=True):
            mine.copy_(given)

    def state(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Copies of the newest value and the net's state."""
        return self.last.clone(), tuple(part.clone() for part in self.net)

    def __call__(self, x: Tensor, u: Tensor) -> Tensor:
        """The next value [B, 1, G] from conditions [B, 1, C] and uniforms [B, 1, draws]; overwritten by the next."""
        self.x.copy_(x)
        self.u.copy_(u)
        self.replay()
        return self.last

    def _compute(self) -> None:
        raw, net = self.model.net(self.model.features(self.last, self.x), self.net)
        self.last.copy_(self.model.output.sample(raw, self.temperature, self.u))
        for mine, new in zip(self.net, net, strict=True):
            mine.copy_(new)

    def _captured(self) -> Callable[[], None]:
        """`_compute` as a CUDA graph, after three runs on a stream of its own, as torch's notes on CUDA graphs ask."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._compute()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._compute()
        return graph.replay


@contextmanager
def _one_thread() -> Iterator[None]:
    """A step is too little work to share: waking a second thread for each operation made it 10 times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
