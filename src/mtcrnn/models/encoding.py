"""How the values of a model become what its net reads, and back. Needs no torch.

A value is in the user's units: a sample in [-1, 1], or a parameter as it was labelled. Encoded, it is a mu-law code or
a number of its range; so it stands in a data set, and so a distribution draws it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.mulaw import CODECS
from mtcrnn.config.ranges import Range, normalise, restore
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.models.constants import COMPONENTS


@dataclass(frozen=True)
class DistributionSpec:
    """What a net's raw numbers mean: a kind of distribution, of `size` numbers a step; a draw takes `draws` uniforms.

    The distributions themselves are in `models.distributions` (torch) and in `engine.samplers`.
    """

    kind: Literal["categorical", "normal", "mixture"]
    size: int
    draws: int


def categorical(codes: int) -> DistributionSpec:
    """A logit for each code; one uniform."""
    return DistributionSpec("categorical", codes, 1)


def normal(generated: int) -> DistributionSpec:
    """A mean and a raw std for each value; a uniform for each."""
    return DistributionSpec("normal", 2 * generated, generated)


def mixture(generated: int, components: int = COMPONENTS) -> DistributionSpec:
    """Means, raw stds and raw weights of the components of each value; two uniforms for each value."""
    return DistributionSpec("mixture", 3 * components * generated, 2 * generated)


class Encoding(ABC):
    """The encoding of one tier; see `encoding_of`.

    Attributes:
        names: what the tier generates.
        given: the parameters that it is conditioned on.
        dtype: of encoded values.
        stored: the smallest type that holds them.
        resting: the encoded value that comes before the first where nothing primes.
        bounds: the lowest and the highest encoded value.
        size: numbers that a past value enters the net as.
        onehot: they are a one-hot code.
        divisor: else encoded values are divided by this, unless the net reads codes.
    """

    dtype: type[np.generic]
    stored: np.dtype[Any]
    resting: float
    bounds: tuple[Any, Any]
    size: int
    onehot = False
    divisor: float = 1.0

    def __init__(self, tier: Tier, ranges: Mapping[str, Range]) -> None:
        self.names, self.given = tier.generate, tier.prop
        self._ranges = ranges

    @abstractmethod
    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Encoded values [..., G] from values in the user's units."""

    @abstractmethod
    def decode(self, encoded: NDArray[Any]) -> NDArray[np.float32]:
        """The inverse of `encode`, float32."""

    @abstractmethod
    def distribution(self, mixed: bool) -> DistributionSpec:
        """What the raw numbers of a net mean; `mixed`: a mixture, for what has one."""

    @abstractmethod
    def shift(self, noise: NDArray[np.float32]) -> NDArray[Any]:
        """What to add to encoded values for noise in shares of their range."""

    def conditioning(self, parameters: NDArray[Any] | None, batch: int, steps: int) -> NDArray[np.float32]:
        """What conditions the net, from parameters [batch, steps, C] in the user's units; None where there are none.

        Raises:
            InputError: another shape, or numbers that are not finite.
        """
        names = ", ".join(self.given)
        parameters = np.zeros((batch, steps, 0)) if parameters is None else parameters
        check_block(parameters, batch, len(self.given), f"parameters ({names or 'none'})")
        if parameters.shape[1] != steps:
            raise InputError(f"parameters for {parameters.shape[1]} steps, but there are {steps}")
        normal = normalise(parameters, self._ranges, self.given)
        if not np.isfinite(normal).all():
            raise InputError(f"{names}: values too far outside the ranges that the model was trained on")
        return normal

    def encode_given(self, values: NDArray[Any], batch: int) -> NDArray[Any]:
        """Values [batch, T, G] to prime with, encoded.

        Raises:
            InputError: another shape, or numbers that are not finite.
        """
        check_block(values, batch, len(self.names), "values to prime with")
        return self.encode(values)


class CodeEncoding(Encoding):
    """Sound as mu-law codes."""

    dtype = np.int64

    def __init__(self, tier: Tier, ranges: Mapping[str, Range], codec: str) -> None:
        super().__init__(tier, ranges)
        codes, self.onehot = tier.mulaw_channels, tier.onehot
        self.codec = CODECS[codec](codes)
        self.stored = np.min_scalar_type(codes - 1)
        self.resting = self.codec.silence
        self.bounds = 0, codes - 1
        self.size = codes if self.onehot else 1
        self.divisor = float(self.codec.divisor)

    def encode(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Codes of samples."""
        return self.codec.encode(values)

    def decode(self, encoded: NDArray[Any]) -> NDArray[np.float32]:
        """Samples of codes, of any type."""
        return self.codec.decode(np.asarray(encoded, np.int64))

    def distribution(self, mixed: bool) -> DistributionSpec:
        """Over all codes."""
        return categorical(self.bounds[1] + 1)

    def shift(self, noise: NDArray[np.float32]) -> NDArray[np.int64]:
        """Whole codes."""
        return np.rint(self.bounds[1] * noise).astype(np.int64)


class RangeEncoding(Encoding):
    """Parameters as numbers of their ranges, `low` 0 and `high` 1."""

    dtype = np.float32
    stored = np.dtype(np.float32)
    resting = 0.5  # mid-range
    bounds = -np.inf, np.inf

    def __init__(self, tier: Tier, ranges: Mapping[str, Range]) -> None:
        super().__init__(tier, ranges)
        self.size = len(self.names)

    def encode(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Numbers of the ranges."""
        return normalise(values, self._ranges, self.names)

    def decode(self, encoded: NDArray[Any]) -> NDArray[np.float32]:
        """Values in the user's units."""
        return restore(encoded, self._ranges, self.names)

    def distribution(self, mixed: bool) -> DistributionSpec:
        """Over each number's range, and beyond."""
        return (mixture if mixed else normal)(self.size)

    def shift(self, noise: NDArray[np.float32]) -> NDArray[np.float32]:
        """The noise itself."""
        return noise


def encoding_of(tier: Tier, ranges: Mapping[str, Range], codec: str = "mulaw") -> Encoding:
    """The encoding of a tier whose parameters have these ranges; `codec`, out of `mulaw.CODECS`, is that of sound."""
    return CodeEncoding(tier, ranges, codec) if tier.is_audio else RangeEncoding(tier, ranges)


def check_block(array: NDArray[Any], batch: int, channels: int, what: str) -> None:
    """Raise InputError unless the array is [batch, steps, channels] and finite."""
    if array.ndim != 3 or array.shape[0] != batch or array.shape[2] != channels:
        raise InputError(f"{what}: the shape is {list(array.shape)}; it must be [{batch}, steps, {channels}]")
    if not np.isfinite(array).all():
        raise InputError(f"{what}: there are NaN or infinite numbers")
