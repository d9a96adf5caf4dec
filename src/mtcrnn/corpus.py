"""Level 1: a data set in memory: the codes and curves of all files, and batches of windows out of them.

Values and curves of all files stand in two arrays, one after the other, so that a batch is one gather. Above
`MEMORY_LIMIT` the arrays live in a temporary memory-mapped file instead.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn import audio
from mtcrnn.codec import MuLaw
from mtcrnn.config import Tier
from mtcrnn.errors import InputError, listing
from mtcrnn.params import Param, Range, normalise
from mtcrnn.paramset import ParamManager
from mtcrnn.rng import Purpose, generator

log = logging.getLogger(__name__)

MEMORY_LIMIT = 2 * 2**30  # bytes of values and curves kept in memory before they go to a memory-mapped file
STREAM_STEPS = 100  # windows that a stream reads in a row before it begins anew elsewhere
TAIL_SHARE, TAIL_SECONDS = 0.1, 1.0  # the held-out tail of a file: a tenth of it, a second at most


@dataclass(frozen=True)
class Batch:
    """Windows of T steps: values [B, T+1, G] and normalised conditions [B, T, C].

    The input of step t is values[:, t] under conditions[:, t]; its target is values[:, t+1]. Conditions are those
    of the target's moment.
    """

    values: NDArray[Any]
    conditions: NDArray[np.float32]


@dataclass(frozen=True)
class Streams:
    """Where each of B streams reads at one step: window starts [B], and which of them begin anew there [B]."""

    step: int
    starts: NDArray[np.int64]
    fresh: NDArray[np.bool_]


@dataclass(frozen=True)
class Windows:
    """Where windows of T+1 values may start: `first[i] + stride * k` for k = 0 .. count[i]-1, for each stretch i."""

    first: NDArray[np.int64]
    count: NDArray[np.int64]
    stride: int
    seq_len: int

    def __len__(self) -> int:
        return int(self.count.sum())

    def starts(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The start of window number `index`, counted through all stretches."""
        ends = np.cumsum(self.count)
        stretch = np.searchsorted(ends, index, side="right")
        return self.first[stretch] + (index - (ends - self.count)[stretch]) * self.stride

    def following(self, starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The starts of the windows right behind those at `starts`, and which of them lie in the same stretch."""
        stretch = np.searchsorted(self.first, starts, side="right") - 1
        last = self.first[stretch] + (self.count[stretch] - 1) * self.stride
        return starts + self.seq_len, starts + self.seq_len <= last


class Corpus:
    """The files of a data set for one tier.

    Attributes:
        names: the wavs, in the order they are stored.
        offsets: int64 [files + 1]; file i is values[offsets[i]:offsets[i + 1]].
        values: [N, G]: codes (in the smallest integer type that holds them), or normalised parameters (float32).
        conditions: float32 [N, C], normalised.
        ranges: the range of every parameter, in the user's units.
    """

    def __init__(self, tier: Tier, data: ParamManager, ranges: dict[str, Range] | None = None) -> None:
        """Read everything.

        Args:
            tier: what is generated, under what, at which rate.
            data: the wavs and param files.
            ranges: the parameters' ranges where a model fixed them already; else they are taken from the data.

        Raises:
            InputError: no wavs, a bad wav, a missing or bad param file, a parameter that a file lacks.
        """
        self.tier = tier
        self.names = data.wavs()
        needed = (*(() if tier.is_audio else tier.generate), *tier.prop)
        self._data = data
        self._files = [data.read(wav) for wav in self.names] if needed else []
        self.ranges = ranges or {name: Range.of(self._curves(name)) for name in needed}
        codec = MuLaw(tier.mulaw_channels)
        value_type = np.min_scalar_type(tier.mulaw_channels - 1) if tier.is_audio else np.dtype(np.float32)
        per_file: list[NDArray[Any]] = []
        mixed: dict[int, int] = {}
        resampled: dict[int, int] = {}
        for i, wav in enumerate(tqdm(self.names, "reading sounds", unit="file", delay=2, leave=False)):
            sound = audio.read(wav, tier.sample_rate if tier.is_audio else None)
            if tier.is_audio:
                mixed[sound.file_channels] = mixed.get(sound.file_channels, 0) + 1
                resampled[sound.file_sample_rate] = resampled.get(sound.file_sample_rate, 0) + 1
                values: NDArray[Any] = codec.encode(sound.samples)[:, None]
            else:
                values = self._sample(i, tier.generate, int(sound.duration_s * tier.sample_rate))
            per_file.append(values.astype(value_type))
        self._tell_once(mixed, resampled)
        self.offsets = np.concatenate([[0], np.cumsum([len(values) for values in per_file])]).astype(np.int64)
        total = int(self.offsets[-1])
        self.values = _allocate((total, len(tier.generate)), value_type)
        self.conditions = _allocate((total, tier.cond_size), np.dtype(np.float32))
        for i, values in enumerate(per_file):
            place = slice(self.offsets[i], self.offsets[i + 1])
            self.values[place] = values
            self.conditions[place] = self._sample(i, tier.prop, len(values))

    def _curves(self, name: str) -> list[Param]:
        """One parameter's curve in every file."""
        return [file.get(name, self._data.path_of(wav)) for wav, file in zip(self.names, self._files, strict=True)]

    def _sample(self, i: int, names: tuple[str, ...], length: int) -> NDArray[np.float32]:
        """The normalised curves of file i at this tier's rate: [length, len(names)]."""
        if not names:
            return np.zeros((length, 0), np.float32)
        where = self._data.path_of(self.names[i])
        curves = [self._files[i].get(name, where).sample(self.tier.sample_rate, 0, length) for name in names]
        return normalise(np.stack(curves, axis=-1), self.ranges, names)

    def _tell_once(self, mixed: dict[int, int], resampled: dict[int, int]) -> None:
        for channels, count in sorted(mixed.items()):
            if channels == 1:
                continue
            log.warning("%d of %d wavs have %d channels: mixed to mono", count, len(self.names), channels)
        for rate, count in sorted(resampled.items()):
            if rate == self.tier.sample_rate:
                continue
            log.warning(
                "%d of %d wavs are at %d Hz: resampled to %d Hz",
                count,
                len(self.names),
                rate,
                self.tier.sample_rate,
            )

    def split(self, seq_len: int, stride: int, holdout: str) -> tuple[Windows, Windows]:
        """Training windows, and held-out windows that share no value with them.

        Args:
            seq_len: steps in a window, T; a window holds T+1 values.
            stride: shift between neighbouring training windows. Held-out windows do not overlap.
            holdout: 'tail', 'file:NAME' or 'none', see `config.Train`.

        Raises:
            InputError: every file is too short, or no file has the held-out name.
        """
        training, testing, short = [], [], []
        if holdout.startswith("file:"):
            self._check_holdout_file(holdout.removeprefix("file:"))
        for i, wav in enumerate(self.names):
            start, end = int(self.offsets[i]), int(self.offsets[i + 1])
            if end - start < seq_len + 1:
                short.append(f"{wav.name} ({end - start})")
                continue
            if holdout == f"file:{wav.name}" or holdout == f"file:{wav.stem}":
                testing.append((start, end))
                continue
            tail = self._tail(end - start) if holdout == "tail" else 0
            if tail >= seq_len + 1 and end - start - tail >= seq_len + 1:
                testing.append((end - tail, end))
                end -= tail
            training.append((start, end))
        limit = f"a window of --seq_len {seq_len} needs {seq_len + 1} values"
        if not training:
            raise InputError(f"no file is long enough to train on: {limit}, but there are {listing(short)}")
        if short:
            log.warning("left out as too short (%s): %s", limit, listing(short))
        return _windows(training, seq_len, stride), _windows(testing, seq_len, seq_len + 1)

    def held_out(self, holdout: str) -> list[tuple[int, int, int]]:
        """What is held out: (file, first value, end) of each part; `holdout` as in `split`, or 'all'."""
        if holdout.startswith("file:"):
            self._check_holdout_file(holdout.removeprefix("file:"))
        found = []
        for i, wav in enumerate(self.names):
            start, end = int(self.offsets[i]), int(self.offsets[i + 1])
            if holdout in ("all", f"file:{wav.name}", f"file:{wav.stem}"):
                found.append((i, start + 1, end))
            elif holdout == "tail":
                found.append((i, end - self._tail(end - start), end))
        return found

    def _check_holdout_file(self, name: str) -> None:
        if not any(name in (wav.name, wav.stem) for wav in self.names):
            raise InputError(f"--holdout file:{name}: no such wav; there are {listing(w.name for w in self.names)}")

    def _tail(self, length: int) -> int:
        return min(int(length * TAIL_SHARE), int(self.tier.sample_rate * TAIL_SECONDS))

    def gather(self, starts: NDArray[np.int64], seq_len: int) -> Batch:
        """The windows that start at `starts`."""
        index = starts[:, None] + np.arange(seq_len + 1)
        values = self.values[index]
        return Batch(values.astype(np.int64) if self.tier.is_audio else values, self.conditions[index[:, 1:]])

    def batch(self, windows: Windows, size: int, seed: int, step: int, share: slice = slice(None)) -> Batch:
        """`share` of `size` windows drawn at random, with replacement: a pure function of (seed, step)."""
        index = generator(seed, Purpose.BATCH, step).integers(len(windows), size=size)
        return self.gather(windows.starts(index[share]), windows.seq_len)

    def streams(self, windows: Windows, size: int, seed: int, step: int, before: Streams | None = None) -> Streams:
        """Where `size` streams read at `step` (counted from 1): a pure function of (seed, step).

        A stream walks through its file window by window. It begins anew at a random window where the file ends, and
        at every `STREAM_STEPS`-th step (each stream at another one), so that nothing older than that matters.
        `before`, the answer for step - 1, only saves the walk from there.
        """
        if before is None or before.step != step - 1:
            before = None
            for earlier in range(max(1, step - STREAM_STEPS), step):
                before = self._next_streams(windows, size, seed, earlier, before)
        return self._next_streams(windows, size, seed, step, before)

    def _next_streams(self, windows: Windows, size: int, seed: int, step: int, before: Streams | None) -> Streams:
        anew = windows.starts(generator(seed, Purpose.STREAMS, step).integers(len(windows), size=size))
        if before is None:
            return Streams(step, anew, np.ones(size, dtype=bool))
        starts, inside = windows.following(before.starts)
        due = (step + np.arange(size) * STREAM_STEPS // size) % STREAM_STEPS == 0
        fresh = ~inside | due
        return Streams(step, np.where(fresh, anew, starts), fresh)

    def spread(self, windows: Windows, size: int) -> Batch:
        """At most `size` windows, spread evenly over all of them: the same ones at every call."""
        index = np.linspace(0, len(windows) - 1, min(size, len(windows))).astype(np.int64)
        return self.gather(windows.starts(index), windows.seq_len)


def _windows(stretches: list[tuple[int, int]], seq_len: int, stride: int) -> Windows:
    first = np.array([start for start, _ in stretches], dtype=np.int64)
    count = np.array([(end - start - seq_len - 1) // stride + 1 for start, end in stretches], dtype=np.int64)
    return Windows(first, count, stride, seq_len)


def _allocate(shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array in memory, or in a temporary file that vanishes with the process where it would be large."""
    if shape[0] * shape[1] * dtype.itemsize <= MEMORY_LIMIT:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:  # the mapping keeps it alive
        file.truncate(shape[0] * shape[1] * dtype.itemsize)
        return np.memmap(file, dtype=dtype, mode="r+", shape=shape)
