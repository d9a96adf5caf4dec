"""Rendering sessions: a player renders a batch of sounds block by block, under parameters, from a random seed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn.rendering.player import Player

BLOCK_STEPS = 1000  # rendered between two updates of the progress bar


class Parameters(Protocol):
    """The parameters of all sounds of a batch over a number of steps, in the user's units."""

    @property
    def batch(self) -> int:
        """Number of sounds, B."""
        ...

    @property
    def length(self) -> int:
        """Number of steps, T."""
        ...

    def block(self, first: int, count: int) -> NDArray[np.floating[Any]]:
        """Values [B, count, C] at steps first .. first+count-1."""
        ...


class ParameterArray:
    """Parameters [B, T, C] in memory."""

    def __init__(self, values: NDArray[np.floating[Any]]) -> None:
        self.values = values
        self.batch, self.length = values.shape[:2]

    def block(self, first: int, count: int) -> NDArray[np.floating[Any]]:
        """See `Parameters.block`."""
        return self.values[:, first : first + count]


class Session:
    """Renders a batch of sounds, block by block.

    Args:
        player: what renders.
        parameters: over as many steps as there are to render.
        seed: decides all randomness.
        temperature: see `Player.render`.
    """

    def __init__(self, player: Player, parameters: Parameters, seed: int, temperature: float | None = None) -> None:
        self.player, self.parameters, self.temperature = player, parameters, temperature
        self._state: Any = player.init(seed, parameters.batch)

    def prime(self, *given: Any) -> None:
        """Prime the player, so that the sounds continue given ones; see `Player.prime`."""
        self._state = self.player.prime(self._state, *given)

    def blocks(self, what: str = "generating", leave: bool = True) -> Generator[NDArray[np.float32], None, None]:
        """Values [B, n, G], with a progress bar named `what`, which stays on the screen if `leave`."""
        for first, count in _in_blocks(self.parameters.length, what, leave):
            values, self._state = self.player.render(self._state, self.parameters.block(first, count), self.temperature)
            yield values

    def result(self, what: str) -> NDArray[np.float32]:
        """All values [B, T, G]."""
        return np.concatenate([*self.blocks(what, leave=False)], axis=1)


def rendered(player: Player, parameters: NDArray[Any], what: str, seed: int = 1) -> NDArray[np.float32]:
    """Sounds [B, T, channels] under parameters [B, T, C], with a progress bar named `what`."""
    return Session(player, ParameterArray(parameters), seed).result(what)


def _in_blocks(length: int, what: str, leave: bool) -> Iterator[tuple[int, int]]:
    """First step and size of each block."""
    with tqdm(total=length, desc=what, unit="step", mininterval=0.5, leave=leave) as bar:
        for first in range(0, length, BLOCK_STEPS):
            count = min(BLOCK_STEPS, length - first)
            yield first, count
            bar.update(count)
