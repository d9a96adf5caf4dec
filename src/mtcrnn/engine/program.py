"""The program format of the compiled loop: a net's packed weights, and its layers as a table of operations.

All activations are in one float32 array, `memory` [sounds, size], one row per sound: first what is kept between blocks
(the recurrent states), then scratch. An operation is a row of `Program.ops`: its kind, the offsets in `memory` of its
input and output, and the matrices it uses. Offsets and sizes are padded to whole blocks of 16 numbers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.vectors import WIDTH

COLUMNS = 9  # of an operation
LEVELS16 = 4095  # of an activation that is multiplied by int16 weights, on either side of 0
NUMBERS, ONEHOT, FRAMED = 0, 1, 2  # kinds of input, see `Program.input_spec`


class Op(IntEnum):
    """The kind of an operation. Its other columns: offsets in memory, numbers of matrices, starts of vectors."""

    PRODUCT = 0  # matrix, x, y, when, layer, m: y = W x; if m is not 0, W is the matrix numbered matrix + memory[m - 1]
    GRU = 1  # gx, gh, biases, h, H: the gates of a layer: its new h from its two products
    PHASED_LSTM = 2  # gx, gh, vectors, h, H, c, time, 1 in the last layer (which advances time)
    BIAS = 3  # x, bias, size, 1 for ReLU: x += b
    TANH = 4  # x, y, size: y = tanh x
    WITHIN_FRAME = 5  # made, n: skip the next n operations, except at the first sample of a frame
    FRAME = 6  # x, y, biases, table, size, made, F, N: x = ReLU(x + y + b[made] + table[codes]), made += 1 (mod F)
    BAND = 7  # x, size, k, drawn, N, below, beneath, j: x = ReLU(x + below[bands before k] + beneath[code of band j])
    DRAW = 8  # logits, Q, band, drawn, N, raw: copy the logits to raw; draw the code of a band, or take the given one
    AGO = 9  # x, size, past, centres, N, L, table, Q: x[k size:] += rows of the table for value k's codes, L lags ago


class When(IntEnum):
    """When a product is computed: recurrent ones are listed before and after their layer's gates, see `loop`."""

    ALWAYS = 0
    BEFORE = 1
    AFTER = 2


class Program(NamedTuple):
    """What the compiled loop reads and never writes.

    Attributes:
        ops: int64 [operations, COLUMNS].
        matrices: int64 [matrices, 8]: start in words, k (float32 columns, or words of 4 int8 or 2 int16 columns),
            number of tiles, blocks of 16 rows in the narrower tiles, number of narrower tiles (the others have one
            block more); its kind (`products.FLOAT32`, ...), start of the scales, start of the corrections.
        floats: all float32 weights, biases, scales and tables.
        words: the same memory as int32.
        input_spec: int64 [6]: start of the input table [inputs, M], of its bias, M, own inputs, NUMBERS or ONEHOT, and
            the offset in `memory` of the first layer's output. Of a framed net: N, the offset of `made`, which the N
            newest codes follow (code k plus k Q), the past numbers kept, 1, FRAMED, and the offset of these numbers,
            which the conditioning follows.
        divisor: a past value that is read as a number is divided by it.
    """

    ops: NDArray[np.int64]
    matrices: NDArray[np.int64]
    floats: NDArray[np.float32]
    words: NDArray[np.int32]
    input_spec: NDArray[np.int64]
    divisor: float


class Layout(NamedTuple):
    """Sizes of what the loop writes: memory [sounds, size], whose first `kept` columns are kept between blocks."""

    kept: int
    size: int
    raw: int  # offset of the raw numbers in memory
    width: int  # most columns of a matrix, padded
    rows: int  # most rows of a matrix, padded
    drawn: int  # offset of the draws of sub-bands: temperature; [N] uniforms, given codes or -1, codes, numbers


def padded(n: int, unit: int = WIDTH) -> int:
    """The least multiple of `unit` that is not below n.

    >>> padded(17), padded(32)
    (32, 32)
    """
    return -(-n // unit) * unit
