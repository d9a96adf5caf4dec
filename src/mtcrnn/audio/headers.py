"""Wav headers with a wrong length, as left by programs that write to a pipe or crash: repairing and detecting them."""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PLACEHOLDER = 0x7F000000  # a data size from here on was written before the length was known
SLACK, SLACK_SHARE = 128, 1e-3  # bytes, or share, by which a size may be too large: some programs count padding


@contextmanager
def repaired(path: Path) -> Iterator[Any]:
    """Yield what to open a sound file with: its path, or a copy in memory whose wav header has the right data size.

    libsndfile can handle a size that is too large, but takes a size of 0 to mean an empty file.
    """
    with open(path, "rb") as file:
        place = _unsized_data(file)
        if place is None:
            yield os.fsencode(path) if os.name == "posix" else str(path)  # file names need not be valid text
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as memory:  # unchanged pages are shared
            held = min(len(memory) - place - 4, 0xFFFFFFFF)
            memory[place : place + 4] = struct.pack("<I", held)
            yield memory


def _unsized_data(file: Any) -> int | None:
    """The position of a wav's data size if that is 0 although sound follows; None otherwise."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    while len(chunk := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            following = file.read(4)
            text = following.isalpha() or following in (b"id3 ", b"fmt ")  # another chunk
            return file.tell() - 8 if size == 0 and len(following) == 4 and not text else None
        file.seek(size + size % 2, os.SEEK_CUR)
    return None


def shortfall(header_log: str) -> tuple[int, int] | None:
    """(promised, held) bytes if libsndfile noted that the sound is shorter than its header says, else None."""
    match = re.search(r"^\s*(?:data|SSND)\s*: (\d+) \(should be (\d+)\)", header_log, re.MULTILINE)
    if not match:
        return None
    promised, held = int(match[1]), int(match[2])
    slack = max(SLACK, SLACK_SHARE * promised)
    return (promised, held) if held + slack < promised < PLACEHOLDER else None
