"""The token in the address of the live page, kept in a file of this user's, so that bookmarks outlive a restart."""

from __future__ import annotations

import os
import re
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

PLAUSIBLE = re.compile(rb"[A-Za-z0-9_-]{22,64}")


def kept_token(folder: Path) -> str:
    """The token in a folder of this user's; a new one if there is none, or if others can have read it.

    If the file cannot be written, the token lasts for this run only.
    """
    path = folder / "token"
    with suppress(OSError):
        if token := _read(path):
            return token
    fresh = secrets.token_urlsafe(16)
    with suppress(OSError):
        _write(path, fresh)
    return fresh


def _read(path: Path) -> str | None:
    """The token in a file, if it looks like one and only this user can read the file."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        about = os.fstat(handle)
        private = os.name != "posix" or (about.st_uid == os.geteuid() and not about.st_mode & 0o077)
        found = file.read(100) if private and stat.S_ISREG(about.st_mode) else b""
    return found.decode() if PLAUSIBLE.fullmatch(found) else None


def _write(path: Path, token: str) -> None:
    """Write a token, atomically, to a file that nobody else can read at any time."""
    if not path.is_absolute():
        raise OSError("no home folder")  # a "~" that could not be expanded
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "w") as file:
            file.write(token)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
