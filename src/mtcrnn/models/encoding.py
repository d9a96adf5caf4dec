"""Encodings: how values in the user's units become what a net reads, and back. Needs no torch.

A value in the user's units is a sample in [-1, 1], or a parameter as it was labelled. Encoded, it is a mu-law code, or
a parameter normalised by its range. Data sets hold encoded values, and distributions are over encoded values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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
    """A net's distribution: its kind, `size` raw numbers per step, `draws` uniforms per sample.

    The distributions themselves are in `models.distributions` (torch) and `engine.samplers` (compiled).
    """

    kind: Literal["categorical", "normal", "mixture", "bands"]
    size: int
    draws: int


def categorical(codes: int) -> DistributionSpec:
    """A categorical distribution: a logit for each code; one uniform."""
    return DistributionSpec("categorical", codes, 1)


def normal(generated: int) -> DistributionSpec:
    """Independent normals: a mean and a raw std for each value; one uniform for each value."""
    return DistributionSpec("normal", 2 * generated, generated)


def mixture(generated: int, components: int = COMPONENTS) -> DistributionSpec:
    """Mixtures of normals: means, raw stds and raw weights of each value's components; two uniforms for each value."""
    return DistributionSpec("mixture", 3 * components * generated, 2 * generated)


class Encoding(ABC):
    """The encoding of one tier; see `encoding_of`.

    Attributes:
        names: what the tier generates.
        conditioned_on: the parameters that it is conditioned on.
        dtype: the type of encoded values in computations.
        stored: the smallest type that holds encoded values.
        resting: the encoded value that precedes the first one if there is no priming.
        bounds: the lowest and the highest encoded value.
        width: values of a step, G.
        size: how many numbers the net reads for one step's past values.
        onehot: whether these numbers are a one-hot code.
        divisor: otherwise, encoded values are divided by this, unless the net reads codes.
    """

    dtype: type[np.generic]
    stored: np.dtype[Any]
    resting: float
    bounds: tuple[Any, Any]
    size: int
    width: int
    onehot = False
    divisor: float = 1.0

    def __init__(self, tier: Tier, ranges: Mapping[str, Range]) -> None:
        self.names, self.conditioned_on = tier.generate, tier.prop
        self._ranges = ranges

    @abstractmethod
    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Encoded values [..., G] from values in the user's units."""

    @abstractmethod
    def decode(self, encoded: NDArray[Any]) -> NDArray[np.float32]:
        """The inverse of `encode`, float32."""

    @abstractmethod
    def distribution(self, mixed: bool) -> DistributionSpec:
        """What the raw numbers of a net mean; `mixed`: parameters have a mixture of normals, not one normal."""

    @abstractmethod
    def shift(self, noise: NDArray[np.float32]) -> NDArray[Any]:
        """What to add to encoded values for noise given as a fraction of their range."""

    def conditioning(self, parameters: NDArray[Any] | None, batch: int, steps: int) -> NDArray[np.float32]:
        """The conditioning, float32 [batch, steps, C], of parameters [batch, steps, C] in the user's units (or None).

        Raises:
            InputError: a wrong shape, or numbers that are not finite.
        """
        names = ", ".join(self.conditioned_on)
        parameters = np.zeros((batch, steps, 0)) if parameters is None else parameters
        check_block(parameters, batch, len(self.conditioned_on), f"parameters ({names or 'none'})")
        if parameters.shape[1] != steps:
            raise InputError(f"parameters for {parameters.shape[1]} steps, but there are {steps} steps")
        normal = normalise(parameters, self._ranges, self.conditioned_on)
        if not np.isfinite(normal).all():
            raise InputError(f"{names}: values too far outside the ranges that the model was trained on")
        return normal

    def encode_given(self, values: NDArray[Any], batch: int) -> NDArray[Any]:
        """Values [batch, T, G] to prime with, checked and encoded.

        Raises:
            InputError: a wrong shape, or numbers that are not finite.
        """
        check_block(values, batch, self.width, "values to prime with")
        return self.encode(values)


class CodeEncoding(Encoding):
    """Sound as mu-law codes up to its own span."""

    dtype = np.int64
    width = 1

    def __init__(self, tier: Tier, ranges: Mapping[str, Range], codec: str, spans: Sequence[float]) -> None:
        super().__init__(tier, ranges)
        self.spans = np.array(spans or [1.0] * tier.bands * tier.sound_channels)
        codes, self.onehot = tier.mulaw_channels, tier.onehot
        self.codec = CODECS[codec](codes)
        self.stored = np.min_scalar_type(codes - 1)
        self.resting = self.codec.silence
        self.bounds = 0, codes - 1
        self.size = codes if self.onehot else 1
        self.divisor = float(self.codec.divisor)

    def encode(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Samples, or amplitudes, to codes."""
        return self.codec.encode(values / self.spans)

    def decode(self, encoded: NDArray[Any]) -> NDArray[np.float32]:
        """Codes, of any type, to samples, or amplitudes."""
        return (self.codec.decode(np.asarray(encoded, np.int64)) * self.spans).astype(np.float32)

    def distribution(self, mixed: bool) -> DistributionSpec:
        """A categorical distribution over all codes."""
        return categorical(self.bounds[1] + 1)

    def shift(self, noise: NDArray[np.float32]) -> NDArray[np.int64]:
        """The noise in codes, rounded."""
        return np.rint(self.bounds[1] * noise).astype(np.int64)


class BandEncoding(CodeEncoding):
    """Sub-bands of sound as mu-law codes, those of each band up to its own span. Values are amplitudes [..., N].

    Of stereo, the sub-bands of the middle are followed by those of the side.
    """

    def __init__(self, tier: Tier, ranges: Mapping[str, Range], codec: str, spans: Sequence[float]) -> None:
        super().__init__(tier, ranges, codec, spans)
        self.size = self.width = tier.bands * tier.sound_channels

    def distribution(self, mixed: bool) -> DistributionSpec:
        """A categorical distribution for each band."""
        codes = self.bounds[1] + 1
        return DistributionSpec("bands", self.width * codes, self.width)


def band_beneath(k: int, bands: int) -> int:
    """The number of the code that the net tells to that of sub-band k > 0 apart from all before it.

    It is that of the next lower band; for the side's bands, `bands` and above, that of the same band of the middle.
    """
    return k - 1 if k < bands else k - bands


class RangeEncoding(Encoding):
    """Parameters normalised by their ranges: `low` is 0, `high` is 1."""

    dtype = np.float32
    stored = np.dtype(np.float32)
    resting = 0.5  # mid-range
    bounds = -np.inf, np.inf

    def __init__(self, tier: Tier, ranges: Mapping[str, Range]) -> None:
        super().__init__(tier, ranges)
        self.size = self.width = len(self.names)

    def encode(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Values in the user's units, normalised."""
        return normalise(values, self._ranges, self.names)

    def decode(self, encoded: NDArray[Any]) -> NDArray[np.float32]:
        """Normalised values, in the user's units."""
        return restore(encoded, self._ranges, self.names)

    def distribution(self, mixed: bool) -> DistributionSpec:
        """Normals or mixtures of normals, which also reach outside the ranges."""
        return (mixture if mixed else normal)(self.size)

    def shift(self, noise: NDArray[np.float32]) -> NDArray[np.float32]:
        """The noise unchanged."""
        return noise


def encoding_of(tier: Tier, ranges: Mapping[str, Range], codec: str = "mulaw", spans: Sequence[float] = ()) -> Encoding:
    """The encoding of a tier.

    Args:
        tier: the tier.
        ranges: of its parameters.
        codec: of sound, one of `mulaw.CODECS`.
        spans: of sound, or each of its sub-bands, the amplitude that the highest code stands for; 1 without them.
    """
    if tier.bands > 1:
        return BandEncoding(tier, ranges, codec, spans)
    return CodeEncoding(tier, ranges, codec, spans) if tier.is_audio else RangeEncoding(tier, ranges)


def check_block(array: NDArray[Any], batch: int, channels: int, what: str) -> None:
    """Raise InputError unless the array is [batch, steps, channels] and finite."""
    if array.ndim != 3 or array.shape[0] != batch or array.shape[2] != channels:
        raise InputError(f"{what}: the shape is {list(array.shape)}; it must be [{batch}, steps, {channels}]")
    if not np.isfinite(array).all():
        raise InputError(f"{what}: there are NaN or infinite numbers")
