"""Feature extraction for a data set: audio features of its sounds, written into its param files."""

from __future__ import annotations

import multiprocessing
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.features import QUIET, UNITS, Settings, measure
from mtcrnn.core.errors import InputError
from mtcrnn.data.dataset import ParamManager, make_param
from mtcrnn.data.params import MADE, Param, ParamFile


def write_features(data: ParamManager, settings: Settings, processes: int) -> tuple[int, int]:
    """Measure the features of every wav of a data set and write them into its param file.

    Files that already have these features are skipped. A param file is written as soon as its wav is measured, so an
    interrupted call continues where it stopped. At the end, `minval` and `maxval` of each feature are set in every file
    to its range over the whole data set.

    Args:
        data: the wavs and the place of their param files; missing files are created.
        settings: what to measure.
        processes: number of processes that share the wavs.

    Returns:
        The number of wavs measured, and the number skipped.

    Raises:
        InputError: a wav that is silent or shorter than a frame, or broken files; nothing was written then.
    """
    wavs = data.wavs(log_left_out=True)
    with tqdm(wavs, desc="reading", unit="file", leave=False) as bar:
        provenance = {wav: _provenance(wav, settings) for wav in bar}
    files = {wav: data.read_or_new(wav) for wav in wavs}
    due = [wav for wav in wavs if not _is_done(files[wav], settings, provenance[wav])]
    with _map(processes, len(due)) as run:
        jobs = run(_measured, due, [settings] * len(due))
        for wav, curves in zip(tqdm(due, desc="measuring", unit="file"), jobs, strict=True):
            added = {name: _as_param(name, times, values, provenance[wav]) for name, (times, values) in curves.items()}
            files[wav] = replace(files[wav], params={**files[wav].params, **added})
            files[wav].write(data.path_of(wav))
    for wav, file in _with_common_ranges(files, settings.names()).items():
        file.write(data.path_of(wav))
    return len(due), len(wavs) - len(due)


def _measured(wav: Path, settings: Settings) -> dict[str, tuple[list[float], list[float]]]:
    """The times in seconds and the values of every feature of a wav."""
    sound = sound_files.read(wav)
    curves = measure(sound.samples, sound.sample_rate, settings)
    hop = settings.frame(sound.sample_rate)[0]
    return {
        name: ((np.arange(len(c)) * hop / sound.sample_rate).tolist(), [float(f"{v:.7g}") for v in c])
        for name, c in curves.items()
    }


def _provenance(wav: Path, settings: Settings) -> dict[str, Any]:
    """What a wav's features are computed from, and how. Raises InputError if they cannot be computed."""
    sound = sound_files.read(wav)
    hop, length = settings.frame(sound.sample_rate)
    if len(sound.samples) < length:
        raise InputError(
            f"{wav} lasts {sound.duration_s:.3f} s, shorter than one frame of {length / sound.sample_rate:.3f} s"
        )
    if float(np.abs(sound.samples).max()) < QUIET:
        raise InputError(f"{wav} is silent: there is nothing to measure")
    how = {key: value for key, value in asdict(settings).items() if key != "features"}
    return {"by": "mtcrnn features 2", "wav": zlib.crc32(wav.read_bytes()), "hop": hop, "frame": length, **how}


def _is_done(file: ParamFile, settings: Settings, provenance: Mapping[str, Any]) -> bool:
    entries = [file.params.get(name) for name in settings.names()]
    return all(entry is not None and (entry.model_extra or {}).get(MADE) == provenance for entry in entries)


def _as_param(name: str, times: list[float], values: list[float], provenance: Mapping[str, Any]) -> Param:
    units = UNITS["mfcc" if name.startswith("mfcc") else name]
    return make_param(times, values, units=units, minval=min(values), maxval=max(values), **{MADE: provenance})


def _with_common_ranges(files: Mapping[Path, ParamFile], names: Sequence[str]) -> dict[Path, ParamFile]:
    """The files whose `minval` and `maxval` are not those of the whole data set, with these put right."""
    changed = {}
    ranges = {
        name: (
            min(min(file.params[name].values) for file in files.values()),
            max(max(file.params[name].values) for file in files.values()),
        )
        for name in names
    }
    for wav, file in files.items():
        params = dict(file.params)
        for name, (low, high) in ranges.items():
            if (params[name].minval, params[name].maxval) != (low, high):
                params[name] = params[name].model_copy(update={"minval": low, "maxval": high})
        if params != file.params:
            changed[wav] = replace(file, params=params)
    return changed


@contextmanager
def _map(processes: int, jobs: int) -> Iterator[Any]:
    """A `map` that runs in this process or in several."""
    if min(processes, jobs) < 2:
        yield map
        return
    context = multiprocessing.get_context("spawn")  # forking a process with threads and locks is not safe
    with ProcessPoolExecutor(min(processes, jobs), mp_context=context) as pool:
        yield pool.map
