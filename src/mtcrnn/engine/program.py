"""A net as a program for the compiled loop: its weights in one packed copy, its layers as rows of numbers.

Sounds keep their numbers in rows of one float32 array, `memory` [sounds, size]: first what must be kept between blocks
(the recurrent states), then scratch. An operation is a row of `Program.ops`: what to do, where in `memory` its input
and output begin, which matrices it takes. Offsets and sizes are padded to whole blocks of 16 numbers.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.net import Net
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError, listing
from mtcrnn.engine.dots import TILE, WIDTH
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.encoding import Units

COLUMNS = 9  # of an operation
HUGE_PAGE = 2 << 20  # bytes; reading weights from huge pages is up to 1.6 times as fast (docs/log.md)
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


class Op(IntEnum):
    """What an operation does; behind it stand its columns: places in memory, numbers of matrices, starts of vectors."""

    PRODUCT = 0  # matrix, x, y, when, layer, m: y = W x; with m, W is memory[m - 1] matrices further on
    GRU = 1  # gx, gh, biases, h, H: the gates of a layer, from its two products to its new h
    PHASED_LSTM = 2  # gx, gh, vectors, h, H, c, time, 1 in the last layer (then time goes on)
    BIAS = 3  # x, bias, size, 1 for ReLU: x += b
    TANH = 4  # x, y, size: y = tanh x
    WITHIN_FRAME = 5  # made, n: leave out the next n operations but at a frame's first sample
    FRAME = 6  # x, y, biases, table, size, made, F: x = ReLU(x + y + b[made] + table[code]), made += 1 (mod F)


class When(IntEnum):
    """When a product is made: the recurrent ones stand before and behind their layer's gates, see `kernels`."""

    ALWAYS = 0
    BEFORE = 1
    BEHIND = 2


class Program(NamedTuple):
    """What the compiled loop reads and never writes.

    Attributes:
        ops: int64 [operations, COLUMNS].
        matrices: int64 [matrices, 8]: start in words, k (float32 columns, or words of 4 int8 columns), number of tiles,
            blocks of 16 rows in the narrower ones, number of those (the others have one more); 1 where int8, start of
            the scales and of the corrections.
        floats: all float32 weights, and biases, scales and tables.
        words: the same memory as int32.
        entry: int64 [6]: start of the input table [inputs, M], of its bias, M, own inputs, 1 where one-hot, and where
            in `memory` the first layer's output begins; of a frame net 0, 0, F, 1, 2, and where its last F inputs
            begin, in front of the parameters; `made` and the newest code stand in front of them.
        divisor: a code is divided by it before it enters as a number (1 for parameters).
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
    raw: int  # where the raw numbers of the output begin
    width: int  # most columns of a matrix, padded
    rows: int  # most rows of a matrix, padded


def padded(n: int, unit: int = WIDTH) -> int:
    """The next multiple of `unit`.

    >>> padded(17), padded(32)
    (32, 32)
    """
    return -(-n // unit) * unit


class Builder:
    """Collects weights, operations and places in memory.

    Args:
        weights: tensors by name, as saved.
        quantised: int8 for the matrices.
        kept: columns of memory for the recurrent states.
    """

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], quantised: bool, kept: int) -> None:
        self.weights, self.quantised, self.kept = weights, quantised, kept
        self.taken: set[str] = set()
        self.used, self.size = 0, kept
        self.parts: list[NDArray[Any]] = []
        self.words = 0
        self.ops: list[list[int]] = []
        self.matrices: list[tuple[int, ...]] = []
        self.width = self.rows = 0

    def take(self, name: str, *shape: int) -> NDArray[np.float32]:
        """A tensor by name. Raises InputError where it is missing, of another shape, or not finite."""
        found = self.weights.get(name)
        if found is None:
            raise InputError(f"the model's weights lack {name}; there are {listing(self.weights)}")
        if found.shape != shape:
            raise InputError(f"the model's weights do not fit it: {name} is {list(found.shape)}, not {list(shape)}")
        if not np.isfinite(found).all():
            raise InputError(f"the model's weights are broken: {name} holds NaN or infinite numbers")
        self.taken.add(name)
        return found

    def state(self, n: int) -> int:
        """A place in memory for n numbers that outlive a block."""
        self.used += padded(n)
        return self.used - padded(n)

    def scratch(self, n: int) -> int:
        """A place in memory for n numbers that do not."""
        self.size += padded(n)
        return self.size - padded(n)

    def store(self, array: NDArray[Any]) -> int:
        """Append an array of 4-byte numbers, padded with zeros; returns its start in words."""
        flat = np.ascontiguousarray(array).reshape(-1)
        flat = flat.view(np.float32) if flat.dtype == np.int32 else flat.astype(np.float32)
        self.parts.append(np.pad(flat.view(np.int32), (0, padded(len(flat)) - len(flat))))
        self.words += padded(len(flat))
        return self.words - padded(len(flat))

    def matrix(self, weight: NDArray[np.float32]) -> int:
        """Pack a matrix [rows, columns] as `dots` wants it; returns its number."""
        rows, columns = weight.shape
        blocks = padded(rows) // WIDTH
        whole = np.zeros((blocks * WIDTH, padded(columns, 8)), np.float32)
        whole[:rows, :columns] = weight
        self.width, self.rows = max(self.width, padded(columns)), max(self.rows, len(whole))
        tiles = -(-blocks // TILE)  # of nearly the same size: a narrow one takes as long as a wide one
        shape = (tiles, blocks // tiles, tiles - blocks % tiles)
        if not self.quantised:
            self.matrices.append((self.store(_tiled(whole, 1, shape)), whole.shape[1], *shape, 0, 0, 0))
        else:
            scale = np.maximum(np.abs(whole).max(axis=1), 1e-30) / 127
            levels = np.rint(whole / scale[:, None]).astype(np.int8)
            correction = 128 * levels.sum(axis=1, dtype=np.int32)  # activations are stored 128 too high
            start = self.store(_tiled(levels, 4, shape))
            self.matrices.append((start, whole.shape[1] // 4, *shape, 1, self.store(scale), self.store(correction)))
        return len(self.matrices) - 1

    def add(self, kind: Op, *columns: int) -> None:
        """Append an operation."""
        self.ops.append([int(kind), *columns, *[0] * (COLUMNS - 1 - len(columns))])

    def linear(self, x: int, name: str, rows: int, columns: int, relu: bool = False) -> int:
        """Y = W x + b of the layer `name`, or ReLU of that; returns where y is."""
        return self.dense(x, self.take(f"{name}.weight", rows, columns), self.take(f"{name}.bias", rows), relu)

    def dense(self, x: int, weight: NDArray[np.float32], bias: NDArray[np.float32], relu: bool = False) -> int:
        """Y = W x + b, or ReLU of that; returns where y is."""
        y = self.scratch(len(weight))
        self.add(Op.PRODUCT, self.matrix(weight), x, y)
        self.add(Op.BIAS, y, self.store(bias), len(weight), int(relu))
        return y

    def gru_stack(self, x: int, name: str, layers: int, hidden: int, inputs: int | None = None) -> int:
        """GRU layers, the first of `inputs` numbers (left out: of `hidden`); returns where the last one's output is."""
        gx = self.scratch(3 * hidden)  # of the layer in hand
        for k in range(layers):
            w_ih = self.take(f"{name}.weight_ih_l{k}", 3 * hidden, inputs or hidden)
            w_hh, inputs = self.take(f"{name}.weight_hh_l{k}", 3 * hidden, hidden), None
            b_ih, b_hh = (self.take(f"{name}.bias_{part}_l{k}", 3 * hidden) for part in ("ih", "hh"))
            bias = np.concatenate([b_ih[: 2 * hidden] + b_hh[: 2 * hidden], b_ih[2 * hidden :], b_hh[2 * hidden :]])
            h, gh, layer = self.state(hidden), self.scratch(3 * hidden), sum(op[0] == Op.GRU for op in self.ops)
            self.add(Op.PRODUCT, self.matrix(w_ih), x, gx)
            recurrent = self.matrix(w_hh)
            self.add(Op.PRODUCT, recurrent, h, gh, When.BEFORE, layer)
            self.add(Op.GRU, gx, gh, self.store(bias), h, hidden)
            self.add(Op.PRODUCT, recurrent, h, gh, When.BEHIND, layer)
            x = h
        return x

    def phased_stack(self, x: int, layers: int, hidden: int) -> int:
        """Phased LSTM layers; returns where the last one's output is."""
        gx, gh, time = self.scratch(4 * hidden), self.scratch(4 * hidden), self.state(1)
        for k in range(layers):
            cell = f"cells.{k}"
            timing = [self.take(f"{cell}.{name}", hidden) for name in ("phase", "period", "ratio_on")]
            vectors = np.concatenate([self.take(f"{cell}.inward.bias", 4 * hidden), *timing])
            h, c = self.state(hidden), self.state(hidden)
            self.add(Op.PRODUCT, self.matrix(self.take(f"{cell}.inward.weight", 4 * hidden, hidden)), x, gx)
            self.add(Op.PRODUCT, self.matrix(self.take(f"{cell}.recurrent.weight", 4 * hidden, hidden)), h, gh)
            self.add(Op.PHASED_LSTM, gx, gh, self.store(vectors), h, hidden, c, time, int(k == layers - 1))
            x = h
        return x

    def table(self, name: str, rows: int, columns: int) -> int:
        """Store an embedding [rows, columns], its rows padded; returns its start in words."""
        return self.store(_wide(self.take(name, rows, columns)))

    def tanh(self, x: int, n: int) -> int:
        """Y = tanh x; returns where y is."""
        y = self.scratch(n)
        self.add(Op.TANH, x, y, n)
        return y

    def memory(self) -> NDArray[np.int32]:
        """All that was stored, in huge pages where the system has them."""
        area = mmap.mmap(-1, padded(4 * self.words, HUGE_PAGE) + HUGE_PAGE, **_PRIVATE)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            area.madvise(mmap.MADV_HUGEPAGE)
        whole = np.frombuffer(area, np.int32)
        first = (-whole.ctypes.data % HUGE_PAGE) // 4
        out = whole[first : first + self.words]
        np.concatenate(self.parts, out=out)
        return out


def _wide(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """A table whose rows are padded with zeros."""
    return np.pad(table, ((0, 0), (0, padded(table.shape[1]) - table.shape[1])))


def _tiled(matrix: NDArray[Any], group: int, shape: tuple[int, int, int]) -> NDArray[Any]:
    """The numbers of a matrix [rows, columns] in the order of `dots`, `group` columns of a row in one word."""
    tiles, width, narrow = shape
    ends = np.cumsum([width] * narrow + [width + 1] * (tiles - narrow)) * WIDTH
    parts = [t.reshape(len(t), -1, group).transpose(1, 0, 2).ravel() for t in np.split(matrix, ends[:-1])]
    return np.concatenate(parts).view(np.float32 if group == 1 else np.int32)


def build(
    units: Units, weights: Mapping[str, NDArray[np.float32]], raw_size: int, quantised: bool
) -> tuple[Program, Layout]:
    """The program of a model whose output takes `raw_size` raw numbers, with int8 matrices where `quantised`.

    Raises:
        InputError: a net that the engine does not know, or that cannot generate what the tier asks for; weights that
            are missing, too many, do not fit or are not finite.
    """
    tier, net = units.config.tier, units.config.net
    net.check_for(tier)
    if net.net not in (*_BODIES, "frame"):
        raise InputError(f"the engine does not know the net {net.net}; --engine torch does")
    b = Builder(weights, quantised, _kept(units.config))
    if net.net == "frame":
        entry, raw = _frame(b, tier, net, raw_size)
    else:
        entry, raw = _layers(b, tier, net, raw_size)
    if foreign := [name for name in weights if name not in b.taken]:
        raise InputError(f"the model's weights do not fit it: it has no {listing(foreign, 4)}")
    assert b.used == b.kept
    words = b.memory()
    program = Program(
        np.array(b.ops, np.int64),
        np.array(b.matrices, np.int64),
        words.view(np.float32),
        words,
        np.array(entry, np.int64),
        float(units.codec.divisor) if tier.is_audio else 1.0,
    )
    return program, Layout(b.kept, b.size, raw, b.width, b.rows)


def _layers(b: Builder, tier: Tier, net: Net, raw_size: int) -> tuple[list[int], int]:
    """A net that begins with ReLU(W (past, conditions) + b): its entry, and where its raw numbers are."""
    hidden, inputs = net.hidden_size, tier.gen_size + tier.cond_size
    middle = 3 * inputs if net.net == "gru-wide" else hidden
    table = _wide(b.take("inward.weight", middle, inputs).T)
    x = b.scratch(middle)
    bias = b.store(b.take("inward.bias", middle))
    entry = [b.store(table), bias, padded(middle), tier.gen_size, int(tier.onehot), x]
    return entry, _BODIES[net.net](b, x, middle, raw_size, net)


def _frame(b: Builder, tier: Tier, net: Net, raw_size: int) -> tuple[list[int], int]:
    """The frame net, see `nets.frame`: a matrix for each position, and the GRU only at a frame's first sample."""
    hidden, F, inputs = net.hidden_size, net.frame_size, net.frame_size + tier.cond_size
    skip = len(b.ops)
    made, recent = b.state(2), b.state(inputs)
    b.add(Op.WITHIN_FRAME, made)
    h = b.gru_stack(recent, "gru", net.n_layers, hidden, inputs)
    b.ops[skip][2] = len(b.ops) - skip - 1
    x, y = b.scratch(hidden), b.scratch(hidden)
    b.add(Op.PRODUCT, b.matrix(b.take("recent.weight", hidden, inputs)), recent, x)
    spread = b.take("spread.weight", F * hidden, hidden).reshape(F, hidden, hidden)
    matrices = [b.matrix(place) for place in spread]
    b.add(Op.PRODUCT, matrices[0], h, y, When.ALWAYS, 0, made + 1)
    biases = b.store(_wide(b.take("spread.bias", F * hidden).reshape(F, hidden)))
    b.add(Op.FRAME, x, y, biases, b.table("newest.weight", raw_size, hidden), padded(hidden), made, F)
    x = b.linear(x, "hidden", hidden, hidden, relu=True)
    return [0, 0, F, 1, 2, recent], b.linear(x, "head", raw_size, hidden)


def _kept(config: ModelConfig) -> int:
    """Columns of memory for the recurrent states of a net."""
    net, generated = config.net, len(config.tier.generate)
    layer = padded(net.hidden_size) * net.n_layers
    if net.net == "frame":
        return layer + WIDTH + padded(net.frame_size + config.tier.cond_size)
    if net.net == "phased-lstm":
        return 2 * layer + WIDTH  # h, c, and the time
    parts = generated if "variables" in net.net else 2 if "moments" in net.net else 1
    return layer * (parts + net.net.endswith("-shared"))


def _plain(b: Builder, x: int, middle: int, raw_size: int, net: Net) -> int:
    if net.net == "gru-wide":
        x = b.linear(x, "widen", net.hidden_size, middle)
    if net.net == "phased-lstm":
        x = b.phased_stack(x, net.n_layers, net.hidden_size)
    else:
        x = b.gru_stack(x, "gru", net.n_layers, net.hidden_size)
    if net.net == "mixture":
        x = b.tanh(x, net.hidden_size)
    return b.linear(x, "head", raw_size, net.hidden_size)


def _split(b: Builder, x: int, middle: int, raw_size: int, net: Net) -> int:
    """A stack for each part; their heads as one matrix over all stacks' outputs, its rows in the order of the raw."""
    hidden, layers, by_variable = net.hidden_size, net.n_layers, "variables" in net.net
    parts = raw_size // 2 if by_variable else 2
    rows = raw_size // parts
    if net.net.endswith("-shared"):
        x = b.gru_stack(x, "shared", layers, hidden)
    outputs = [b.gru_stack(x, f"stacks.{p}", layers, hidden) for p in range(parts)]
    first = min(outputs)
    whole, bias = np.zeros((raw_size, max(outputs) + hidden - first), np.float32), np.zeros(raw_size, np.float32)
    for p, place in enumerate(outputs):
        # parts of a variable are (mean, raw std), to be rows p and G + p; else a part has all the rows of its kind
        own = [p, parts + p] if by_variable else [p * rows + g for g in range(rows)]
        whole[own, place - first : place - first + hidden] = b.take(f"heads.{p}.weight", rows, hidden)
        bias[own] = b.take(f"heads.{p}.bias", rows)
    return b.dense(first, whole, bias)


_BODIES = {
    **dict.fromkeys(("gru", "gru-wide", "mixture", "phased-lstm"), _plain),
    **{f"split-{what}{how}": _split for what in ("moments", "variables") for how in ("", "-shared")},
}
