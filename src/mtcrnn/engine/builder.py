"""The builder of programs: packs a net's weights, lists its operations and allocates offsets in memory."""

from __future__ import annotations

import mmap
import pkgutil
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.vectors import WIDTH
from mtcrnn.engine.products import FLOAT32, INT8, INT16, TILE
from mtcrnn.engine.program import COLUMNS, FRAMED, LEVELS16, NUMBERS, ONEHOT, Layout, Op, Program, When, padded
from mtcrnn.models.config import ModelConfig

HUGE_PAGE = 2 << 20  # bytes; reading weights from huge pages is up to 1.6 times as fast (docs/log.md)
KINDS = {"float32": FLOAT32, "int8": INT8, "int16": INT16}
SCRATCH = 1 << 40  # offsets of scratch begin here until the size of the kept part is known
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


class Builder:
    """Collects the weights, the operations and the memory layout of one model's program.

    Args:
        config: the model's configuration.
        weights: its tensors by name, as saved.
        kind: of the matrices: `products.FLOAT32`, INT8 or INT16.
        tile: most blocks of rows in a tile, see `products`.

    Attributes:
        net: the net's options.
        hidden: units of a recurrent layer, H.
        inputs: numbers that a plain net reads at a step: the past values and the conditioning.
        cond_size: size of the conditioning, C.
        raw_size: raw numbers of a step.
        values: values that a step generates, N.
        bands: sub-bands of each channel.
        codes: of each value, where it has codes, Q.
        past: offset of the numbers of the past, once `frame_input` has been called.
        past_size: how many they are, see `models.lookback`.
        drawn: offset of what sub-bands are drawn from, see `Layout`; 0 if there are none.
    """

    def __init__(self, config: ModelConfig, weights: Mapping[str, NDArray[np.float32]], kind: int, tile: int) -> None:
        self.weights, self._kind, self._tile = weights, kind, tile
        self.net, self.hidden, self._encoding = config.net, config.net.hidden_size, config.encoding
        self.cond_size, self.raw_size = config.cond_size, config.distribution.size
        self.inputs = self._encoding.size + self.cond_size
        self.values, self.bands = self._encoding.width, config.tier.bands
        self.codes = self.raw_size // self.values
        self.drawn = self.past = 0
        self.lookback = config.lookback
        self.past_size = self.lookback.size if self.lookback else 0
        self.divisor = self._encoding.divisor
        self.input_spec: list[int] = []
        self.taken: set[str] = set()
        self.kept, self.size = 0, SCRATCH
        self.parts: list[NDArray[Any]] = []
        self.words = 0
        self.ops: list[list[int]] = []
        self.matrices: list[tuple[int, ...]] = []
        self.width = self.rows = 0

    def input_layer(self, rows: int) -> int:
        """The first layer of a plain net: x [rows] = ReLU(W [past, conditioning] + b); returns the offset of x."""
        weight, x = self.take("inward.weight", rows, self.inputs), self.scratch(rows)
        bias, own = self.store(self.take("inward.bias", rows)), self._encoding.size
        kind = ONEHOT if self._encoding.onehot else NUMBERS
        self.input_spec = [self.table(weight.T), bias, padded(rows), own, kind, x]
        return x

    def ago(self, x: int, size: int) -> None:
        """Add embeddings of the codes that each value had a lag ago to that value's part of x [values size]."""
        if self.lookback is None or not self.lookback.reads:
            return
        centres = self.lookback.centres
        table = self.table(self.take("ago.table.weight", centres.size * self.codes, size))
        at = self.store(centres.astype(np.int32))
        self.add(Op.AGO, x, padded(size), self.past, at, self.values, len(centres), table, self.codes)

    def frame_input(self, steps: int) -> tuple[int, int]:
        """The input of a framed net: `made`, and the last `steps` steps with the conditioning; returns both offsets."""
        made, recent = self.state(1 + self.values), self.state(steps * self.values + self.cond_size + WIDTH)
        self.input_spec = [self.values, made, steps * self.values, 1, FRAMED, recent]
        self.past = recent + steps * self.values + self.cond_size - self.past_size
        self.divisor = float(self.codes - 1)
        return made, recent

    def take(self, name: str, *shape: int) -> NDArray[np.float32]:
        """A tensor by name. Raises InputError if it is missing, has another shape, or is not finite."""
        found = self.weights.get(name)
        if found is None:
            raise InputError(f"the model's weights lack {name}; they hold {listing(self.weights)}")
        if found.shape != shape:
            raise InputError(f"the model's weights do not fit it: {name} is {list(found.shape)}, not {list(shape)}")
        if not np.isfinite(found).all():
            raise InputError(f"the model's weights are broken: {name} holds NaN or infinite numbers")
        self.taken.add(name)
        return found

    def state(self, n: int) -> int:
        """Allocate n numbers that are kept between blocks; returns their offset in memory."""
        self.kept += padded(n)
        return self.kept - padded(n)

    def scratch(self, n: int) -> int:
        """Allocate n numbers of scratch; returns their offset in memory."""
        self.size += padded(n)
        return self.size - padded(n)

    def store(self, array: NDArray[Any]) -> int:
        """Append an array of 4-byte numbers to the weights, padded with zeros; returns its start in words."""
        flat = np.ascontiguousarray(array).reshape(-1)
        flat = flat.view(np.float32) if flat.dtype == np.int32 else flat.astype(np.float32)
        self.parts.append(np.pad(flat.view(np.int32), (0, padded(len(flat)) - len(flat))))
        self.words += padded(len(flat))
        return self.words - padded(len(flat))

    def matrix(self, weight: NDArray[np.float32]) -> int:
        """Pack a matrix [rows, columns] in the layout of `products`; returns its number."""
        rows, columns = weight.shape
        blocks = padded(rows) // WIDTH
        whole = np.zeros((blocks * WIDTH, padded(columns, 8)), np.float32)
        whole[:rows, :columns] = weight
        self.width, self.rows = max(self.width, padded(columns)), max(self.rows, len(whole))
        tiles = -(-blocks // self._tile)  # of nearly the same width: a narrow tile takes as long as a wide one
        shape = (tiles, blocks // tiles, tiles - blocks % tiles)
        if self._kind == FLOAT32:
            self.matrices.append((self.store(_tiled(whole, 1, shape)), whole.shape[1], *shape, self._kind, 0, 0))
            return len(self.matrices) - 1
        if self._kind == INT8:
            scale = np.maximum(np.abs(whole).max(axis=1), 1e-30) / 127
            levels = np.rint(whole / scale[:, None]).astype(np.int8)
            correction = 128 * levels.sum(axis=1, dtype=np.int32)  # activations have a zero point of 128
            columns = 4
        else:
            scale = _scale16(whole)
            levels, columns = np.rint(whole / scale[:, None]).astype(np.int16), 2
            correction = np.zeros(len(whole), np.int32)
        start, k = self.store(_tiled(levels, columns, shape)), whole.shape[1] // columns
        self.matrices.append((start, k, *shape, self._kind, self.store(scale), self.store(correction)))
        return len(self.matrices) - 1

    def add(self, kind: Op, *columns: int) -> None:
        """Append an operation."""
        self.ops.append([int(kind), *columns, *[0] * (COLUMNS - 1 - len(columns))])

    def linear(self, x: int, name: str, rows: int, columns: int, relu: bool = False) -> int:
        """Y = W x + b of the layer `name`, or ReLU of that; returns the offset of y."""
        return self.dense(x, self.take(f"{name}.weight", rows, columns), self.take(f"{name}.bias", rows), relu)

    def dense(self, x: int, weight: NDArray[np.float32], bias: NDArray[np.float32], relu: bool = False) -> int:
        """Y = W x + b, or ReLU of that; returns the offset of y."""
        y = self.scratch(len(weight))
        self.add(Op.PRODUCT, self.matrix(weight), x, y)
        self.add(Op.BIAS, y, self.store(bias), len(weight), int(relu))
        return y

    def gru_stack(self, x: int, name: str, inputs: int | None = None) -> int:
        """The GRU layers `name`, the first of `inputs` numbers (default: H); returns the offset of the last output."""
        hidden = self.hidden
        gx = self.scratch(3 * hidden)  # shared by all layers
        for k in range(self.net.n_layers):
            w_ih = self.take(f"{name}.weight_ih_l{k}", 3 * hidden, inputs or hidden)
            w_hh, inputs = self.take(f"{name}.weight_hh_l{k}", 3 * hidden, hidden), None
            b_ih, b_hh = (self.take(f"{name}.bias_{part}_l{k}", 3 * hidden) for part in ("ih", "hh"))
            bias = np.concatenate([b_ih[: 2 * hidden] + b_hh[: 2 * hidden], b_ih[2 * hidden :], b_hh[2 * hidden :]])
            h, gh, layer = self.state(hidden), self.scratch(3 * hidden), sum(op[0] == Op.GRU for op in self.ops)
            self.add(Op.PRODUCT, self.matrix(w_ih), x, gx)
            recurrent = self.matrix(w_hh)
            self.add(Op.PRODUCT, recurrent, h, gh, When.BEFORE, layer)
            self.add(Op.GRU, gx, gh, self.store(bias), h, hidden)
            self.add(Op.PRODUCT, recurrent, h, gh, When.AFTER, layer)
            x = h
        return x

    def table(self, rows: NDArray[np.float32]) -> int:
        """Store the rows of a table [n, columns], padded; returns its start in words."""
        return self.store(_padded_rows(rows))

    def tanh(self, x: int, n: int) -> int:
        """Y = tanh x; returns the offset of y."""
        y = self.scratch(n)
        self.add(Op.TANH, x, y, n)
        return y

    def relocated(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Final offsets in memory: the scratch begins where the kept part ends."""
        return np.where(offsets >= SCRATCH, offsets - SCRATCH + self.kept, offsets)

    def memory(self) -> NDArray[np.int32]:
        """All stored arrays as one, in huge pages if the system has them."""
        area = mmap.mmap(-1, padded(4 * self.words, HUGE_PAGE) + HUGE_PAGE, **_PRIVATE)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            area.madvise(mmap.MADV_HUGEPAGE)
        whole = np.frombuffer(area, np.int32)
        first = (-whole.ctypes.data % HUGE_PAGE) // 4
        out = whole[first : first + self.words]
        np.concatenate(self.parts, out=out)
        return out


def _rounded(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    return tensor.astype(np.float16).astype(np.float32)


def _scale16(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """What one level of each row is worth, so that no weight is above 15 bits, and no product of a row above 31."""
    columns, sums = matrix.shape[1], np.abs(matrix).sum(axis=1, dtype=np.float64)
    most = (2**31 - 1) / LEVELS16 - columns  # of the levels of a row, which rounding makes larger
    return np.maximum(np.maximum(np.abs(matrix).max(axis=1) / 32767, sums / most), 1e-30).astype(np.float32)


def _padded_rows(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """A table with its rows padded with zeros."""
    return np.pad(table, ((0, 0), (0, padded(table.shape[1]) - table.shape[1])))


def _tiled(matrix: NDArray[Any], group: int, shape: tuple[int, int, int]) -> NDArray[Any]:
    """The numbers of a matrix [rows, columns] in the tile order of `products`, `group` columns of a row in one word."""
    tiles, width, narrow = shape
    ends = np.cumsum([width] * narrow + [width + 1] * (tiles - narrow)) * WIDTH
    parts = [t.reshape(len(t), -1, group).transpose(1, 0, 2).ravel() for t in np.split(matrix, ends[:-1])]
    return np.concatenate(parts).view(np.float32 if group == 1 else np.int32)


def build(
    config: ModelConfig, weights: Mapping[str, NDArray[np.float32]], precision: str, tile: int = TILE
) -> tuple[Program, Layout]:
    """The program of a model, in float32, int8 or int16, in tiles of at most `tile` blocks.

    In int16, the rows of tables have 16 bits too.

    Raises:
        InputError: a net that cannot generate what the tier asks for; weights that are missing, unknown, of a wrong
            shape, or not finite.
    """
    net = config.net
    net.check_for(config.tier)
    try:
        program_of = pkgutil.resolve_name(f"mtcrnn.engine.nets.{net.spec.file}:program")
    except ModuleNotFoundError as error:
        raise InputError(f"the engine has no program for the net {net.net}; `engine` torch plays it") from error
    if precision == "int16":
        with np.errstate(over="ignore"):  # infinite weights are found below
            weights = {name: _rounded(tensor) if tensor.ndim > 1 else tensor for name, tensor in weights.items()}
    b = Builder(config, weights, KINDS[precision], tile)
    raw = program_of(b, **net.spec.keywords)
    if unknown := [name for name in weights if name not in b.taken]:
        raise InputError(f"the model's weights do not fit it: it has no {listing(unknown, 4)}")
    words = b.memory()
    placed = (b.relocated(np.array(each, np.int64)) for each in (b.ops, b.input_spec, raw, b.drawn, b.size))
    ops, inputs, raw, drawn, size = placed
    program = Program(ops, np.array(b.matrices, np.int64), words.view(np.float32), words, inputs, b.divisor)
    return program, Layout(b.kept, int(size), int(raw), b.width, b.rows, int(drawn))
