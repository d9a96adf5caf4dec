"""Reading the sounds of a data set: their codes, those of copies that glide, what a net reads of them, and the past."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.clock import LOWEST_HZ
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import listing
from mtcrnn.data.ending import SILENT_END_S, Ending
from mtcrnn.data.glides import LONGEST_COPY_S, Glide, can_move
from mtcrnn.data.harmonics import change_odd_harmonics
from mtcrnn.data.params import Param
from mtcrnn.data.past import Past
from mtcrnn.data.splitting import Splitter
from mtcrnn.data.store import Store
from mtcrnn.data.tuning import LABELS_PER_S, Tuning
from mtcrnn.data.windows import tail_of
from mtcrnn.models.encoding import Encoding
from mtcrnn.models.lookback import LONGEST_S, hertz_in, lookback_of

log = logging.getLogger(__name__)


class Reader:
    """Reads sounds, or for a tier of parameters their curves, one after another; then copies of the sounds.

    Args:
        tier: what is generated.
        wavs: the sounds.
        curves: of every parameter, by name, for each sound.
        ranges: of the parameters.
        encoding: of what is generated.
        splitter: of the sounds.

    Attributes:
        curves: of each sound and each copy, in the order of the tier's `prop`.
        lengths: of each, in steps.
        sums: checksums of the sounds' codes.
    """

    def __init__(
        self,
        tier: Tier,
        wavs: Sequence[Path],
        curves: Mapping[str, Sequence[Param]],
        ranges: Mapping[str, Range],
        encoding: Encoding,
        splitter: Splitter,
    ) -> None:
        self._tier, self._wavs, self._ranges = tier, wavs, ranges
        self._encoding, self._splitter = encoding, splitter
        self._generated = [curves[name] for name in tier.generate if name in curves]  # empty for sound
        self._glides: list[Glide] = []
        self._lookback = lookback_of(tier, ranges, encoding)
        self._factors: list[NDArray[np.float64]] = []  # of each sound, see `tuning`
        self._disturbed = False
        self.curves = [[curves[name][i] for name in tier.prop] for i in range(len(wavs))]
        self.lengths: list[int] = []
        self.sums: list[int] = []

    def read(self, semitones: float) -> tuple[NDArray[Any], list[int]]:
        """The encoded values [N, G] of all sounds and of copies that glide; and the number of each copy's sound.

        Args:
            semitones: by which copies glide; 0: there are none.
        """
        store, remarks = Store(self._encoding.stored), dict[str, list[str]]()
        for i in tqdm(range(len(self._wavs)), "reading sounds", unit="file", delay=2, leave=False):
            self._read_sound(i, store, remarks)
        for kind, which in sorted(remarks.items()):
            log.warning("%s in %d of %d sounds: %s", kind, len(which), len(self._wavs), listing(which, 5))
        self._glides = self._copies(semitones)
        for glide in tqdm(self._glides, "gliding", unit="file", delay=2, leave=False):
            with self._open(glide.number) as source:
                blocks = [self._encoding.encode(block) for block in self._splitter.split(source, glide)]
            for block in blocks:
                store.add(block)
            self.lengths.append(sum(map(len, blocks)))
            self.curves.append(self._gliding(glide))
        return store.array(self._encoding.width), [glide.number for glide in self._glides]

    def read_disturbed(self, values: NDArray[Any]) -> NDArray[Any]:
        """The encoded values [N, G] that a net reads while it learns, see `harmonics`: `values` without pitches.

        Afterwards, the past is that of the sounds as they are read.
        """
        if self._lookback is None or not self._pitches():
            return values
        self._disturbed, store = True, Store(self._encoding.stored)
        for j in tqdm(range(len(self.lengths)), "reading harmonics", unit="file", delay=2, leave=False):
            left = self.lengths[j]
            with self._open(self._number(j)) as source:
                for block in self._splitter.bands(self._frames(source, j)):
                    store.add(self._encoding.encode(block)[:left])
                    left -= min(len(block), left)
        return store.array(self._encoding.width)

    def read_past(self) -> Past | None:
        """What was a period ago in all of them; None without periods."""
        if self._lookback is None:
            return None
        past = Past(self._lookback, self._encoding)
        for j in tqdm(range(len(self.lengths)), "reading periods", unit="file", delay=2, leave=False):
            with self._open(self._number(j)) as source:
                sound = self._frames(source, j)
                past.add(sound, self.curves[j], self.lengths[j], self._tuned(self._number(j)))
        past.close()
        for name, share in past.without().items():
            log.warning("%s says no period, or one above %g s, in %.0f%% of the sound", name, LONGEST_S, 100 * share)
        return past

    def _number(self, j: int) -> int:
        """The sound that sound or copy j is made of."""
        return j if j < len(self._wavs) else self._glides[j - len(self._wavs)].number

    def _tuned(self, i: int) -> NDArray[np.float64]:
        """By which factor sound i repeats more often than its parameters say, for each that says a period."""
        assert self._lookback is not None
        if not self._factors:
            tuning = Tuning(self._lookback)
            self._factors = [tuning.measure(wav, self.curves[k]) for k, wav in enumerate(self._wavs)]
            tuning.report()
        return self._factors[i]

    def _pitches(self) -> list[int]:
        """The numbers of the periods that are pitches: at all values of the parameter, it repeats so often."""
        found = []
        for p, period in enumerate(self._tier.periods):
            range_ = self._ranges[period.name]
            if hertz_in(period, range_).min() >= LOWEST_HZ:
                found.append(p)
        return found

    def _frames(self, source: sound_files.Source, j: int) -> Iterator[NDArray[np.float32]]:
        """Sound or copy j as a net reads it, before it is split. The tail of a sound, which may be held out, stays."""
        copied = j >= len(self._wavs)
        frames = self._splitter.frames(source, self._glides[j - len(self._wavs)] if copied else None)
        if not self._disturbed:
            return frames
        assert self._lookback is not None
        rate, steps, curves = self._tier.sample_rate, self.lengths[j], self.curves[j]
        end = (steps if copied else steps - tail_of(steps, self._tier.step_rate)) * self._tier.bands
        labels = int(steps * self._tier.bands / rate * LABELS_PER_S) + 1
        hertz = self._lookback.hertz(np.stack([curve.sample(LABELS_PER_S, 0, labels) for curve in curves], axis=-1))
        for p in self._pitches():
            often = hertz[:, p] * self._tuned(self._number(j))[p]
            frames = change_odd_harmonics(frames, rate, often, len(self._tier.periods) * j + p, end)
        return frames

    def _open(self, i: int) -> Any:
        """Sound i, opened at the tier's rate; of parameters, at its own."""
        rate = self._tier.sample_rate if self._tier.is_audio else None
        return sound_files.source(self._wavs[i], rate, self._tier.sound_channels)

    def _read_sound(self, i: int, store: Store, remarks: dict[str, list[str]]) -> None:
        """Add the values of sound i, and what is remarkable about it, by kind."""
        ending = Ending(self._encoding.resting, round(SILENT_END_S * self._tier.step_rate))
        length = checksum = 0
        with self._open(i) as source:
            codes = map(self._encoding.encode, self._blocks(source, i))
            for block in ending.left_out(codes) if self._tier.is_audio else codes:
                checksum = zlib.crc32(store.add(block), checksum)
                length += len(block)
        for kind, found in self._remarks(source, ending) if self._tier.is_audio else ():
            name = self._wavs[i].name
            remarks.setdefault(kind, []).append(f"{name} ({found})" if found else name)
        self.lengths.append(length)
        self.sums.append(checksum)

    def _blocks(self, source: sound_files.Source, i: int) -> Iterator[NDArray[Any]]:
        """What this tier generates, in the user's units: blocks [n, G] of sound, or all curves of a sound [N, G]."""
        if not self._generated:
            yield from self._splitter.split(source)
            return
        length = int(sum(len(block) for block in source) / source.sample_rate * self._tier.sample_rate)
        curves = [column[i].sample(self._tier.sample_rate, 0, length) for column in self._generated]
        yield np.stack(curves, axis=-1)

    def _remarks(self, source: sound_files.Source, ending: Ending) -> Iterator[tuple[str, str]]:
        """What the user should know about how a sound was read: (kind of remark, details)."""
        if source.file_channels != source.channels:
            mixed = f"{source.file_channels} channels, mixed to mono" if source.file_channels > 1 else "mono"
            yield f"{mixed}, in the centre," if source.channels > 1 else f"{mixed},", ""
        if source.file_sample_rate != source.sample_rate:
            yield f"{source.file_sample_rate} Hz, resampled to {source.sample_rate} Hz,", ""
        yield from source.remarks.items()
        if ending.silent:
            yield "silence at the end, left out,", f"{ending.silent / self._tier.step_rate:.1f} s"

    def _copies(self, semitones: float) -> list[Glide]:
        """The copies of all sounds, without their tails, which may be held out."""
        periods = self._tier.periods
        if not semitones or not periods or not all(can_move(p, self._ranges[p.name]) for p in periods):
            return []
        rate, bands = self._tier.sample_rate, self._tier.bands
        kept = [steps - tail_of(steps, self._tier.step_rate) for steps in self.lengths]
        most = round(LONGEST_COPY_S * rate)
        return [Glide(semitones, i, min(steps * bands, most), rate) for i, steps in enumerate(kept) if steps]

    def _gliding(self, glide: Glide) -> list[Param]:
        """The parameters of a copy."""
        periods = {period.name: period for period in self._tier.periods}
        curves = zip(self._tier.prop, self.curves[glide.number], strict=True)
        return [glide.curve(curve, periods.get(name), self._ranges[name]) for name, curve in curves]
