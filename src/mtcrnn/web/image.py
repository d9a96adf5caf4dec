"""The arrays of a voice as the memory of a WebAssembly module, and where in it what lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.engine.program import padded
from mtcrnn.web.voice import Voice

STACK_END = 1 << 17  # the module's own data are below its stack, which grows down from here; the arrays begin here
ALIGNED = 64  # bytes
PAGE = 1 << 16  # bytes of memory are given out at a time
SEEN = "clock", "words", "target", "rows", "sound"  # what a page writes and reads


@dataclass(frozen=True)
class Image:
    """The memory before the first sample; what lies beyond `data` is zeros.

    Attributes:
        data: the bytes from `STACK_END` on.
        pages: of memory, in all.
        table: the address of the arguments of the module's function.
        count: the address of the last of them, how many frames are wanted, int64.
        addresses: of arrays of the voice, by name.
    """

    data: bytes
    pages: int
    table: int
    count: int
    addresses: dict[str, int]


def image_of(voice: Voice) -> Image:
    """The image of a voice."""
    arrays: dict[int, NDArray[Any]] = {}  # by where they are: one that is read as two types is one
    for array in _arrays(voice):
        arrays.setdefault(array.ctypes.data, array)
    filled = {place for place, array in arrays.items() if array.reshape(-1).view(np.uint8).any()}
    addresses = dict.fromkeys(arrays, 0)
    table_size = 8 * len(_table(voice, addresses))
    at = stored = STACK_END + table_size
    for place, array in sorted(arrays.items(), key=lambda item: item[0] not in filled):  # zeros last
        at = padded(at, ALIGNED)
        addresses[place] = at
        at += array.nbytes
        stored = at if place in filled else stored
    data = bytearray(stored - STACK_END)
    data[:table_size] = np.array(_table(voice, addresses), np.int64).tobytes()
    for place in filled:
        start, content = addresses[place] - STACK_END, arrays[place].tobytes()
        data[start : start + len(content)] = content
    seen = {name: addresses[getattr(voice, name).ctypes.data] for name in SEEN}
    return Image(bytes(data), at // PAGE + 1, STACK_END, STACK_END + table_size - 8, seen)


def _arrays(part: Any) -> Iterator[NDArray[Any]]:
    """All arrays that are not empty."""
    if isinstance(part, tuple):
        for each in part:
            yield from _arrays(each)
    elif isinstance(part, np.ndarray) and part.size:
        yield part


def _table(voice: Voice, addresses: Mapping[int, int]) -> list[int]:
    """The arguments of the module's function: room for what is returned and raised, the voice, and a count."""
    return [0, 0, *_arguments(voice, addresses), 0]


def _arguments(part: Any, addresses: Mapping[int, int]) -> Iterator[int]:
    """A part of a voice as Numba passes it: of an array its (absent) owners, sizes, address, shape and strides."""
    if isinstance(part, tuple):
        for each in part:
            yield from _arguments(each, addresses)
    elif isinstance(part, np.ndarray):
        if not part.flags.c_contiguous:
            raise ValueError(f"an array of {part.shape} is not contiguous")
        yield from (0, 0, part.size, part.itemsize, addresses.get(part.ctypes.data, STACK_END))
        yield from (*part.shape, *part.strides)
    else:
        yield int(np.float64(part).view(np.int64))
