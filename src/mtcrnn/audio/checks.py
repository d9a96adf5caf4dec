"""Checks of a recorded sound while it is read: clipping, silence, DC, phase. Found faults are errors or remarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError

LOUDEST = 8.0  # times full scale; louder files use other units (integers, volts)
CLIPPED, CLIPPED_RUN, CLIPPED_RUNS = 0.999, 3, 3  # share of full scale; samples in a row; number of such runs
ZEROS_S = 1.0  # seconds of exact zeros in a row: digital silence
DC, DC_SHARE = 0.005, 0.1  # share of full scale, and of the rms of the sound without it
CANCELLED_DB, WEAKENED_DB = -40.0, -10.0  # level of the mix relative to the file's channels


class SoundCheck:
    """Checks a sound block by block.

    Args:
        path: the file, for messages.
        rate: sample rate in Hz.

    Attributes:
        count: frames checked so far.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self._path, self._rate = path, rate
        self.count = 0
        self._peak = 0.0
        self._sum: Any = 0.0  # of the mix over frames, for each channel
        self._mixed_power = self._power = 0.0  # sums over frames of the channels' means: of the mix, and of the file
        self._zeros = self._longest_zeros = 0
        self._clipped = 0

    def add(self, frames: NDArray[np.float32], mixed: NDArray[np.float32]) -> None:
        """Check frames [n, channels] of a file and what is made of them, their mix [n, 1 or 2].

        Raises:
            InputError: samples that are not finite numbers, or far beyond full scale.
        """
        peak = max(float(frames.max()), -float(frames.min()))
        if not np.isfinite(frames.sum(dtype=np.float64)):
            raise InputError(f"{self._path} holds samples that are not finite numbers")
        if peak > LOUDEST:
            raise InputError(
                f"{self._path} holds samples up to {peak:g}, where 1 is full scale: divide them "
                f"({'by 32768' if peak <= 32768 else 'by their maximum'}) and write the file again"
            )
        self._peak = max(self._peak, peak)
        self._power += float((frames.astype(np.float64) ** 2).mean(axis=1).sum())
        self._mixed_power += float((mixed.astype(np.float64) ** 2).mean(axis=1).sum())
        self._sum = self._sum + mixed.sum(axis=0, dtype=np.float64)
        self._clipped += sum(_runs(np.abs(channel) >= CLIPPED, CLIPPED_RUN) for channel in frames.T)
        self._count_zeros(mixed)
        self.count += len(mixed)

    def _count_zeros(self, mixed: NDArray[np.float32]) -> None:
        sounding = np.flatnonzero(mixed.any(axis=1))
        if not len(sounding):
            self._zeros += len(mixed)
        else:
            within = int(np.diff(sounding).max(initial=1)) - 1
            self._longest_zeros = max(self._longest_zeros, self._zeros + int(sounding[0]), within)
            self._zeros = len(mixed) - 1 - int(sounding[-1])
        self._longest_zeros = max(self._longest_zeros, self._zeros)

    def remarks(self) -> dict[str, str]:
        """What is unusual about the sound, once all of it has been checked: the kind, and what was found.

        Raises:
            InputError: channels that cancel each other out.
        """
        found: dict[str, Any] = {}
        if self._peak > 1:
            found["samples beyond full scale, which are clipped"] = f"to {self._peak:.3g}"
        elif self._clipped >= CLIPPED_RUNS:
            found["clipping"] = f"{self._clipped} times"
        if not self._power:
            found["silence"] = "nothing but zeros"
            return found
        mix_db = 10 * np.log10(max(self._mixed_power / self._power, 1e-12))
        if mix_db < CANCELLED_DB:
            raise InputError(
                f"{self._path}: its channels cancel each other out when mixed to mono (one is the other inverted): "
                f"invert one of them, or keep only one"
            )
        if mix_db < WEAKENED_DB:
            found["channels out of phase"] = f"{-mix_db:.0f} dB are lost in mono"
        if self._longest_zeros >= ZEROS_S * self._rate:
            found["digital silence"] = f"{self._longest_zeros / self._rate:.1f} s of zeros in a row"
        mean = float(max(self._sum / self.count, key=abs))
        rest = max(self._mixed_power / self.count - mean**2, 0.0) ** 0.5
        if abs(mean) > max(DC, DC_SHARE * rest):
            found["DC (a mean that is not 0)"] = f"{mean:+.3f}"
        return found


def _runs(there: NDArray[np.bool_], least: int) -> int:
    """The number of runs of at least `least` True values."""
    if not there.any():
        return 0
    edges = np.flatnonzero(np.diff(there.astype(np.int8), prepend=0, append=0))
    return int((edges[1::2] - edges[::2] >= least).sum())
