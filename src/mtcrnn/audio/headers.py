"""Wavs whose header is wrong about their length, as programs leave it that stream into a pipe or die."""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PLACEHOLDER = 0x7F000000  # a data size from here on was written before the sound was there
SLACK, SLACK_SHARE = 128, 1e-3  # bytes by which a size may be too large, or that share: a program that counts padding


@contextmanager
def mended(path: Path) -> Iterator[Any]:
    """What to open a sound file by: its name, or a copy in memory whose wav header says how much sound there is.

    libsndfile copes with a size that is too large, but takes one of 0 for an empty file.
    """
    with open(path, "rb") as file:
        place = _unsized_data(file)
        if place is None:
            yield os.fsencode(path) if os.name == "posix" else str(path)  # names need not be text
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as memory:  # pages that are not changed are shared
            held = min(len(memory) - place - 4, 0xFFFFFFFF)
            memory[place : place + 4] = struct.pack("<I", held)
            yield memory


def _unsized_data(file: Any) -> int | None:
    """Where a wav says that its data have no bytes, although sound follows; None where all is well."""
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
    """(promised, held) bytes where libsndfile noted that the sound is shorter than its header says, else None."""
    match = re.search(r"^\s*(?:data|SSND)\s*: (\d+) \(should be (\d+)\)", header_log, re.MULTILINE)
    if not match:
        return None
    promised, held = int(match[1]), int(match[2])
    slack = max(SLACK, SLACK_SHARE * promised)
    return (promised, held) if held + slack < promised < PLACEHOLDER else None
