"""Dither: a little noise on the sounds of a data set, below the steps of the codes.

What was made on a computer can be exactly silent, and begins out of silence by steps of one code. A net that has heard
only that takes its own smallest error for such a beginning, and plays an event that nobody asked for (docs/log.md).
Recordings have a noise of their own above this one.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.rng import Purpose, generator
from mtcrnn.models.encoding import Encoding

DITHER = 1.0  # rms, in steps between the codes at silence


class Dither:
    """The noise on one sound, a pure function of its name and of how often it was called.

    Args:
        encoding: of sound.
        name: of the file, so that a sound has the same noise whatever other sounds there are.
        stream: which of several independent noises.
    """

    def __init__(self, encoding: Encoding, name: str, stream: int = 0) -> None:
        rest = np.full(encoding.width, encoding.resting)
        self._rms = DITHER * (encoding.decode(rest + 1) - encoding.decode(rest))
        self._rng = generator(zlib.crc32(name.encode()), Purpose.DITHER, stream)

    def __call__(self, amplitudes: NDArray[Any]) -> NDArray[np.float32]:
        """Amplitudes [..., G] with noise."""
        noise = self._rng.standard_normal(amplitudes.shape, dtype=np.float32)
        return (amplitudes + self._rms * noise).astype(np.float32)
