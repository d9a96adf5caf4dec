"""The interface of everything that can be played: a tier in the engine or in torch, and a cascade of tiers."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mtcrnn.models.config import ModelConfig


class Renderer(Protocol):
    """Makes values step by step, in the user's units: audio as float32 in [-1, 1] with G = 1, or parameters.

    States are immutable: keep one to go back, pass it on to go on. All randomness comes from the state.

    Attributes:
        temperature: of what is rendered next: 1 as trained, below 1 tamer, above 1 wilder, 0 always the likeliest.
    """

    temperature: float

    @property
    def config(self) -> ModelConfig:
        """What it generates, from what, at which rate, in which ranges."""
        ...

    def init(self, seed: int, batch: int = 1) -> Any:
        """The state before the first step of `batch` sounds."""
        ...

    def render(self, state: Any, conditions: NDArray[Any]) -> tuple[NDArray[np.float32], Any]:
        """Values [B, T, G] under conditions [B, T, C], and the state after them.

        Rendering in blocks of any size gives the same values, bit for bit.

        Raises:
            InputError: conditions of the wrong shape, or not finite.
        """
        ...


class Playable(Renderer, Protocol):
    """A renderer that can be led to a state by given values: one tier."""

    def prime(self, state: Any, values: Any, conditions: NDArray[Any] | None = None) -> Any:
        """The state after given values [B, T, G] under conditions [B, T, C]."""
        ...
