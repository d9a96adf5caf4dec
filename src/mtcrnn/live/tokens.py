"""The token in the address of the live page: kept for this user, so that a bookmark works the next time."""

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
    """The token in a folder of this user's; a new one where there is none that nobody else can have read.

    Where it cannot be kept it is for this time only.
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
    """The token in a file, if it looks like one, and the file is this user's alone."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        about = os.fstat(handle)
        private = os.name != "posix" or (about.st_uid == os.geteuid() and not about.st_mode & 0o077)
        found = file.read(100) if private and stat.S_ISREG(about.st_mode) else b""
    return found.decode() if PLAUSIBLE.fullmatch(found) else None


def _write(path: Path, token: str) -> None:
    """Put a token into a file that nobody else can read at any time, whole or not at all."""
    if not path.is_absolute():
        raise OSError("nobody's home")  # "~" stays as it is for a user without a home folder
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "w") as file:
            file.write(token)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
