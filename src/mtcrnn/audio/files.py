"""Reading sound files (wav, flac, ogg, mp3, aiff, ...: all that libsndfile reads), writing wavs, searching folders.

Samples are float32 in [-1, 1]: mono [T], or frames [T, channels]. Files are read from start to end, block by block, so
that a long one takes no more memory than what is made from it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from mtcrnn.audio.checks import SoundCheck
from mtcrnn.audio.headers import repaired, shortfall
from mtcrnn.audio.stereo import mono
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.files import write_bytes
from mtcrnn.core.limits import MOST_RATE

# What libsndfile reads, except files without a header (.raw) and Matlab's, which can hold anything
_READ = """wav wave bwf rf64 w64 flac ogg oga opus mp3 aif aiff aifc au snd caf voc svx 8svx iff paf pvf avr sd2 xi wve
    sf ircam nist sph sds htk mpc"""
# Sound formats that it does not read: such files are reported, not silently skipped
_OTHERS = "m4a m4b mp4 aac wma ape wv tta webm mka amr ac3 dsf dff ra mpeg 3gp"
SUFFIXES, OTHER_SUFFIXES = (frozenset(f".{ending}" for ending in words.split()) for words in (_READ, _OTHERS))
LEAST_RATE = 1000  # sample rate of a file, in Hz
BLOCK = 1 << 16  # frames read at once
UNKNOWN = 2**63 - 1  # number of frames in the header of a FLAC that was written to a pipe
DELAY = 4608  # frames (samples) that a codec may add at the ends of a file: four MP3 frames


@dataclass(frozen=True)
class Sound:
    """A sound that was read: mono samples [T] at `sample_rate`, the file's own rate and channels, remarks by kind."""

    samples: NDArray[np.float32]
    sample_rate: int
    file_sample_rate: int
    file_channels: int
    remarks: dict[str, str]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


class Source:
    """A sound file that is read once: iterate over its blocks of frames [n, channels].

    Attributes:
        path: the file.
        sample_rate: of the blocks, in Hz.
        channels: of the blocks, 1 or 2: the file's own if it has as many, else in each the mean of the file's.
        file_sample_rate, file_channels: the file's own.
        remarks: what is unusual about the sound, by kind, once all of it has been read.
    """

    def __init__(self, path: Path, file: soundfile.SoundFile, sample_rate: int | None, channels: int) -> None:
        self.path, self._file, self.channels = path, file, channels
        self.file_sample_rate, self.file_channels = int(file.samplerate), int(file.channels)
        self.sample_rate = sample_rate or self.file_sample_rate
        self.remarks: dict[str, str] = {}
        if not LEAST_RATE <= self.file_sample_rate <= MOST_RATE:
            raise InputError(
                f"{path} has a sample rate of {self.file_sample_rate} Hz; it must be {LEAST_RATE} to {MOST_RATE}"
            )
        if short := shortfall(file.extra_info):
            promised, held = short
            raise InputError(f"{path} is truncated: its header promises {promised} bytes of sound, but it holds {held}")

    @property
    def promised_s(self) -> float | None:
        """The length in seconds by the file's header, if it says it."""
        return self._file.frames / self.file_sample_rate if 0 < self._file.frames < UNKNOWN else None

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """The blocks, to the end of the file.

        Raises:
            InputError: the file is truncated or broken, holds no samples, or samples that `SoundCheck` refuses.
        """
        change = self.sample_rate != self.file_sample_rate
        rates = self.file_sample_rate, self.sample_rate
        resampler = soxr.ResampleStream(*rates, self.channels, dtype="float32") if change else None
        check = SoundCheck(self.path, self.file_sample_rate)
        while len(frames := self._read()):
            mixed = self._mixed(frames)
            check.add(frames, mixed)
            yield resampler.resample_chunk(mixed) if resampler else mixed
        promised = self._file.frames
        if not check.count and promised in (0, UNKNOWN):
            raise InputError(f"{self.path} is empty: it holds no samples")
        if check.count + DELAY < promised < UNKNOWN or not check.count:
            raise InputError(
                f"{self.path} is truncated: its header promises {promised} samples, but it holds {check.count}"
            )
        self.remarks = check.remarks()
        if resampler:
            yield resampler.resample_chunk(np.zeros((0, self.channels), np.float32), last=True)

    def _mixed(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        if frames.shape[1] == self.channels:
            return frames
        return np.repeat(mono(frames)[:, None], self.channels, axis=1)

    def _read(self) -> NDArray[np.float32]:
        try:
            return self._file.read(BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise InputError(f"{self.path} is broken: {error.error_string.rstrip('.')}") from error


class _ForwardOnly(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is only read forwards: some encodings cannot seek, and some headers promise too much."""

    def seekable(self) -> bool:
        return False


@contextmanager
def source(path: Path, sample_rate: int | None = None, channels: int = 1) -> Iterator[Source]:
    """Open a sound file for reading in 1 or 2 `channels` at `sample_rate` Hz (default: its own).

    Raises:
        InputError: the file is not a sound, is truncated, or has an impossible sample rate.
    """
    try:
        with repaired(path) as readable, _ForwardOnly(readable) as file:
            yield Source(path, file, sample_rate, channels)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path} cannot be read as sound: {error.error_string.rstrip('.')}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def read(path: Path, sample_rate: int | None = None) -> Sound:
    """Read a sound file of any format and bit depth; mix it to mono; resample it to `sample_rate` Hz if that is given.

    Raises:
        InputError: as `source` and `Source`.
    """
    with source(path, sample_rate) as file:
        samples = np.concatenate([np.zeros((0, 1), np.float32), *file])[:, 0]
        return Sound(samples, file.sample_rate, file.file_sample_rate, file.file_channels, file.remarks)


def read_frames(path: Path, sample_rate: int, channels: int) -> NDArray[np.float32]:
    """The frames [T, channels] of a sound file, resampled to `sample_rate` Hz.

    Raises:
        InputError: as `source` and `Source`.
    """
    with source(path, sample_rate, channels) as file:
        return np.concatenate([np.zeros((0, channels), np.float32), *file])


def read_excerpt(path: Path, start_s: float, seconds: float) -> tuple[NDArray[np.float32], int]:
    """The frames [T, 1 or 2] of a part of a sound file, at its own rate, and that rate; fewer at its end.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with repaired(path) as readable, soundfile.SoundFile(readable) as file:
            rate = int(file.samplerate)
            first, count = round(start_s * rate), round(seconds * rate)
            if file.seekable():
                file.seek(min(first, file.frames))
            else:
                while first > 0 and len(skipped := file.read(min(first, BLOCK))):
                    first -= len(skipped)
            frames = file.read(count, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(f"{path} cannot be read as sound: {error}") from error
    return frames if frames.shape[1] <= 2 else mono(frames)[:, None], rate


def is_stereo(path: Path) -> bool:
    """Whether a sound has two channels that differ; reads it up to the first difference.

    Raises:
        InputError: as `source` and `Source`.
    """
    with source(path, channels=2) as file:
        return file.file_channels == 2 and any((block[:, 0] != block[:, 1]).any() for block in file)


def survey(path: Path) -> tuple[float, dict[str, str]]:
    """The duration of a sound in seconds, and what is unusual about it, by kind.

    Raises:
        InputError: as `source` and `Source`.
    """
    with source(path) as file:
        length = sum(len(block) for block in file)
        return length / file.sample_rate, file.remarks


def wav_bytes(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """Samples [T], or frames [T, channels], in [-1, 1] (clipped) as the content of a 24-bit wav."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1.0, 1.0), sample_rate, format="WAV", subtype="PCM_24")
    return buffer.getvalue()


def write(path: Path, samples: NDArray[np.float32], sample_rate: int) -> None:
    """Write samples [T], or frames [T, channels], in [-1, 1] (clipped) as a 24-bit wav, whole or not at all."""
    write_bytes(path, wav_bytes(samples, sample_rate))


def is_sound(path: Path) -> bool:
    """Whether a file has the extension of a sound format that can be read."""
    return path.suffix.lower() in SUFFIXES


def find(path: Path) -> tuple[list[Path], list[str]]:
    """Find the sounds in a folder at any depth, sorted; or the one sound that `path` is. Links to folders are followed.

    Hidden files and folders, and those that macOS adds (`._NAME`, `__MACOSX`), are ignored.

    Returns:
        The sounds; and one line for each kind of file that was left out but may have been wanted.

    Raises:
        InputError: no such folder, or it holds no sounds.
    """
    if path.is_file():
        return [path], []
    if not path.is_dir():
        raise InputError(f"{path}: no such folder of sounds")
    left: dict[str, list[str]] = {}
    found = sorted(_walk(path, left))
    remarks = [f"left out, {why}: {listing(names)}" for why, names in left.items()]
    if not found:
        also = f"; {'; '.join(remarks)}" if remarks else ""
        raise InputError(f"{path} holds no sounds (.wav, .flac, .ogg, .mp3, .aiff and others, at any depth){also}")
    return found, remarks


def _walk(root: Path, left: dict[str, list[str]]) -> Iterator[Path]:
    """Yield the sounds in a folder; collect in `left` what is left out, by reason."""

    def leave(why: str, path: str | Path) -> None:
        left.setdefault(why, []).append(os.path.relpath(path, root))

    def unreadable(error: OSError) -> None:
        leave("a folder that cannot be opened", error.filename)

    seen: set[Any] = set()
    for here, folders, names in os.walk(root, onerror=unreadable, followlinks=True):
        place = os.stat(here)
        if (place.st_dev, place.st_ino) in seen:  # a link to a parent folder, or a second link to the same folder
            leave("a second path to the same folder", here)
            folders.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        for name in names:
            path = Path(here, name)
            if name.startswith("."):
                continue
            if path.suffix.lower() in OTHER_SUFFIXES:
                leave("a format that is not read", path)
            elif is_sound(path):
                try:
                    path.stat()
                except OSError:
                    leave("a broken link, or no permission to open it", path)
                else:
                    yield path
