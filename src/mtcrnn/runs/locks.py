"""File locks on folders: only one process at a time trains in a run, or labels a folder of recordings."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import write_text
from mtcrnn.core.validation import read_json

log = logging.getLogger(__name__)

LOCK, HOLDER = ".lock", ".holder.json"


@contextmanager
def locked(folder: Path, doing: str = "training") -> Iterator[None]:
    """Hold the lock of a folder, which is created if need be. The system releases it however the process ends.

    Where the file system cannot lock, logs a warning and continues without a lock.

    Raises:
        InputError: another process is `doing` the same there (says which), or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(f"{folder}: another process is already {doing} there{_holder(folder)}") from error
    except (OSError, NotImplementedError) as error:
        if isinstance(error, PermissionError) or not os.access(folder, os.W_OK):
            raise InputError(f"cannot write {folder}: {getattr(error, 'strerror', None) or error}") from error
        log.warning("%s cannot be locked (%s): make sure that only one process is %s there", folder, error, doing)
        yield
        return
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        write_text(folder / HOLDER, json.dumps(holder) + "\n")
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink()
        lock.release()


def _holder(folder: Path) -> str:
    try:
        found = read_json(folder / HOLDER)
        return f" (process {found['pid']} on {found['host']}, since {found['since']})"
    except (InputError, KeyError, TypeError):
        return ""
