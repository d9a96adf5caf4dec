"""The torch player: the readable reference for the engine, and the player for GPUs (CUDA graphs).

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
from mtcrnn.models.lookback import Memory
from mtcrnn.models.model import Model


@dataclass(frozen=True)
class PlayState:
    """The state of a rendering. Immutable: keep it to go back to it, pass it on to continue.

    Attributes:
        seed: with `position`, decides all randomness.
        position: steps generated so far.
        last: the newest value of each sound, [B, 1, G], encoded.
        net: the net's recurrent state.
        past: what is known of the sounds, if the net looks a period back.
    """

    seed: int
    position: int
    last: Tensor
    net: tuple[Tensor, ...]
    past: Memory | None


class TorchPlayer:
    """One tier, played with plain torch calls: slow, readable, exact.

    Args:
        model: the model.
        temperature: used unless `render` is given another.
    """

    def __init__(self, model: Model, temperature: float = 1.0) -> None:
        self.model, self.config = model, model.config
        self.temperature = temperature
        self._step: _Step | None = None
        self._lookback = model.config.lookback
        model.module.eval()

    def init(self, seed: int, batch: int = 1) -> PlayState:
        """The state before the first step of `batch` sounds: the resting value and the net's initial state."""
        with torch.inference_mode():
            model, encoding = self.model, self.model.encoding
            resting = np.full((batch, 1, encoding.width), encoding.resting, encoding.dtype)
            past = self._lookback.init(batch) if self._lookback else None
            return PlayState(seed, 0, torch.from_numpy(resting).to(model.device), model.net.init_state(batch), past)

    @torch.inference_mode()
    def prime(self, state: PlayState, values: NDArray[Any], parameters: NDArray[Any] | None = None) -> PlayState:
        """Run over given values, so that what is rendered next continues them.

        Args:
            state: from `init`, `prime` or `render`.
            values: [B, T, G] in the user's units (audio: samples, G = 1).
            parameters: [B, T, C] in the user's units; None where there are none.
        """
        batch, device, encoding = len(state.last), self.model.device, self.model.encoding
        codes = encoding.encode_given(values, batch)
        encoded = torch.from_numpy(codes).to(device)
        conditioning, past = encoding.conditioning(parameters, batch, values.shape[1]), state.past
        if (lookback := self._lookback) and past and parameters is not None and values.shape[1]:
            block, rows = lookback.begin(lookback.set_clocks(past, codes, parameters), parameters), []
            for t in range(values.shape[1]):
                rows.append(lookback.read(block, t, conditioning[:, t]))
                lookback.add(block, t, codes[:, t])
            conditioning, past = np.stack(rows, axis=1), lookback.end(block)
        x = torch.from_numpy(conditioning).to(device)
        _, net = self.model(torch.cat((state.last, encoded[:, :-1]), dim=1), x, state.net)
        return replace(state, last=encoded[:, -1:], net=net, past=past)

    @torch.inference_mode()
    def render(
        self, state: PlayState, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[NDArray[np.float32], PlayState]:
        """See `player.Player.render`."""
        model, batch, T, lookback = self.model, len(state.last), parameters.shape[1], self._lookback
        conditioning = model.encoding.conditioning(parameters, batch, T)
        x = torch.from_numpy(conditioning).to(model.device)
        u = torch.from_numpy(play_uniforms(state.seed, batch, state.position, T, model.distribution.draws)).to(x.device)
        out = torch.empty((batch, T, state.last.shape[2]), dtype=state.last.dtype, device=x.device)
        step = self._step_for(state, self.temperature if temperature is None else temperature)
        block = lookback.begin(state.past, parameters) if lookback and state.past else None
        with _one_thread():
            for t in range(T):
                if lookback and block:
                    read = torch.from_numpy(lookback.read(block, t, conditioning[:, t]))[:, None]
                    out[:, t : t + 1] = step(read, u[:, t : t + 1])
                    lookback.add(block, t, out[:, t].cpu().numpy())
                else:
                    out[:, t : t + 1] = step(x[:, t : t + 1], u[:, t : t + 1])
        last, net = step.state()
        past = lookback.end(block) if lookback and block else None
        after = replace(state, position=state.position + T, last=last, net=net, past=past)
        return model.encoding.decode(out.cpu().numpy()), after

    def _step_for(self, state: PlayState, temperature: float) -> _Step:
        """A step that starts from this state: the one of the last block if it fits, else a new one."""
        key = len(state.last), temperature
        if self._step is None or self._step.key != key:
            self._step = _Step(key, self.model, state)
        self._step.start(state)
        return self._step


class _Step:
    """One step on tensors that stay at the same addresses, so that a GPU can replay it as one CUDA graph.

    Without a graph, a step is a dozen small kernels, and the GPU waits for their launches most of the time.
    """

    def __init__(self, key: tuple[int, float], model: Model, state: PlayState) -> None:
        self.key, self.model = key, model
        batch, temperature = key
        device = model.device
        self.temperature = temperature
        self.last, self.net = torch.empty_like(state.last), tuple(torch.empty_like(part) for part in state.net)
        self.x = torch.zeros((batch, 1, model.config.cond_size), device=device)
        self.u = torch.zeros((batch, 1, model.distribution.draws), device=device)
        self.replay = self._compute
        if device.type == "cuda":
            self.start(state)
            self.replay = self._captured()

    def start(self, state: PlayState) -> None:
        """Continue from this state."""
        for mine, given in zip((self.last, *self.net), (state.last, *state.net), strict=True):
            mine.copy_(given)

    def state(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Copies of the newest value and the net's state."""
        return self.last.clone(), tuple(part.clone() for part in self.net)

    def __call__(self, x: Tensor, u: Tensor) -> Tensor:
        """The next value [B, 1, G], under conditioning [B, 1, C], from uniforms [B, 1, draws].

        The next call overwrites it.
        """
        self.x.copy_(x)
        self.u.copy_(u)
        self.replay()
        return self.last

    def _compute(self) -> None:
        raw, net = self.model(self.last, self.x, self.net)
        self.last.copy_(self.model.distribution.sample(raw, self.temperature, self.u))
        for mine, new in zip(self.net, net, strict=True):
            mine.copy_(new)

    def _captured(self) -> Callable[[], None]:
        """`_compute` as a CUDA graph, after three runs on a side stream, as torch's notes on CUDA graphs require."""
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
    """Run torch on one thread: a step is too little work, and a second thread made it 10 times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
