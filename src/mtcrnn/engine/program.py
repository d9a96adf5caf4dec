"""What a program for the compiled loop is: a net's weights in one packed copy, its layers as rows of numbers.

Sounds keep their numbers in rows of one float32 array, `memory` [sounds, size]: first what must be kept between blocks
(the recurrent states), then scratch. An operation is a row of `Program.ops`: what to do, where in `memory` its input
and output begin, which matrices it takes. Offsets and sizes are padded to whole blocks of 16 numbers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcrnn.engine.dots import WIDTH

COLUMNS = 9  # of an operation
NUMBERS, ONEHOT, FRAMED = 0, 1, 2  # what enters, see `Program.entry`


class Op(IntEnum):
    """What an operation does; after it come its columns: places in memory, numbers of matrices, starts of vectors."""

    PRODUCT = 0  # matrix, x, y, when, layer, m: y = W x; with m, W is memory[m - 1] matrices further on
    GRU = 1  # gx, gh, biases, h, H: the gates of a layer, from its two products to its new h
    PHASED_LSTM = 2  # gx, gh, vectors, h, H, c, time, 1 in the last layer (then time goes on)
    BIAS = 3  # x, bias, size, 1 for ReLU: x += b
    TANH = 4  # x, y, size: y = tanh x
    WITHIN_FRAME = 5  # made, n: leave out the next n operations but at a frame's first sample
    FRAME = 6  # x, y, biases, table, size, made, F: x = ReLU(x + y + b[made] + table[code]), made += 1 (mod F)


class When(IntEnum):
    """When a product is made: the recurrent ones stand before and after their layer's gates, see `kernels`."""

    ALWAYS = 0
    BEFORE = 1
    AFTER = 2


class Program(NamedTuple):
    """What the compiled loop reads and never writes.

    Attributes:
        ops: int64 [operations, COLUMNS].
        matrices: int64 [matrices, 8]: start in words, k (float32 columns, or words of 4 int8 columns), number of tiles,
            blocks of 16 rows in the narrower ones, number of those (the others have one more); 1 where int8, start of
            the scales and of the corrections.
        floats: all float32 weights, and biases, scales and tables.
        words: the same memory as int32.
        entry: int64 [6]: start of the input table [inputs, M], of its bias, M, own inputs, NUMBERS or ONEHOT, and where
            in `memory` the first layer's output begins. Of a framed net 0, 0, F, 1, FRAMED, and where its last F
            samples begin, which the conditioning follows; `made` and the newest code come before them.
        divisor: a past value is divided by it before it enters as a number.
    """

    ops: NDArray[np.int64]
    matrices: NDArray[np.int64]
    floats: NDArray[np.float32]
    words: NDArray[np.int32]
    entry: NDArray[np.int64]
    divisor: float


class Layout(NamedTuple):
    """Sizes of what the loop writes: memory [sounds, size], whose first `kept` columns outlive a block."""

    kept: int
    size: int
    raw: int  # where the raw numbers begin
    width: int  # most columns of a matrix, padded
    rows: int  # most rows of a matrix, padded


def padded(n: int, unit: int = WIDTH) -> int:
    """The next multiple of `unit`.

    >>> padded(17), padded(32)
    (32, 32)
    """
    return -(-n // unit) * unit
