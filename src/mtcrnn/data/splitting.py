"""Sounds as they are split: of stereo the middle and the side, emphasised, in sub-bands; and what is measured for that.

All of it is read block by block, so that a long sound takes no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn.audio import emphasis
from mtcrnn.audio import files as sound_files
from mtcrnn.audio.stereo import mid_side
from mtcrnn.audio.subbands import filter_bank
from mtcrnn.config.tier import Tier
from mtcrnn.data.glides import Glide
from mtcrnn.data.skipping import Stretches, without

MOST_PERIODIC_DB = 15.0  # by which octaves are raised with a period
LEAST_SPAN = 1e-5  # of a sub-band, -100 dB of full scale


class Splitter:
    """The way from sounds to sub-bands.

    Args:
        tier: which generates the sounds.
        steps_db: the emphasis, see `audio.emphasis`.
    """

    def __init__(self, tier: Tier, steps_db: Sequence[float]) -> None:
        self._tier = tier
        self._emphasis = emphasis.Emphasis.of(steps_db, tier.sample_rate, tier.bands)

    def frames(self, source: sound_files.Source, glide: Glide | None = None) -> Iterator[NDArray[np.float32]]:
        """A sound, or its copy, before it is split, block by block [n, channels]."""
        blocks = map(mid_side, source)
        return self._emphasis.filtered(blocks if glide is None else [glide.play(blocks)])

    def split(self, source: sound_files.Source, glide: Glide | None = None) -> Iterator[NDArray[np.float32]]:
        """A sound, or its copy, in sub-bands, block by block: those of the middle, and of stereo also of the side."""
        return self.bands(self.frames(source, glide))

    def bands(self, frames: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """The sub-bands of such frames."""
        return filter_bank(self._tier.bands).split(frames, self._tier.sound_channels)

    def measure_spans(self, wavs: Sequence[Path], skipped: Sequence[Stretches]) -> tuple[float, ...]:
        """The highest amplitude of each sub-band in all sounds, but for the stretches `skipped` of each."""
        spans = np.full(self._tier.bands * self._tier.sound_channels, LEAST_SPAN)
        for wav, left_out in zip(
            tqdm(wavs, "measuring sub-bands", unit="file", delay=2, leave=False), skipped, strict=True
        ):
            with sound_files.source(wav, self._tier.sample_rate, self._tier.sound_channels) as source:
                for block in without(self.split(source), self._tier.step_rate, left_out):
                    spans = np.maximum(spans, np.abs(block).max(axis=0, initial=0.0))
        return tuple(spans.tolist())


def measure_emphasis(tier: Tier, wavs: Sequence[Path], skipped: Sequence[Stretches]) -> tuple[float, ...]:
    """What raises the low octaves of the lowest sub-band, in the mean of all sounds without the stretches `skipped`.

    Of sub-bands with a period, less: recorded rumble, raised more, pulls tones an octave down.
    """
    rate, bands = tier.sample_rate, tier.bands
    most_db = MOST_PERIODIC_DB if tier.period and bands > 1 else emphasis.MOST_DB
    energy = np.zeros(len(emphasis.octave_tops(rate, bands)))
    for wav, left_out in zip(tqdm(wavs, "measuring octaves", unit="file", delay=2, leave=False), skipped, strict=True):
        with sound_files.source(wav, rate, tier.sound_channels) as source:
            middle = (mid_side(block)[:, 0] for block in without(source, rate, left_out))
            energy += emphasis.measure(middle, rate, bands)
    return emphasis.raising(energy, rate, bands, most_db)
