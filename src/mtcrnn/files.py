"""Level 0: files that are written whole or not at all, and never lost without a word."""

from __future__ import annotations

import io
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mtcrnn.errors import InputError

log = logging.getLogger(__name__)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`: to a temporary name beside it, flushed to disk, then renamed.

    Raises:
        InputError: the disk is full or the folder cannot be written; whatever stood at `path` still does.
    """
    temporary = _temporary(path)
    with _cleaning(temporary, path):
        _write_flushed(temporary, data)
        os.replace(temporary, path)
        _flush_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for text, as UTF-8."""
    write_bytes(path, text.encode())


def array_bytes(array: np.ndarray[Any, Any]) -> bytes:
    """The content of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def write_folder(path: Path, files: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> None:
    """Write a new folder with these files, one after the other, so that it appears complete or not at all.

    Raises:
        InputError: as `write_bytes`; also when `path` exists already.
    """
    if path.exists():
        raise InputError(f"{path} exists already")
    temporary = _temporary(path)
    with _cleaning(temporary, path):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, data in files.items() if isinstance(files, Mapping) else files:
            _write_flushed(temporary / name, data)
        _flush_folder(temporary)
        os.replace(temporary, path)
        _flush_folder(path.parent)


def keep_previous(path: Path) -> None:
    """Move a file that is about to be replaced to `STEM.previous-N.SUFFIX`, and say so."""
    if not path.exists():
        return
    number = 1
    while (kept := path.with_name(f"{path.stem}.previous-{number}{path.suffix}")).exists():
        number += 1
    os.replace(path, kept)
    log.warning("%s existed: kept as %s", path, kept.name)


def write_files(files: Mapping[Path, bytes]) -> None:
    """`write_bytes` for several files; what stands in the way is kept, see `keep_previous`."""
    for path, content in files.items():
        keep_previous(path)
        write_bytes(path, content)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp-{os.getpid()}")


@contextmanager
def _cleaning(temporary: Path, path: Path) -> Iterator[None]:
    """Remove the temporary file or folder if writing fails; turn what the system says into one line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
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
    """Make a rename inside `path` survive a power cut (a no-op where folders cannot be opened)."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
