"""Features of sounds as parameters: loudness, spectral centroid, pitch and MFCCs, measured by librosa.

All come at one rate, frame k centred at k * hop samples. Where there is nothing to measure, curves go on linearly
between the neighbours, or are held at the ends: the pitch where pYIN (Mauch and Dixon 2014) finds none, the centroid
where the sound is below `QUIET`.
"""

from __future__ import annotations

import multiprocessing
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn import audio
from mtcrnn.compiled import make_room
from mtcrnn.errors import InputError, listing, unknown
from mtcrnn.params import Param, ParamFile
from mtcrnn.paramset import ParamManager, make_param

FEATURES = ("rmse", "centroid", "pitch", "mfcc")
UNITS = {"rmse": "full scale", "centroid": "Hz", "pitch": "Hz", "voicing": "probability", "mfcc": "dB"}
FRAME_S = 0.05  # a frame is at least so long (two periods of 40 Hz), and a power of two of samples
MOST_RATE = 1000.0  # frames a second
QUIET = 1e-4  # rms (-80 dB of full scale) below which a sound has no centroid
MADE = "made"  # key of a parameter's entry: what it was made from, and how


@dataclass(frozen=True)
class Settings:
    """How features are made.

    Attributes:
        features: names out of `FEATURES`.
        rate: frames a second; the hop is rounded to whole samples.
        n_mfcc: MFCCs.
        fmin: lowest pitch in Hz.
        fmax: highest pitch in Hz.
    """

    features: tuple[str, ...]
    rate: float = 63.0
    n_mfcc: int = 13
    fmin: float = 65.0
    fmax: float = 2100.0

    def __post_init__(self) -> None:
        for name in self.features:
            if name not in FEATURES:
                raise unknown("feature", name, FEATURES)
        if not self.features:
            raise InputError(f"no features are named; there are {listing(FEATURES)}")
        if not 0 < self.rate <= MOST_RATE:
            raise InputError(
                f"--rate is {self.rate:g}; it must be above 0, in frames a second, and {MOST_RATE:g} at most"
            )
        if not 1 <= self.n_mfcc <= 40:
            raise InputError(f"--n_mfcc is {self.n_mfcc}; it must be 1 to 40")
        if not 0 < self.fmin < self.fmax:
            raise InputError(f"the pitch range {self.fmin:g} to {self.fmax:g} Hz must rise, from above 0")

    def names(self) -> list[str]:
        """The parameters that come out: voicing with the pitch, mfcc0, mfcc1, ... for mfcc."""
        several = {"pitch": ["pitch", "voicing"], "mfcc": [f"mfcc{k}" for k in range(self.n_mfcc)]}
        return [name for feature in self.features for name in several.get(feature, [feature])]

    def frame(self, sample_rate: int) -> tuple[int, int]:
        """Hop and frame length in samples."""
        hop = max(round(sample_rate / self.rate), 1)
        return hop, 1 << int(np.ceil(np.log2(max(2 * hop, FRAME_S * sample_rate, 2 * sample_rate / self.fmin))))


def write_features(data: ParamManager, settings: Settings, processes: int) -> tuple[int, int]:
    """Measure every wav of a data set into its param file; files that have these features already are left alone.

    A param file is written as soon as its wav is measured, so an interrupted run goes on where it was. At the end
    `minval` and `maxval` of each feature become its range over the whole set, in every file.

    Args:
        data: the wavs and where their param files lie; files that are missing are made.
        settings: what to measure.
        processes: to share the wavs between.

    Returns:
        Number of wavs measured, and of those left alone.

    Raises:
        InputError: a wav that is silent or shorter than a frame, or broken files; then nothing was written.
    """
    wavs = data.wavs(tell=True)
    with tqdm(wavs, desc="reading", unit="file", leave=False) as bar:
        made = {wav: _made(wav, settings) for wav in bar}
    files = {wav: _file(data, wav) for wav in wavs}
    due = [wav for wav in wavs if not _is_done(files[wav], settings, made[wav])]
    with _map(processes, len(due)) as run:
        jobs = run(_measured, due, [settings] * len(due))
        for wav, curves in zip(tqdm(due, desc="measuring", unit="file"), jobs, strict=True):
            added = {name: _as_param(name, times, values, made[wav]) for name, (times, values) in curves.items()}
            files[wav] = replace(files[wav], params={**files[wav].params, **added})
            files[wav].write(data.path_of(wav))
    for wav, file in _spread_ranges(files, settings.names()).items():
        file.write(data.path_of(wav))
    return len(due), len(wavs) - len(due)


def measure(samples: NDArray[np.float32], sample_rate: int, settings: Settings) -> dict[str, NDArray[np.float64]]:
    """The features of mono samples [T], by name: curves [T // hop + 1] whose value k is centred at k * hop samples.

    They are those of the sound without its mean, which nobody hears.
    """
    make_room("librosa")
    import librosa

    samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
    hop, length = settings.frame(sample_rate)
    frames: dict[str, Any] = {"hop_length": hop, "center": True}
    curves: dict[str, NDArray[np.float64]] = {}
    loudness = librosa.feature.rms(y=samples, frame_length=length, **frames)[0]
    for feature in settings.features:
        if feature == "rmse":
            curves["rmse"] = loudness
        elif feature == "centroid":
            centroid = librosa.feature.spectral_centroid(y=samples, sr=sample_rate, n_fft=length, **frames)[0]
            curves["centroid"] = _bridged(centroid, loudness >= QUIET, 0.0)
        elif feature == "pitch":
            top = min(settings.fmax, sample_rate / 2.1)
            f0, voiced, probability = librosa.pyin(
                samples, sr=sample_rate, fmin=settings.fmin, fmax=top, frame_length=length, **frames
            )
            curves["pitch"], curves["voicing"] = _bridged(f0, voiced, settings.fmin), probability
        else:
            rows = librosa.feature.mfcc(
                y=samples, sr=sample_rate, n_mfcc=settings.n_mfcc, n_mels=40, n_fft=length, **frames
            )
            curves.update({f"mfcc{k}": row for k, row in enumerate(rows)})
    return curves


def _bridged(values: NDArray[Any], known: NDArray[np.bool_], unknown_value: float) -> NDArray[np.float64]:
    """The curve with straight lines over what is not known (`unknown_value` where nothing is)."""
    if not known.any():
        return np.full(len(values), unknown_value)
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])


def _measured(wav: Path, settings: Settings) -> dict[str, tuple[list[float], list[float]]]:
    """Times in seconds and values of every feature of a wav."""
    sound = audio.read(wav)
    curves = measure(sound.samples, sound.sample_rate, settings)
    hop = settings.frame(sound.sample_rate)[0]
    return {
        name: ((np.arange(len(c)) * hop / sound.sample_rate).tolist(), [float(f"{v:.7g}") for v in c])
        for name, c in curves.items()
    }


def _made(wav: Path, settings: Settings) -> dict[str, Any]:
    """What a wav's features are made from, and how; checks that it can be done."""
    sound = audio.read(wav)
    hop, length = settings.frame(sound.sample_rate)
    if len(sound.samples) < length:
        raise InputError(
            f"{wav} lasts {sound.duration_s:.3f} s, shorter than one frame of {length / sound.sample_rate:.3f} s"
        )
    if float(np.abs(sound.samples).max()) < QUIET:
        raise InputError(f"{wav} is silent: there is nothing to measure")
    how = {key: value for key, value in asdict(settings).items() if key != "features"}
    return {"by": "mtcrnn features 2", "wav": zlib.crc32(wav.read_bytes()), "hop": hop, "frame": length, **how}


def _file(data: ParamManager, wav: Path) -> ParamFile:
    return ParamFile.read(path) if (path := data.path_of(wav)).exists() else ParamFile({}, {"filename": wav.name})


def _is_done(file: ParamFile, settings: Settings, made: Mapping[str, Any]) -> bool:
    entries = [file.params.get(name) for name in settings.names()]
    return all(entry is not None and (entry.model_extra or {}).get(MADE) == made for entry in entries)


def _as_param(name: str, times: list[float], values: list[float], made: Mapping[str, Any]) -> Param:
    units = UNITS["mfcc" if name.startswith("mfcc") else name]
    return make_param(times, values, units=units, minval=min(values), maxval=max(values), **{MADE: made})


def _spread_ranges(files: Mapping[Path, ParamFile], names: Sequence[str]) -> dict[Path, ParamFile]:
    """The files whose `minval` and `maxval` are not those of the whole set, with these."""
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
    """`map`, in this process or in several."""
    if min(processes, jobs) < 2:
        yield map
        return
    context = multiprocessing.get_context("spawn")  # a forked copy of threads and locks is not safe
    with ProcessPoolExecutor(min(processes, jobs), mp_context=context) as pool:
        yield pool.map
