"""The interface of everything that can be played: a tier in the engine or in torch, and a cascade of tiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier


class Interface(Protocol):
    """What a player generates, from what, at which rate (`tier`), and the parameters' ranges by name.

    `knows_ranges` is False where the ranges are not those that it was trained on: a model of the original.
    """

    @property
    def tier(self) -> Tier:
        """What is generated, and from what."""
        ...

    @property
    def ranges(self) -> Mapping[str, Range]:
        """Of every parameter."""
        ...

    @property
    def knows_ranges(self) -> bool:
        """Whether it was trained on these ranges."""
        ...


class Player(Protocol):
    """Makes values step by step, in the user's units: audio as float32 in [-1, 1] with G = 1, or parameters.

    States are immutable: keep one to go back, pass it on to go on. All randomness comes from the state.
    """

    @property
    def config(self) -> Interface:
        """What it generates; of a single model its whole `ModelConfig`."""
        ...

    def init(self, seed: int, batch: int = 1) -> Any:
        """The state before the first step of `batch` sounds."""
        ...

    def render(
        self, state: Any, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[NDArray[np.float32], Any]:
        """Values [B, T, G] under parameters [B, T, C], and the state after them.

        Rendering in blocks of any size gives the same values, bit for bit.

        Args:
            state: where the rendering stands.
            parameters: [B, T, C] in the user's units; C is 0 for a tier without conditioning.
            temperature: 1 as trained, below 1 tamer, above 1 wilder, 0 always the likeliest; None: as opened.

        Raises:
            InputError: parameters of the wrong shape, or not finite.
        """
        ...

    @property
    def prime(self) -> Callable[..., Any]:
        """The state after given values, all in the user's units.

        Of one tier `prime(state, values [B, T, G], parameters [B, T, C] or None)`; of a cascade `prime(state, given)`,
        with such values and parameters by tier.
        """
        ...
