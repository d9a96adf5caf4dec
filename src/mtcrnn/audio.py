"""Level 0: sound files. Samples are float32 in [-1, 1], mono, shape [T]."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from mtcrnn.errors import InputError
from mtcrnn.files import write_bytes

WAV_SUFFIXES = (".wav",)


@dataclass(frozen=True)
class Sound:
    """A sound as read: mono samples [T] at `sample_rate`, and what the file itself had."""

    samples: NDArray[np.float32]
    sample_rate: int
    file_sample_rate: int
    file_channels: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def read(path: Path, sample_rate: int | None = None) -> Sound:
    """Read a wav of any width; mix its channels to mono, resample it to `sample_rate` Hz when that is given.

    Raises:
        InputError: the file is no wav, is truncated, holds no samples, or holds NaN or infinite samples.
    """
    try:
        with soundfile.SoundFile(path) as file:
            claimed = _data_chunk_shortfall(file.extra_info)
            samples = file.read(dtype="float32", always_2d=True)
            file_rate, channels = file.samplerate, file.channels
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path} cannot be read as a wav: {error.error_string.rstrip('.')}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if claimed:
        promised, held = claimed
        raise InputError(f"{path} is truncated: its header promises {promised} bytes of sound, it holds {held}")
    if not len(samples):
        raise InputError(f"{path} is empty: it holds no samples")
    mono = samples.mean(axis=1, dtype=np.float32) if channels > 1 else samples[:, 0]
    if not np.isfinite(mono).all():
        raise InputError(f"{path} holds samples that are no finite numbers")
    rate = sample_rate or file_rate
    if rate != file_rate:
        mono = soxr.resample(mono, file_rate, rate)
    return Sound(np.ascontiguousarray(mono, dtype=np.float32), rate, file_rate, channels)


def wav_bytes(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """Mono samples [T] in [-1, 1] (clipped) as the content of a 24-bit wav."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1.0, 1.0), sample_rate, format="WAV", subtype="PCM_24")
    return buffer.getvalue()


def write(path: Path, samples: NDArray[np.float32], sample_rate: int) -> None:
    """Write mono samples [T] in [-1, 1] (clipped) as a 24-bit wav, whole or not at all."""
    write_bytes(path, wav_bytes(samples, sample_rate))


def find(path: Path) -> list[Path]:
    """The wavs of a folder at any depth, sorted; or the one wav that `path` is.

    Raises:
        InputError: there is no such folder, or no wav in it.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path}: no such folder of wavs")
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in WAV_SUFFIXES and p.is_file())
    if not found:
        raise InputError(f"{path} holds no wavs (files that end in .wav, at any depth)")
    return found


def _data_chunk_shortfall(header_log: str) -> tuple[int, int] | None:
    """(promised, held) bytes if libsndfile noted that the data chunk is longer than the file, else None.

    A promise of 0xFFFFFFFF or thereabouts is what programs write that stream to a pipe: not a truncation.
    """
    match = re.search(r"^data\s*: (\d+) \(should be (\d+)\)", header_log, re.MULTILINE)
    if not match:
        return None
    promised, held = int(match[1]), int(match[2])
    return (promised, held) if held < promised < 0xFFFFFF00 else None
