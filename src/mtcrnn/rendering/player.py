"""The player interface, which a tier in the engine, a tier in torch and a cascade of tiers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier


class Interface(Protocol):
    """What a player generates, under which parameters, at which rate (`tier`), and the parameters' ranges by name.

    `knows_ranges` is False for a model of the original, whose ranges are not those that it was trained on.
    """

    @property
    def tier(self) -> Tier:
        """What is generated, under which parameters, at which rate."""
        ...

    @property
    def ranges(self) -> Mapping[str, Range]:
        """The range of every parameter, in the user's units."""
        ...

    @property
    def knows_ranges(self) -> bool:
        """Whether these are the ranges that it was trained on."""
        ...


class Player(Protocol):
    """Generates values step by step, in the user's units: audio (float32 in [-1, 1], G channels), or G parameters.

    States are immutable: keep one to go back to it, pass it on to continue. All randomness comes from the state.
    """

    @property
    def config(self) -> Interface:
        """What it generates, and under which parameters; for a single model, its whole `ModelConfig`."""
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
            state: from `init`, `prime` or an earlier `render`.
            parameters: [B, T, C] in the user's units; C is 0 for a tier without conditioning.
            temperature: 1 as trained, below 1 tamer, above 1 wilder, 0 always the likeliest; None: as set on opening.

        Raises:
            InputError: parameters of the wrong shape, or not finite.
        """
        ...

    @property
    def prime(self) -> Callable[..., Any]:
        """The state after given values, all in the user's units, so that rendering continues them.

        For one tier: `prime(state, values [B, T, G], parameters [B, T, C] or None)`. For a cascade:
        `prime(state, given)`, with such values and parameters by tier name.
        """
        ...
