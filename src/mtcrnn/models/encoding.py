"""Between the user's units and what a net works on. Needs no torch.

In the user's units audio is float32 in [-1, 1] and a parameter is as it was labelled; nets work on mu-law codes and on
normalised parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.mulaw import CODECS
from mtcrnn.config.ranges import normalise, restore
from mtcrnn.core.errors import InputError
from mtcrnn.models.config import ModelConfig

STD_FLOOR = 1e-3  # least std of a generated parameter, in network units: a thousandth of its range
COMPONENTS = 3  # normals that a generated parameter's mixture is made of
PHASED_LEAK = 0.001  # openness of a closed unit of a Phased LSTM at the end of its cycle
COLDEST = 1e-30  # a temperature below takes the likeliest value: its inverse would overflow in float32
EDGE = 2.0**-24  # uniforms are kept this far from 0 and 1, where the inverse normal CDF is infinite


class Units:
    """The conversions of one model.

    Attributes:
        config: the `ModelConfig`.
        codec: the mu-law codec of an audio tier.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.codec = CODECS[config.codec](config.tier.mulaw_channels)

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """User's units to what the model works on: audio samples [..., 1] to codes, parameters to network units."""
        tier = self.config.tier
        return self.codec.encode(values) if tier.is_audio else normalise(values, self.config.ranges, tier.generate)

    def decode(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """The inverse of `encode`, float32, in the user's units."""
        tier = self.config.tier
        return self.codec.decode(values) if tier.is_audio else restore(values, self.config.ranges, tier.generate)

    @property
    def resting(self) -> float:
        """The value that comes before the first where nothing primes: silence, or mid-range parameters."""
        return self.codec.silence if self.config.tier.is_audio else 0.5

    def normalise_conditions(self, conditions: NDArray[Any] | None, batch: int, steps: int) -> NDArray[np.float32]:
        """Conditions [batch, steps, C] in the user's units to network units; None where there is no conditioning.

        Raises:
            InputError: another shape, or numbers that are not finite.
        """
        names = self.config.tier.prop
        conditions = np.zeros((batch, steps, 0)) if conditions is None else conditions
        check_block(conditions, batch, len(names), f"conditions ({', '.join(names) or 'none'})")
        if conditions.shape[1] != steps:
            raise InputError(f"conditions for {conditions.shape[1]} steps, but there are {steps}")
        normal = normalise(conditions, self.config.ranges, names)
        if not np.isfinite(normal).all():
            raise InputError(f"{', '.join(names)}: values too far outside the ranges that the model was trained on")
        return normal

    def encode_given(self, values: NDArray[Any], batch: int) -> NDArray[Any]:
        """Values [batch, T, G] to prime with, encoded.

        Raises:
            InputError: another shape, or numbers that are not finite.
        """
        check_block(values, batch, len(self.config.tier.generate), "values to prime with")
        return self.encode(values)


def check_block(array: NDArray[Any], batch: int, channels: int, what: str) -> None:
    """Raise InputError unless the array is [batch, steps, channels] and finite."""
    if array.ndim != 3 or array.shape[0] != batch or array.shape[2] != channels:
        raise InputError(f"{what}: the shape is {list(array.shape)}; it must be [{batch}, steps, {channels}]")
    if not np.isfinite(array).all():
        raise InputError(f"{what}: there are NaN or infinite numbers")
