"""Cascades: several tiers played as one player; slow tiers generate the parameters of the faster ones.

Value k of a tier with r values per second lies at k / r seconds, and a faster tier reads it with linear interpolation.
So a slow tier is always one value ahead. That value is generated under the controls at the moment when it is first
needed: a change of a control reaches a tier's output at most one of its steps late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import AUDIO, Tier
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.models.encoding import check_block
from mtcrnn.rendering.player import Interface, Player
from mtcrnn.runs.recipe import check_chain

Ints = NDArray[np.int64]
SAME_RANGE = 1e-6  # ends that differ by less, as a share of the range's width, are equal


@dataclass(frozen=True)
class CascadeConfig:
    """The interface of a cascade: it generates audio, under controls with these ranges."""

    tier: Tier
    ranges: dict[str, Range]
    knows_ranges: bool = True


@dataclass(frozen=True)
class TierState:
    """The state of one tier of a cascade.

    Attributes:
        state: its player's.
        values: [B, n, G], the generated values that faster tiers will still read.
        first: the step of the first of these values.
    """

    state: Any
    values: NDArray[np.float32]
    first: int

    @property
    def steps(self) -> int:
        """How many steps the tier has generated so far."""
        return self.first + self.values.shape[1]


@dataclass(frozen=True)
class CascadeState:
    """The state of a cascade: how many steps of audio it has generated, and the state of each tier by name."""

    position: int
    parts: dict[str, TierState]


class Given:
    """A player that takes a tier's place and returns given values; the last one is held.

    Args:
        config: the tier's interface.
        values: [B, N, G] in the user's units, at the tier's rate.
    """

    def __init__(self, config: Interface, values: NDArray[Any]) -> None:
        self.config, self.values = config, values.astype(np.float32)

    def init(self, seed: int, batch: int = 1) -> int:
        """The state before the first value."""
        return 0

    def prime(self, state: int, values: Any, parameters: NDArray[Any] | None = None) -> int:
        """The state as it was: given values do not depend on what came before."""
        return state

    def render(
        self, state: int, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[NDArray[np.float32], int]:
        """The next values, one for each step of the parameters; nothing is random."""
        steps = np.arange(state, state + parameters.shape[1])
        values = self.values[:, np.minimum(steps, self.values.shape[1] - 1)]
        return np.broadcast_to(values, (len(parameters), *values.shape[1:])), state + len(steps)


class Cascade:
    """Several tiers that play together, as one player.

    Args:
        tiers: their players by name; one of them generates audio.
        controls: names of the parameters [B, T, C] that the user gives, in order.

    Attributes:
        config: audio under the controls, with their ranges.
        order: names of the tiers, each after those that it is conditioned on; the last one generates the audio.

    Raises:
        InputError: tiers that do not fit together (see `runs.recipe.check_chain`), a tier that no other tier is
            conditioned on, no tier that generates audio, or a parameter whose range or units differ between two tiers.
    """

    def __init__(self, tiers: Mapping[str, Player], controls: Sequence[str]) -> None:
        self.players = dict(tiers)
        self.tiers = {name: player.config.tier for name, player in tiers.items()}
        self.controls = tuple(controls)
        self.order = check_chain("the cascade", self.tiers, self.controls)
        self._source = {p: (name, g) for name, tier in self.tiers.items() for g, p in enumerate(tier.generate)}
        self._below: dict[str, list[str]] = {  # for each tier, those that are conditioned on it
            name: [n for n, below in self.tiers.items() if set(below.prop) & set(tier.generate)]
            for name, tier in self.tiers.items()
        }
        if not any(tier.is_audio for tier in self.tiers.values()):
            raise InputError(f"no tier generates audio; the tiers are {listing(self.order)}")
        for name in self.order:
            if not self._below[name] and not self.tiers[name].is_audio:
                made = listing(self.tiers[name].generate)
                raise InputError(f"the tier {name} generates {made}, but no tier is conditioned on it")
        tier = replace(self.tiers[self.order[-1]], prop=self.controls)
        self.config = CascadeConfig(tier, {name: self._range(name) for name in self.controls})
        for name in self._source:
            if name != AUDIO:
                self._range(name)

    def init(self, seed: int, batch: int = 1) -> CascadeState:
        """The state before the first step; every tier has its own random numbers."""
        parts = {}
        for k, name in enumerate(self.order):
            own = int(generator(seed, Purpose.CASCADE, k).integers(2**31))
            nothing = np.zeros((batch, 0, self.tiers[name].columns), np.float32)
            parts[name] = TierState(self.players[name].init(own, batch), nothing, 0)
        return CascadeState(0, parts)

    def prime(self, state: CascadeState, values: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]) -> CascadeState:
        """The state after given values [B, T, G] of each tier under its own parameters [B, T, C], by name."""
        parts = {
            name: replace(part, state=self.players[name].prime(part.state, *values[name])) if name in values else part
            for name, part in state.parts.items()
        }
        return replace(state, parts=parts)

    def render(
        self, state: CascadeState, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[NDArray[np.float32], CascadeState]:
        """Audio [B, T, G] under controls [B, T, C], and the state after it; `temperature` is the audio tier's."""
        made, after = self.render_all(state, parameters, temperature)
        return made[self.order[-1]], after

    def render_all(
        self, state: CascadeState, parameters: NDArray[Any], temperature: float | None = None
    ) -> tuple[dict[str, NDArray[np.float32]], CascadeState]:
        """Like `render`, but returns what every tier generated, by name: [B, n, G], where n may be 0 in slow tiers."""
        batch = next(iter(state.parts.values())).values.shape[0]
        check_block(parameters, batch, len(self.controls), f"parameters ({', '.join(self.controls) or 'none'})")
        needed = self._needed(state.position + parameters.shape[1])
        parts, fresh = dict(state.parts), {}
        for name in self.order:
            steps = np.arange(parts[name].steps, needed[name])
            if not len(steps):
                fresh[name] = parts[name].values[:, :0]
                continue
            given = self._parameters(name, steps, parts, parameters, state.position)
            own_temperature = temperature if name == self.order[-1] else None
            fresh[name], own = self.players[name].render(parts[name].state, given, own_temperature)
            values = np.concatenate((parts[name].values, fresh[name]), axis=1)
            parts[name] = TierState(own, values, parts[name].first)
        after = {name: self._trimmed(name, part, needed) for name, part in parts.items()}
        return fresh, CascadeState(state.position + parameters.shape[1], after)

    def _needed(self, steps: int) -> dict[str, int]:
        """How many values each tier must have generated for the first `steps` of the audio."""
        needed = {self.order[-1]: steps}
        for name in reversed(self.order[:-1]):
            rate = self.tiers[name].sample_rate
            # the newest step of a faster tier lies at or before value ceil(step * rate / its rate)
            ends = [-(-(needed[n] - 1) * rate // self.tiers[n].sample_rate) + 1 for n in self._below[name] if needed[n]]
            needed[name] = max(ends, default=0)
        return needed

    def _moments(self, name: str, steps: Ints) -> Ints:
        """The audio step at which each of a tier's steps is first needed: the inverse of `_needed`."""
        if name == self.order[-1]:
            return steps
        rate = self.tiers[name].sample_rate
        firsts = [
            self._moments(n, np.where(steps > 0, (steps - 1) * self.tiers[n].sample_rate // rate + 1, 0))
            for n in self._below[name]
        ]
        return np.min(firsts, axis=0)

    def _parameters(
        self, name: str, steps: Ints, parts: Mapping[str, TierState], controls: NDArray[Any], position: int
    ) -> NDArray[np.float64]:
        """Parameters [B, n, C] for steps of a tier: the controls at that moment, and what slower tiers generated."""
        rate, columns = self.tiers[name].sample_rate, []
        moments = self._moments(name, steps) - position
        for parameter in self.tiers[name].prop:
            if parameter in self.controls:
                columns.append(controls[:, moments, self.controls.index(parameter)])
                continue
            upper, g = self._source[parameter]
            places = steps * self.tiers[upper].sample_rate
            left, weight = places // rate, (places % rate) / rate
            curve, first = parts[upper].values[..., g].astype(np.float64), parts[upper].first
            right = np.minimum(left + 1 - first, curve.shape[1] - 1)  # past the last value only with weight 0
            columns.append(curve[:, left - first] * (1 - weight) + curve[:, right] * weight)
        return np.stack(columns, axis=-1) if columns else np.zeros((len(controls), len(steps), 0))

    def _trimmed(self, name: str, part: TierState, needed: Mapping[str, int]) -> TierState:
        """A tier's state without the values that no other tier will read again."""
        rate = self.tiers[name].sample_rate
        ahead = [needed[n] * rate // self.tiers[n].sample_rate for n in self._below[name]]
        first = min(ahead, default=part.steps)
        return TierState(part.state, part.values[:, first - part.first :].copy(), first)

    def _range(self, parameter: str) -> Range:
        """A parameter's range, on which all tiers that know it must agree. Raises InputError where they do not."""
        known = [
            (name, player.config.ranges[parameter])
            for name, player in self.players.items()
            if parameter in player.config.ranges
        ]
        (first, range_), *others = known
        for name, other in others:
            ends = abs(other.low - range_.low) + abs(other.high - range_.high)
            if ends > SAME_RANGE * abs(range_.high - range_.low) or other.units != range_.units:
                shown = [f"{r.low:g} to {r.high:g}{f' {r.units}' if r.units else ''}" for r in (range_, other)]
                raise InputError(
                    f"{parameter} is {shown[0]} for the tier {first}, but {shown[1]} for {name}: train both on "
                    f"the same param files"
                )
        return range_
