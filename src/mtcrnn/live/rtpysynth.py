"""A model as a generator for RTPySynth (github.com/lonce/RTPySynth) and similar hosts.

synth = Generator("output/pops")          # has the methods of RTPySynth's BaseGenerator
synth.set_params([0.5])
samples = synth.generate(128, 48000)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soxr
from numpy.typing import NDArray

from mtcrnn.audio.stereo import mono
from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import fresh_seed
from mtcrnn.live.models import Models
from mtcrnn.rendering.stream import Stream


class Generator:
    """Sound from a model under normalised parameters, at any sample rate.

    Args:
        model: a run or model folder, or a recipe.
        init_norm_params: the first values of the parameters, 0 to 1; left out: the middle of each range.
        seed: decides all randomness; left out: drawn at random.
        temperature: 1 as trained, below 1 tamer, above 1 wilder.

    Attributes:
        param_labels: names of the parameters.
        norm_params: their values, 0 to 1.

    Raises:
        InputError: no such model.
    """

    def __init__(
        self,
        model: str,
        init_norm_params: Sequence[float] | None = None,
        seed: int | None = None,
        temperature: float = 1.0,
    ) -> None:
        opened = Models(model).open()
        self._stream = Stream(opened.player, fresh_seed() if seed is None else seed)
        self._stream.set({}, temperature)
        self.param_labels = list(self._stream.names)
        self._resampler: tuple[int, soxr.ResampleStream] | None = None
        self._made = np.zeros(0, np.float32)
        self.set_params([0.5] * len(self.param_labels) if init_norm_params is None else init_norm_params)
        self._stream.restart(self._stream.seed)

    def set_params(self, norm_params: Sequence[float]) -> None:
        """Move all parameters, each in 0 to 1 (clamped) over its range.

        Raises:
            InputError: the wrong number of values, or values that are not finite.
        """
        if len(norm_params) != len(self.param_labels) or not np.isfinite(norm_params).all():
            raise InputError(f"set_params takes {len(self.param_labels)} numbers from 0 to 1, not {list(norm_params)}")
        self.norm_params = [min(max(float(share), 0.0), 1.0) for share in norm_params]
        ranges = [self._stream.ranges[name] for name in self.param_labels]
        values = [r.at(share) for r, share in zip(ranges, self.norm_params, strict=True)]
        self._stream.set(dict(zip(self.param_labels, values, strict=True)))

    def generate(self, frames: int, sr: int) -> NDArray[np.float32]:
        """The next samples [frames] at `sr` Hz; stereo is mixed to mono."""
        if self._resampler is None or self._resampler[0] != sr:
            self._resampler = (sr, soxr.ResampleStream(self._stream.sample_rate, sr, 1, dtype="float32"))
            self._made = self._made[:0]
        parts = [self._made]
        while sum(map(len, parts)) < frames:
            samples = mono(self._stream.render().samples)
            parts.append(self._resampler[1].resample_chunk(samples) if sr != self._stream.sample_rate else samples)
        made = np.concatenate(parts)
        self._made = made[frames:]
        return made[:frames]

    def formatted_readouts(self) -> list[str]:
        """The parameters' values as text, in the user's units."""
        ranges = self._stream.ranges
        return [
            f"{self._stream.values[name]:.4g}" + (f" {units}" if (units := ranges[name].units) else "")
            for name in self.param_labels
        ]
