"""Listening to recordings of any length: their measures and statistics, excerpt by excerpt; silence and clipping."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn.audio import files as sound_files
from mtcrnn.core.errors import InputError
from mtcrnn.data.skipping import joined, runs
from mtcrnn.listening import measures, moments, overview
from mtcrnn.listening.measures import MEASURES, SILENT_DB, measure, readable
from mtcrnn.listening.moments import CLASSES, statistics_around
from mtcrnn.listening.overview import Columns, columns_of
from mtcrnn.listening.texture_statistics import Array, cochlear_envelopes, modulation_bands

HIGHEST_RATE = 32000  # of listening, in Hz
EXCERPT_S, AROUND_S = 32.0, 4.0  # what is listened to at once, and what more of the sound on either side
SHORTEST_S = 0.5  # of a recording
CLIPPED, CLIPPED_RUN = 0.99, 3  # of full scale; so many samples in a row at the same height are clipped
LEAST_SILENCE_S = 0.5
CLIP_S = 0.1  # around each clipped place


@dataclass(frozen=True)
class Recording:
    """What was heard in a recording.

    Attributes:
        path: the file.
        seconds: its length.
        sample_rate: at which it was heard, in Hz.
        rate: moments of the measures per second.
        measured: [len(MEASURES), n] at 0, 1 / rate, ... seconds.
        statistics: by class [values, m] at 0, 1 / `moments.RATE`, ... seconds.
        overview: of `overview.columns_of`, `overview.RATE` columns a second.
        silent, clipped: stretches, in seconds.
    """

    path: Path
    seconds: float
    sample_rate: int
    rate: float
    measured: Array
    statistics: dict[str, NDArray[np.float32]]
    overview: Columns
    silent: list[tuple[float, float]]
    clipped: list[tuple[float, float]]

    def curve(self, name: str) -> Array:
        """A measure at every moment [n]; NaN where it cannot be read."""
        return readable(self.measured, name, self.seconds)


def listen(paths: Sequence[Path], rate: float = measures.RATE) -> list[Recording]:
    """Listen to recordings, all at one sample rate: the lowest of theirs, at most `HIGHEST_RATE`.

    Args:
        paths: the recordings.
        rate: moments of the measures per second.

    Raises:
        InputError: a file that cannot be read, or one that is shorter than `SHORTEST_S`.
    """
    rates, lengths = [], []
    for path in paths:
        with sound_files.source(path) as source:
            rates.append(source.file_sample_rate)
            lengths.append(source.promised_s or 0.0)
    sample_rate = min(min(rates), HIGHEST_RATE)
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=round(sum(lengths)), desc="listening", unit="s of sound", delay=2, leave=False) as bar,
    ):
        return [_listen(path, sample_rate, rate, pool, bar) for path in paths]


@dataclass(frozen=True)
class _Excerpt:
    """A part of a recording with some sound around it: frames [first, end) of the samples are the part itself."""

    samples: NDArray[np.float32]
    start: int  # of the samples in the recording
    first: int
    end: int


def _listen(path: Path, sample_rate: int, rate: float, pool: ThreadPoolExecutor, bar: tqdm[Any]) -> Recording:
    parts: list[tuple[Array, dict[str, Array], Columns]] = []
    clipped: list[tuple[float, float]] = []
    length = 0

    def heard(excerpt: _Excerpt) -> tuple[Array, dict[str, Array], Columns]:
        return _hear(excerpt, sample_rate, rate)

    workers = os.cpu_count() or 1
    with sound_files.source(path, sample_rate) as source:
        waiting: list[_Excerpt] = []
        for excerpt in _excerpts(source, sample_rate, clipped):
            length = excerpt.start + excerpt.end
            waiting.append(excerpt)
            if len(waiting) == workers:
                parts += pool.map(heard, waiting)
                bar.update(round(sum(one.end - one.first for one in waiting) / sample_rate))
                waiting = []
        parts += pool.map(heard, waiting)
        bar.update(round(sum(one.end - one.first for one in waiting) / sample_rate))
    seconds = length / sample_rate
    if seconds < SHORTEST_S:
        raise InputError(f"{path} lasts {seconds:.2f} s; at least {SHORTEST_S:g} s are needed")
    measured = np.concatenate([part[0] for part in parts], axis=1)
    statistics = {
        name: np.concatenate([part[1][name] for part in parts], axis=1).astype(np.float32) for name in CLASSES
    }
    columns = np.concatenate([part[2] for part in parts], axis=1)
    quiet = measured[list(MEASURES).index("loudness")] < SILENT_DB
    silent = [(a / rate, min(b / rate, seconds)) for a, b in runs(quiet) if b - a >= LEAST_SILENCE_S * rate]
    inside = joined((max(a, 0.0), min(b, seconds)) for a, b in clipped)
    return Recording(path, seconds, sample_rate, rate, measured, statistics, columns, silent, inside)


def _hear(excerpt: _Excerpt, sample_rate: int, rate: float) -> tuple[Array, dict[str, Array], Columns]:
    """Measures and statistics at the moments of an excerpt, and what a person sees of it."""
    envelopes = cochlear_envelopes(excerpt.samples, sample_rate)
    bands = modulation_bands(envelopes - envelopes.mean(axis=1, keepdims=True))
    start = excerpt.start / sample_rate
    low, high = start + excerpt.first / sample_rate, start + excerpt.end / sample_rate

    def inside(each: float) -> Array:
        """The moments of so many a second that lie in the excerpt, from the start of its samples."""
        return np.arange(np.ceil(low * each - 1e-9), np.ceil(high * each - 1e-9)) / each - start

    measured = measure(excerpt.samples, sample_rate, envelopes, bands, inside(rate))
    columns = columns_of(excerpt.samples, sample_rate, inside(overview.RATE) + 0.5 / overview.RATE, 1 / overview.RATE)
    return measured, statistics_around(envelopes, bands, inside(moments.RATE)), columns


def _excerpts(source: sound_files.Source, sample_rate: int, clipped: list[tuple[float, float]]) -> Iterator[_Excerpt]:
    """The excerpts of a recording; adds to `clipped` where it is clipped."""
    size, around = round(EXCERPT_S * sample_rate), round(AROUND_S * sample_rate)
    held, start, first = np.zeros(0, np.float32), 0, 0
    for block in source:
        samples = block[:, 0]
        clipped += _clipped(samples, (start + len(held)) / sample_rate, sample_rate)
        held = np.concatenate([held, samples])
        while len(held) >= first + size + around:
            yield _Excerpt(held[: first + size + around], start, first, first + size)
            left = max(first + size - around, 0)
            held, start, first = held[left:], start + left, first + size - left
    if len(held) > first or not start:
        yield _Excerpt(held, start, first, len(held))


def _clipped(samples: NDArray[np.float32], start_s: float, sample_rate: int) -> list[tuple[float, float]]:
    """Where samples are at full scale, several in a row."""
    full = np.abs(samples) >= CLIPPED
    return [
        (start_s + a / sample_rate - CLIP_S, start_s + b / sample_rate + CLIP_S)
        for a, b in runs(full)
        if b - a >= CLIPPED_RUN
    ]
