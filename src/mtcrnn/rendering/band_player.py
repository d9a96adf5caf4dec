"""Sub-bands played as sound: a player of bands with the synthesis half of the filter bank after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.emphasis import Emphasis
from mtcrnn.audio.stereo import left_right, mid_side
from mtcrnn.audio.subbands import filter_bank
from mtcrnn.models.encoding import check_block
from mtcrnn.rendering.player import Player


@dataclass(frozen=True)
class BandState:
    """A rendering between two blocks; immutable.

    Attributes:
        bands: the state of the player of bands.
        newest: the newest steps [B channels, 15, N], which the filters still need.
        filters: the state [B channels, K, 2] of what undoes the emphasis.
        pending: frames [B, n, channels], n < N, of a step that the last block took only in part.
    """

    bands: Any
    newest: NDArray[np.float32]
    filters: NDArray[np.float64]
    pending: NDArray[np.float32]


class BandPlayer:
    """Sound from a player of sub-bands [B, n, channels N]; a step is under the parameters of its first sample.

    Args:
        player: of the bands.
        emphasis: of the sound that was split, the steps of `audio.emphasis`.
    """

    def __init__(self, player: Player, emphasis: Sequence[float] = ()) -> None:
        self.player, self.config = player, player.config
        tier = player.config.tier
        self._bank, self._channels = filter_bank(tier.bands), tier.sound_channels
        self._emphasis = Emphasis.of(emphasis, tier.sample_rate, tier.bands)
        self._undo = self._emphasis.played(tier.sample_rate)

    def init(self, seed: int, batch: int = 1) -> BandState:
        """The state before the first step of `batch` sounds."""
        sounds, nothing = batch * self._channels, np.zeros((batch, 0, self._channels), np.float32)
        return BandState(self.player.init(seed, batch), self._bank.silence(sounds), self._undo.rest(sounds), nothing)

    def prime(self, state: BandState, values: NDArray[Any], parameters: NDArray[Any] | None = None) -> BandState:
        """The state after given frames [B, T, channels] under parameters [B, T, C], as far as they fill whole steps."""
        N, channels = self._bank.bands, self._channels
        check_block(values, len(state.pending), channels, "values to prime with")
        frames = mid_side(values).astype(np.float32)
        emphasised = (self._emphasis.filtered([sound]) for sound in frames)
        bands = np.stack([next(self._bank.split(sound, channels)) for sound in emphasised])
        given = None if parameters is None else parameters[:, : N * bands.shape[1] : N]
        _, newest, filters = self._sound(bands, state)
        return BandState(self.player.prime(state.bands, bands, given), newest, filters, state.pending[:, :0])

    def render(
        self, state: BandState, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[NDArray[np.float32], BandState]:
        """See `player.Player.render`."""
        T, there = parameters.shape[1], state.pending.shape[1]
        bands, after = self.player.render(state.bands, parameters[:, there :: self._bank.bands], temperature)
        made, newest, filters = self._sound(bands, state)
        frames = made.reshape(len(bands), self._channels, made.shape[1]).transpose(0, 2, 1)
        sound = np.clip(left_right(frames), -1.0, 1.0)  # what is split may be louder than full scale
        samples = np.concatenate([state.pending, sound], axis=1)
        return samples[:, :T], BandState(after, newest, filters, samples[:, T:])

    def _sound(
        self, bands: NDArray[np.float32], state: BandState
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
        """The sounds [B channels, n N] of bands [B, n, channels N], and the states of the filters after them."""
        made, newest = self._bank.synthesise(self._by_channel(bands), state.newest)
        samples, filters = self._undo.run(made, state.filters)
        return samples, newest, filters

    def _by_channel(self, bands: NDArray[np.float32]) -> NDArray[np.float32]:
        """The bands [B, n, channels N] of each channel by themselves, [B channels, n, N]."""
        batch, steps, _ = bands.shape
        split = bands.reshape(batch, steps, self._channels, self._bank.bands)
        return split.transpose(0, 2, 1, 3).reshape(batch * self._channels, steps, self._bank.bands)
