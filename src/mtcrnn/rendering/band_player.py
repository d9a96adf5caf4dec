"""Sub-bands played as sound: a player of bands with the synthesis half of the filter bank after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.subbands import filter_bank
from mtcrnn.models.encoding import check_block
from mtcrnn.rendering.player import Player


@dataclass(frozen=True)
class BandState:
    """A rendering between two blocks; immutable.

    Attributes:
        bands: the state of the player of bands.
        newest: the newest steps [B, 15, N], which the filters still need.
        pending: samples [B, n, 1], n < N, of a step that the last block took only in part.
    """

    bands: Any
    newest: NDArray[np.float32]
    pending: NDArray[np.float32]


class BandPlayer:
    """Sound from a player of sub-bands [B, n, N], of which each step is under the parameters of its first sample.

    Args:
        player: of the bands.
    """

    def __init__(self, player: Player) -> None:
        self.player, self.config = player, player.config
        self._bank = filter_bank(player.config.tier.bands)

    def init(self, seed: int, batch: int = 1) -> BandState:
        """The state before the first step of `batch` sounds."""
        return BandState(self.player.init(seed, batch), self._bank.silence(batch), np.zeros((batch, 0, 1), np.float32))

    def prime(self, state: BandState, values: NDArray[Any], parameters: NDArray[Any] | None = None) -> BandState:
        """The state after given samples [B, T, 1] under parameters [B, T, C], as far as they fill whole steps."""
        N, batch = self._bank.bands, len(state.newest)
        check_block(values, batch, 1, "values to prime with")
        bands = np.stack([next(self._bank.split([sound[:, 0].astype(np.float32)])) for sound in values])
        given = None if parameters is None else parameters[:, : N * bands.shape[1] : N]
        newest = np.concatenate([state.newest, bands], axis=1)[:, -state.newest.shape[1] :]
        return BandState(self.player.prime(state.bands, bands, given), newest, state.pending[:, :0])

    def render(
        self, state: BandState, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[NDArray[np.float32], BandState]:
        """See `player.Player.render`."""
        T, there = parameters.shape[1], state.pending.shape[1]
        bands, after = self.player.render(state.bands, parameters[:, there :: self._bank.bands], temperature)
        made, newest = self._bank.synthesise(bands, state.newest)
        samples = np.concatenate([state.pending, made[..., None]], axis=1)
        return samples[:, :T], BandState(after, newest, samples[:, T:])
