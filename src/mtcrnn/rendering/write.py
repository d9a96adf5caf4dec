"""The files of one command, that appear together; and values too long for memory."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import keep_previous

WAV = {"format": "WAV", "subtype": "PCM_24"}
CHUNK = 1 << 16  # values read back at once


def stem_of(out: str, default: str | None = None) -> Path:
    """The name without ending that a user gives for files; in a folder it is `default`. Dots inside a name stay.

    Raises:
        InputError: no name; a folder where there is no `default`.

    >>> stem_of("takes/glide0.5.wav").as_posix(), stem_of("takes/", "generated").as_posix()
    ('takes/glide0.5', 'takes/generated')
    """
    path = Path(out).expanduser()
    if out and (out.endswith(("/", os.sep)) or os.path.isdir(path)):
        if default is None:
            raise InputError(f"{out} is a folder; give the name of a file")
        return path / default
    name = re.sub(r"\.(wav|npy)$", "", path.name, flags=re.IGNORECASE)
    if not name or "\0" in out:
        raise InputError(f"{out!r} is no name of a file")
    return path.with_name(name)


@contextmanager
def taking(files: Sequence[Path]) -> Iterator[Path]:
    """A new folder for these files to be written in, under their names: at the block's end they all take their places.

    They are for one folder, in which nothing is left of them after an error or Ctrl-C; what stands in their way is
    kept, see `files.keep_previous`.

    Raises:
        InputError: the disk is full, the folder cannot be written, or a name is too long, at the beginning; nothing
            that was there has changed then.
    """
    folder = files[0].parent
    made: list[Path] = []
    try:
        made += [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=folder) as temporary:
            new = Path(temporary)
            for path in files:
                with suppress(FileNotFoundError):  # too long a name is another error, and must not wait for the end
                    os.lstat(new / f"{path.stem}.previous-1{path.suffix}")
            yield new
            for path in files:
                with open(new / path.name, "rb+") as file:
                    os.fsync(file.fileno())
            for path in files:
                keep_previous(path)
                os.replace(new / path.name, path)
    except BaseException as error:
        for path in made:
            with suppress(OSError):
                path.rmdir()
        if isinstance(error, OSError | soundfile.LibsndfileError):
            reason = getattr(error, "strerror", None) or "the disk is full, or broken"  # libsndfile does not say
            raise InputError(f"cannot write {files[0]}: {reason}; nothing there was changed") from error
        raise


class Values:
    """Values [B, T, G] on disk, a .npy of float32: appended along T for all sounds, read back sound by sound.

    Args:
        path: the file.
        shape: [B, T, G].
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        self.shape, self._done = shape, 0
        self._file = open(path, "wb+")  # noqa: SIM115 (closed as a context manager)
        np.lib.format.write_array_header_1_0(self._file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        self._start = self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, block: NDArray[Any]) -> None:
        """The next steps [B, n, G] of all sounds."""
        for b, rows in enumerate(block.astype("<f4")):
            self._seek(b, self._done)
            self._file.write(rows.tobytes())
        self._done += block.shape[1]

    def sound(self, b: int) -> Iterator[NDArray[np.float32]]:
        """Sound b in blocks [n, G]."""
        _, T, G = self.shape
        for first in range(0, T, CHUNK):
            self._seek(b, first)
            yield np.frombuffer(self._file.read(4 * G * min(CHUNK, T - first)), "<f4").reshape(-1, G)

    def write_wav(self, b: int, path: Path, sample_rate: int) -> None:
        """Sound b as a 24-bit wav: the bytes of `audio.wav_bytes`."""
        with soundfile.SoundFile(os.fsencode(path), "w", sample_rate, 1, **WAV) as wav:
            for block in self.sound(b):
                wav.write(np.clip(block[:, 0], -1.0, 1.0))

    def _seek(self, b: int, step: int) -> None:
        _, T, G = self.shape
        self._file.seek(self._start + 4 * G * (b * T + step))
