"""Writing generated values: wav, .npy and param files that appear together; values too long for memory."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from mtcrnn.config.generate import Output
from mtcrnn.core.errors import InputError
from mtcrnn.core.files import nfc, write_together
from mtcrnn.core.validation import read_text
from mtcrnn.data.dataset import make_param
from mtcrnn.data.params import SUFFIX, ParamFile
from mtcrnn.rendering.player import Interface

WAV = {"format": "WAV", "subtype": "PCM_24"}
CHUNK = 1 << 16  # values read back at once
MOST_SAVED = 1_000_000  # values in a param file


def stem_of(out: str, default: str | None = None) -> Path:
    """The path that a user gives for files, without its ending; in a folder the name is `default`. Other dots stay.

    Raises:
        InputError: not a file name, or a folder although there is no `default`.

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
        raise InputError(f"{out!r} is not a file name")
    return path.with_name(name)


class Values:
    """Values [B, T, G] on disk, in a .npy of float32: appended along T for all sounds, read back sound by sound.

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
        """Append the next steps [B, n, G] of all sounds."""
        for b, rows in enumerate(block.astype("<f4")):
            self._seek(b, self._done)
            self._file.write(rows.tobytes())
        self._done += block.shape[1]

    def sound(self, b: int) -> Iterator[NDArray[np.float32]]:
        """Read sound b in blocks [n, G]."""
        _, T, G = self.shape
        for first in range(0, T, CHUNK):
            self._seek(b, first)
            yield np.frombuffer(self._file.read(4 * G * min(CHUNK, T - first)), "<f4").reshape(-1, G)

    def write_wav(self, b: int, path: Path, sample_rate: int) -> None:
        """Write sound b as a 24-bit wav, with the same bytes as `audio.files.wav_bytes`."""
        try:
            with soundfile.SoundFile(os.fsencode(path), "w", sample_rate, self.shape[2], **WAV) as wav:
                for block in self.sound(b):
                    wav.write(np.clip(block, -1.0, 1.0))
        except soundfile.LibsndfileError as error:  # libsndfile does not say what is wrong
            raise OSError(errno.EIO, "the disk is full or broken") from error

    def _seek(self, b: int, step: int) -> None:
        _, T, G = self.shape
        self._file.seek(self._start + 4 * G * (b * T + step))


def write_values(
    stem: Path,
    sounds: Sequence[Path],
    blocks: Generator[NDArray[np.float32], None, None],
    length: int,
    config: Interface,
    output: Output,
) -> list[Path]:
    """Write values [B, length, G] that come in blocks [B, n, G]. Returns the files.

    Audio goes to wavs with the names in `sounds` (see `stems`), and with `save` also to STEM.npy. Parameters go to
    STEM.npy, and with `save_params` also to param files with the names in `sounds`. All files appear at the end, or
    none does; existing files are kept under another name.

    Raises:
        InputError: too many values for a param file; also as `write_together`.
    """
    tier, sounding = config.tier, config.tier.is_audio
    shape = (len(sounds), length, tier.columns)
    if output.save_params and length * shape[2] > MOST_SAVED:
        raise InputError(f"`save_params`: {length} steps are too many for a param file; at most {MOST_SAVED} values")
    ending = ".wav" if sounding else SUFFIX if output.save_params else None
    files = [Path(f"{one}{ending}") for one in sounds if ending]
    array = Path(f"{stem}.npy")
    kept = [array] if output.save or not sounding else []
    with write_together([*files, *kept]) as new, Values(new / array.name, shape) as values, closing(blocks):
        for block in blocks:
            values.append(block)
        for b, path in enumerate(files):
            if sounding:
                values.write_wav(b, new / path.name, tier.sample_rate)
            else:
                _param_file(np.concatenate([*values.sound(b)]), config).write(new / path.name)
    return [*files, *kept]


def stems(stem: Path, output: Output, batch: int) -> list[Path]:
    """The files of a batch's sounds, without ending: STEM; or STEM_0, STEM_1, ...; or STEM_NAME for each name.

    Raises:
        InputError: a list of names that cannot be read, has another length, or contains a name twice.
    """
    if output.names is None:
        return [stem.with_name(f"{stem.name}_{b}" if batch > 1 else stem.name) for b in range(batch)]
    names = [name.strip() for name in read_text(Path(output.names)).split("\n") if name.strip()]
    if len(names) != batch:
        raise InputError(f"`names` {output.names} has {len(names)} names for {batch} sounds")
    if len({nfc(name) for name in names}) < batch or any(
        "/" in name or "\\" in name or not name.isprintable() for name in names
    ):
        raise InputError(f"`names` {output.names}: each name must occur once and be usable in a file name")
    return [stem.with_name(f"{stem.name}_{name}") for name in names]


def _param_file(values: NDArray[np.float32], config: Interface) -> ParamFile:
    """Generated parameters [T, G] as a param file that can be plotted, trained on or fed to another tier."""
    times = (np.arange(len(values)) / config.tier.sample_rate).tolist()
    params = {}
    for g, name in enumerate(config.tier.generate):
        known = config.ranges[name]
        units = {"units": known.units} if known.units else {}
        curve = values[:, g].astype(float).tolist()
        params[name] = make_param(times, curve, minval=known.low, maxval=known.high, **units)
    return ParamFile(params, {"generated": True})
