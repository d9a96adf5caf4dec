"""Atomic file writing (a file appears whole or not at all), backups of replaced files, reading .npy arrays."""

from __future__ import annotations

import io
import itertools
import logging
import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from mtcrnn.core.errors import InputError

log = logging.getLogger(__name__)

MOST_VALUES = 50_000_000  # in an array that is read
_TEMPORARY = re.compile(r"\.tmp-\d+-\d+|\..+\.tmp-\d+")  # the second form is an older version's
_count = itertools.count()


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`: under a temporary name next to it, flushed to disk, then renamed.

    Raises:
        InputError: the disk is full or the folder cannot be written; a file that was at `path` is unchanged.
    """
    with writing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path` to write to; at the end of the block, that file replaces `path`.

    A symbolic link stays a link: its target is replaced. An existing file keeps its permissions.

    Raises:
        InputError: as in `write_bytes`; also if the existing file is read-only.
    """
    path = path.resolve() if path.is_symlink() else path
    temporary = _temporary(path)
    with _cleaning(temporary, path):
        check_writable(path)
        yield temporary
        if path.is_file():
            shutil.copymode(path, temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)


def check_writable(path: Path) -> None:
    """Raise InputError if the file exists and is read-only."""
    if path.is_file() and not path.stat().st_mode & 0o222:
        raise InputError(f"{path} is read-only; nothing was changed")


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for text, encoded as UTF-8."""
    write_bytes(path, text.encode())


def array_bytes(array: np.ndarray[Any, Any]) -> bytes:
    """An array as the content of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def read_array(path: Path) -> np.ndarray[Any, Any]:
    """Read an array of real numbers, of any type and shape, from a .npy file.

    Raises:
        InputError: no such file, not one plain array of real numbers, more than `MOST_VALUES` values, or fewer values
            than the header promises.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False, max_header_size=4096)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except Exception as error:  # the header is a Python literal: reading it can fail in any way
        reason = getattr(error, "strerror", None) or "its header is wrong, or promises more than the file holds"
        raise InputError(f"{path} cannot be read as a plain .npy array of numbers: {reason}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        kind = array.dtype if isinstance(array, np.ndarray) else "several arrays"
        raise InputError(f"{path} holds {kind}; it must be one array of real numbers")
    if array.size > MOST_VALUES:
        raise InputError(f"{path} holds {array.size:,} values; at most {MOST_VALUES:,}")
    return np.array(array)


def existing(path: Path) -> Path:
    """The file that a path means: the path itself, or a file whose name differs only in Unicode form (NFC, NFD)."""
    if path.name.isascii() or path.exists() or not path.parent.is_dir():
        return path
    wanted = nfc(path.name)
    return next((p for p in path.parent.iterdir() if nfc(p.name) == wanted), path)


def nfc(name: str) -> str:
    """A name in Unicode normal form C, so that spellings that some disks treat as the same name become equal."""
    return unicodedata.normalize("NFC", name)


def write_folder(path: Path, files: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> None:
    """Write a new folder with these files, one after another; it appears complete or not at all.

    Raises:
        InputError: as in `write_bytes`; also if `path` already exists.
    """
    if path.exists():
        raise InputError(f"{path} already exists")
    temporary = _temporary(path)
    with _cleaning(temporary, path):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, data in files.items() if isinstance(files, Mapping) else files:
            _write_flushed(temporary / name, data)
        _flush_folder(temporary)
        os.replace(temporary, path)
        _flush_folder(path.parent)


@contextmanager
def write_together(files: Sequence[Path]) -> Iterator[Path]:
    """Yield a new folder to write these files to, under their names; at the end of the block, all are moved into place.

    All belong to one folder, and an error or Ctrl-C inside the block leaves none of them there. Existing files of the
    same names are kept: see `keep_previous`.

    Raises:
        InputError: on entry, if the disk is full, the folder cannot be written, or a name is too long; nothing has
            been changed then.
    """
    folder = files[0].parent
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    new = _temporary(files[0])
    try:
        with _cleaning(new, files[0]):
            new.mkdir()
            for path in files:
                with suppress(FileNotFoundError):  # a name that is too long fails here, not at the end
                    os.lstat(new / f"{path.stem}.previous-1{path.suffix}")
            yield new
            for path in files:
                with open(new / path.name, "rb+") as file:
                    os.fsync(file.fileno())
            for path in files:
                keep_previous(path)
                os.replace(new / path.name, path)
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise
    remove(new)


def keep_previous(path: Path) -> None:
    """Rename a file that is about to be replaced to `STEM.previous-N.SUFFIX`, and log it."""
    if path.exists():
        kept = _previous(path)
        os.replace(path, kept)
        log.info("%s existed: kept as %s", path, kept.name)


def copy_previous(path: Path) -> Path:
    """Copy a file that is about to be changed to `STEM.previous-N.SUFFIX`, and return that path."""
    kept = _previous(path)
    write_bytes(kept, path.read_bytes())
    return kept


def _previous(path: Path) -> Path:
    """The next free name for what a file was."""
    number = 1
    while (kept := path.with_name(f"{path.stem}.previous-{number}{path.suffix}")).exists():
        number += 1
    return kept


def is_temporary(path: Path) -> bool:
    """Whether a killed process left this file or folder behind while writing."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove(path: Path) -> None:
    """Remove a file or a whole folder, as far as possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _temporary(path: Path) -> Path:
    return path.with_name(f".tmp-{os.getpid()}-{next(_count)}")


@contextmanager
def _cleaning(temporary: Path, path: Path) -> Iterator[None]:
    """Remove the temporary file or folder if writing fails; turn an OSError into an InputError of one line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        remove(temporary)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise InputError(f"cannot write {path}: {reason}; nothing there was changed") from error
        raise


def _write_flushed(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    """Make a rename inside `path` survive a power cut (does nothing where folders cannot be opened)."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
