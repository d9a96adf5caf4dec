"""An append-only array that is kept in memory, or in a memory-mapped temporary file if it is large."""

from __future__ import annotations

import tempfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError

MEMORY_LIMIT = 2**29  # bytes kept in memory; more go to a memory-mapped file that is deleted with the process


class Store:
    """Collects blocks of numbers into one array.

    Args:
        dtype: the type of all numbers.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._parts: list[NDArray[Any]] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def add(self, block: NDArray[Any]) -> bytes:
        """Append a block [n, columns]. Returns its bytes as stored.

        Raises:
            InputError: more than `MEMORY_LIMIT`, and the disk is full too.
        """
        kept = block.astype(self._dtype)
        self._bytes += kept.nbytes
        self._parts.append(kept)
        if self._bytes > MEMORY_LIMIT:
            self._spill()
        return kept.tobytes()

    def array(self, columns: int) -> NDArray[Any]:
        """All blocks as one array [N, columns]. Empties the store."""
        if self._file is None:
            parts, self._parts = self._parts, []
            return np.concatenate([np.zeros((0, columns), self._dtype), *parts])
        self._spill()
        shape = (self._bytes // self._dtype.itemsize // columns, columns)
        with self._file as file:  # the mapping keeps the file alive
            file.flush()
            return np.memmap(file, dtype=self._dtype, mode="r", shape=shape)

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 (`array` closes it)
            for part in self._parts:
                self._file.write(part.tobytes())
        except OSError as error:
            where = f"{tempfile.gettempdir()} has no room for the data ({error.strerror or error})"
            raise InputError(f"{where}; set TMPDIR to another folder") from error
        self._parts.clear()
