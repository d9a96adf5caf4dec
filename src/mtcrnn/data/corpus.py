"""A data set in memory: the encoded values and curves of all files, and batches of windows drawn from them.

The values of all files are concatenated in one array, so a batch is one gather. The curves are kept as knots. Large
arrays are memory-mapped, see `store`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.ranges import Range, range_warning
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.files import nfc
from mtcrnn.core.rng import Purpose, generator
from mtcrnn.data.curves import Curves
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.params import range_of
from mtcrnn.data.reading import Reader
from mtcrnn.data.skipping import outside, runs, skipped_in
from mtcrnn.data.splitting import Splitter
from mtcrnn.data.windows import Streams, Windows, make_windows, tail_of
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.encoding import encoding_of

log = logging.getLogger(__name__)

SCALED, GAINS = 0.3, (-30.0, 15.0)  # share of the windows with a softer or louder past, and by how many dB
LEAST_HELD_OUT = 16  # steps of a held-out window


@dataclass(frozen=True)
class Batch:
    """Windows of T steps: encoded values [B, T+1, G] and conditioning [B, T, C].

    Step t reads inputs[:, t] and conditioning[:, t]; its target is values[:, t+1]. The conditioning is that at the
    time of the target: the parameters, then what was there a period ago. The inputs [B, T, G] are the values, but where
    `data.harmonics` has changed them.
    """

    values: NDArray[Any]
    conditioning: NDArray[np.float32]
    inputs: NDArray[Any]


class Corpus:
    """The files of a data set, encoded for one tier.

    Attributes:
        names: the sounds, in the order in which they are stored.
        offsets: int64 [files + 1]; file i is values[offsets[i]:offsets[i + 1]].
        values: [N, G], encoded, in the smallest type that holds them; see `models.encoding`.
        inputs: likewise, what a net reads of them.
        kept: the stretches (first value, end) of each sound that its param file does not say to skip.
        conditioning: the parameters of every step, see `Curves`.
        past: what was a period ago at every step; None without periods.
        meta: what the first param file says of the data set.
        ranges: the range of every parameter, in the user's units.
        fingerprints: for each file, by its path inside the folder: its number of values, a checksum of the values and
            a checksum of the curves and of what is skipped.
    """

    def __init__(
        self,
        tier: Tier,
        data: ParamManager,
        ranges: dict[str, Range] | None = None,
        codec: str = "mulaw",
        spans: Sequence[float] = (),
        emphasis: Sequence[float] = (),
        glides: float = 0.0,
        disturbed: bool = False,
    ) -> None:
        """Read all files.

        Args:
            tier: what is generated, what it is conditioned on, and the rate.
            data: the sounds and param files.
            ranges: the parameters' ranges, if a model has fixed them already; else they are taken from the data.
            codec: the codec of sound, see `encoding_of`.
            spans: if a model has fixed them already; else those of sub-bands, and of emphasised sound, are the highest
                amplitudes in the data.
            emphasis: the steps of `audio.emphasis`.
            glides: by how many semitones copies of the sounds move, see `data.glides`; 0: no copies.
            disturbed: what a net reads is disturbed as in `data.harmonics`: for training.

        Raises:
            InputError: no sounds, an invalid sound, a missing or invalid param file, a parameter that a file lacks.
        """
        self.tier = tier
        self.names = data.wavs(log_left_out=True)
        files = list(data.files(self.names)) if tier.parameters else []
        curves = {name: [file.get(name, data.path_of(wav)) for wav, file in files] for name in tier.parameters}
        self.meta = files[0][1].meta if files else {}
        self.ranges = ranges or {name: range_of(found) for name, found in curves.items()}
        read = [file.skipped(data.path_of(wav)) for wav, file in files]
        skipped = read or skipped_in(data, self.names)
        splitter, self.spans = Splitter(tier, emphasis), tuple(spans)
        if not spans and (tier.bands > 1 or emphasis):
            self.spans = splitter.measure_spans(self.names, skipped)
        self._encoding = encoding_of(tier, self.ranges, codec, self.spans)
        reader = Reader(tier, self.names, curves, self.ranges, self._encoding, splitter)
        self.values, self._copied = reader.read(glides)
        self.inputs = reader.read_disturbed(self.values) if disturbed else self.values
        self.offsets = np.concatenate([[0], np.cumsum(reader.lengths)]).astype(np.int64)
        self.kept = [
            [(start + first, start + end) for first, end in runs(outside(np.arange(steps) / tier.step_rate, left_out))]
            for start, steps, left_out in zip(self.offsets.tolist(), reader.lengths, skipped, strict=False)
        ]
        self.conditioning = Curves(reader.curves, self.offsets, tier.step_rate, tier.prop, self.ranges)
        self.past = reader.read_past()
        self.fingerprints = {
            data.relative(wav): (reader.lengths[i], reader.sums[i], self.conditioning.checksum(i, skipped[i]))
            for i, wav in enumerate(self.names)
        }
        if ranges:
            for name in tier.prop:
                if warning := range_warning(name, *self.conditioning.extremes(name, len(self.names)), ranges[name]):
                    log.warning("%s", warning)

    @classmethod
    def of_model(cls, config: ModelConfig, data: ParamManager, glides: float = 0.0, disturbed: bool = False) -> Self:
        """A data set as a model reads it. Raises InputError as the class does."""
        return cls(config.tier, data, config.ranges, config.codec, config.spans, config.emphasis, glides, disturbed)

    def samples(self, i: int) -> int:
        """How many samples sound i has, without silence at its end."""
        return int(self.offsets[i + 1] - self.offsets[i]) * self.tier.bands

    def amplitudes(self, start: int, end: int) -> NDArray[np.float32]:
        """The values start .. end-1 [n, G], decoded: of sound samples, or those of sub-bands, still emphasised."""
        return self._encoding.decode(self.values[start:end])

    def conditions(self, start: int, end: int) -> NDArray[np.float32]:
        """What the steps start .. end-1 are conditioned on [n, C]: the parameters, then what was a period ago."""
        parameters = self.conditioning[start:end]
        return parameters if self.past is None else np.hstack([parameters, self.past.numbers(slice(start, end))])

    def changes(self, before: Mapping[str, Sequence[int]]) -> list[str]:
        """The differences between this data set and the one with the fingerprints `before`, one line for each kind."""
        both = [name for name in self.fingerprints if name in before]
        kinds = {
            "new": [name for name in self.fingerprints if name not in before],
            "removed": [name for name in before if name not in self.fingerprints],
            "sound changed": [name for name in both if tuple(self.fingerprints[name][:2]) != tuple(before[name][:2])],
            "labels changed": [name for name in both if self.fingerprints[name][2] != before[name][2]],
        }
        return [f"{kind}: {listing(names)}" for kind, names in kinds.items() if names]

    def split(self, seq_len: int, stride: int, holdout: str) -> tuple[Windows, Windows]:
        """Training windows, and held-out windows that share no value with them.

        Args:
            seq_len: steps in a window, T; a window holds T+1 values.
            stride: shift between neighbouring training windows. Held-out windows do not overlap; they are shorter than
                `seq_len` if no file has so long a tail.
            holdout: 'tail', 'file:NAME' or 'none', see `config.train.Train`.

        Raises:
            InputError: every file is too short, or no file has the name in `holdout`.
        """
        training, testing, short = [], [], []
        self._check_holdout(holdout)
        held_out_len = self._held_out_len(seq_len) if holdout == "tail" else seq_len
        for i, wav in enumerate(self.names):
            start, end = int(self.offsets[i]), int(self.offsets[i + 1])
            if end - start < seq_len + 1:
                short.append(f"{wav.name} ({end - start})")
                continue
            if _is_held_out(wav, holdout):
                testing += [part for part in self.kept[i] if part[1] - part[0] > seq_len]
                continue
            tail = tail_of(end - start, self.tier.step_rate) if holdout == "tail" else 0
            if tail > held_out_len and end - start - tail > seq_len:
                testing += [part for part in self._parts(i, end - tail, end) if part[1] - part[0] > held_out_len]
                end -= tail
            training += [part for part in self._parts(i, start, end) if part[1] - part[0] > seq_len]
        for j, i in enumerate(self._copied, len(self.names)):
            start, end = int(self.offsets[j]), int(self.offsets[j + 1])
            whole = self.kept[i] == [(int(self.offsets[i]), int(self.offsets[i + 1]))]  # a copy has other times
            if whole and end - start > seq_len and not _is_held_out(self.names[i], holdout):
                training.append((start, end))
        limit = f"a window of `seq_len` {seq_len} needs {seq_len + 1} values"
        if not training:
            there = listing(short) if short else "only shorter stretches that are not skipped"
            raise InputError(f"no file is long enough to train on: {limit}, but there are {there}")
        if short:
            log.warning("left out as too short (%s): %s", limit, listing(short))
        return make_windows(training, seq_len, stride), make_windows(testing, held_out_len, held_out_len + 1)

    def held_out(self, holdout: str) -> list[tuple[int, int, int]]:
        """The held-out parts, each as (file, first value, end); `holdout` as in `split`, or 'all'."""
        self._check_holdout(holdout)
        found = []
        for i, wav in enumerate(self.names):
            start, end = int(self.offsets[i]), int(self.offsets[i + 1])
            if holdout == "all" or _is_held_out(wav, holdout):
                found += [(i, max(first, start + 1), last) for first, last in self.kept[i]]
            elif holdout == "tail":
                tail = tail_of(end - start, self.tier.step_rate)
                found += [(i, *part) for part in self._parts(i, end - tail, end)]
        return found

    def longest(self, i: int) -> tuple[int, int]:
        """The longest stretch (first value, end) of sound i that is kept."""
        return max(self.kept[i], key=lambda part: part[1] - part[0], default=(int(self.offsets[i]),) * 2)

    def _parts(self, i: int, start: int, end: int) -> list[tuple[int, int]]:
        """What is kept of the values start .. end-1 of sound i, as stretches."""
        parts = [(max(first, start), min(last, end)) for first, last in self.kept[i]]
        return [(first, last) for first, last in parts if first < last]

    def _check_holdout(self, holdout: str) -> None:
        if holdout.startswith("file:") and not any(_is_held_out(wav, holdout) for wav in self.names):
            raise InputError(f"`holdout` {holdout}: no such sound; there are {listing(w.name for w in self.names)}")

    def _held_out_len(self, seq_len: int) -> int:
        """Steps of a window of a tail: `seq_len`, or half of the longest tail if none is longer than that."""
        lengths = np.diff(self.offsets)[: len(self.names)].tolist()
        longest = max(tail_of(length, self.tier.step_rate) for length in lengths)
        return seq_len if longest > seq_len else max(longest // 2, LEAST_HELD_OUT)

    def gather(self, starts: NDArray[np.int64], seq_len: int, gains: NDArray[np.float64] | None = None) -> Batch:
        """The windows that start at `starts`; `gains` as in `Past.numbers`."""
        values = self.values[starts[:, None] + np.arange(seq_len + 1)].astype(self._encoding.dtype, copy=False)
        conditioning = self.conditioning.windows(starts + 1, seq_len)
        if self.past is not None:
            past = self.past.numbers(starts[:, None] + 1 + np.arange(seq_len), gains)
            conditioning = np.concatenate([conditioning, past], axis=-1)
        return Batch(values, conditioning, self._inputs(starts[:, None] + np.arange(seq_len)))

    def _inputs(self, steps: NDArray[np.int64]) -> NDArray[Any]:
        return self.inputs[steps].astype(self._encoding.dtype, copy=False)

    def follow(self, streams: Streams, share: slice, seq_len: int, seed: int) -> Batch:
        """The windows that a `share` of streams read.

        In a fresh stream, there is no past until a period is over. After a jump, the past is that of the new place: it
        is to be trusted more than the state. In some windows the past is softer or louder than it was, so that a net
        that plays too softly, or not at all, does not go on so.
        """
        starts, before, fresh = streams.starts[share], streams.before[share], streams.fresh[share]
        gains = None
        if self.past is not None:
            rng = generator(seed, Purpose.PAST, streams.step)
            scaled, decibels = rng.random((2, len(streams.starts)))
            low, high = GAINS
            gains = np.where(scaled < SCALED, 10 ** ((low + (high - low) * decibels) / 20), 1.0)[share]
        batch = self.gather(starts, seq_len, gains)
        batch.inputs[:, 0] = self._inputs(before)
        if self.past is None:
            return batch
        for row in np.flatnonzero(fresh):
            read = batch.conditioning[row, : self.past.age(int(starts[row]) + 1), len(self.tier.prop) :]
            read[:] = self.past.forgotten(read)
        return batch

    def batch(self, windows: Windows, size: int, seed: int, step: int, share: slice = slice(None)) -> Batch:
        """The part `share` of `size` windows drawn at random with replacement: a pure function of (seed, step)."""
        index = generator(seed, Purpose.BATCH, step).integers(len(windows), size=size)
        return self.gather(windows.starts(index[share]), windows.seq_len)

    def spread(self, windows: Windows, size: int) -> Batch:
        """At most `size` windows, evenly spaced over all windows; the same ones at every call."""
        index = np.linspace(0, len(windows) - 1, min(size, len(windows))).astype(np.int64)
        return self.gather(windows.starts(index), windows.seq_len)


def _is_held_out(wav: Path, holdout: str) -> bool:
    """Whether `file:NAME` means this sound: its name with or without the suffix, in any Unicode normal form."""
    return nfc(holdout) in (nfc(f"file:{wav.name}"), nfc(f"file:{wav.stem}"))
