"""Mu-law codec: samples to codes and back (the companding law of ITU-T G.711, with any number of codes).

The code of a sample is an integer 0 .. Q-1. Encoding rounds, so that `encode(decode(k)) == k` for every code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mtcrnn.core.errors import InputError


@dataclass(frozen=True)
class MuLaw:
    """Mu-law companding with `channels` codes (Q), mu = Q - 1.

    >>> codec = MuLaw(256)
    >>> codec.encode([-1.0, 0.0, 1.0]).tolist()
    [0, 128, 255]
    >>> bool((codec.encode(codec.decode(np.arange(256))) == np.arange(256)).all())
    True
    """

    channels: int = 256

    def __post_init__(self) -> None:
        if not 2 <= self.channels <= 65536:
            raise InputError(f"`mulaw_channels` is {self.channels}; it must be 2 to 65536")

    def encode(self, samples: ArrayLike) -> NDArray[np.int64]:
        """Codes of samples in [-1, 1] (clipped): round((f(x) + 1) / 2 * mu), f(x) = sign(x) ln(1+mu|x|) / ln(1+mu)."""
        return np.floor(self._position(samples) + 0.5).astype(np.int64)

    def decode(self, codes: ArrayLike) -> NDArray[np.float32]:
        """Samples in [-1, 1] at the centres of the codes, float32, of the same shape."""
        return self._centres[np.asarray(codes)]

    @property
    def divisor(self) -> int:
        """The input of a network is code / divisor, in [0, 1]."""
        return self.channels - 1

    @property
    def silence(self) -> int:
        """The code of a sample of 0."""
        return int(self.encode(0.0))

    @cached_property
    def _centres(self) -> NDArray[np.float32]:
        return self._expand(np.arange(self.channels))

    def compand(self, samples: ArrayLike) -> NDArray[np.float64]:
        """f(x), -1 to 1, of samples in [-1, 1] (clipped); see `encode`."""
        mu = self.channels - 1
        x = np.clip(np.asarray(samples, dtype=np.float64), -1.0, 1.0)
        return np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)

    def _position(self, samples: ArrayLike) -> NDArray[np.float64]:
        """The positions of samples on the scale of codes, 0 .. mu, before rounding."""
        return (self.compand(samples) + 1.0) / 2.0 * (self.channels - 1)

    def _expand(self, position: NDArray[Any]) -> NDArray[np.float32]:
        """The samples at positions on the scale of codes: the inverse of `_position`."""
        mu = self.channels - 1
        y = 2.0 * position / mu - 1.0
        return (np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu).astype(np.float32)


class FloorMuLaw(MuLaw):
    """The original's codec, kept for its models: floor instead of round, and the network's input is code / Q.

    Decoding gives the centre of the bin that floor makes, so that `encode(decode(k)) == k` here too.
    """

    def encode(self, samples: ArrayLike) -> NDArray[np.int64]:
        """Codes of samples in [-1, 1] (clipped): floor((f(x) + 1) / 2 * mu)."""
        return np.floor(self._position(samples)).astype(np.int64)

    @property
    def divisor(self) -> int:
        """The input of a network is code / divisor, in [0, 1)."""
        return self.channels

    @cached_property
    def _centres(self) -> NDArray[np.float32]:
        codes = np.arange(self.channels)
        return self._expand(np.minimum(codes + 0.5, self.channels - 1))


CODECS = {"mulaw": MuLaw, "mulaw-floor": FloorMuLaw}
