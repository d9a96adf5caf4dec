"""Matrix-vector products for one or several sounds, in explicit SIMD code (LLVM vector types).

Numba's own loops keep the sums in memory and vectorise at 256 bits. Here the code is built from LLVM's vector types, so
sums stay in registers, and a weight is loaded once for several sounds. LLVM splits the 16-lane vectors on machines with
narrower registers.

Weights are stored in tiles of up to four blocks of 16 rows, column by column within a tile, so they are read
sequentially: float32 as [tile][k][rows], int8 as [tile][k/4][rows][4 columns], int16 as [tile][k/2][rows][2 columns].
One intrinsic multiplies R blocks by S sounds. Each float32 sum adds the even and the odd columns separately, whatever
R and S are, so a sound's numbers do not depend on the other sounds of the batch. Nothing is fused: they are the same on
every machine.

Sums of integers are exact in any order. int8 products are sums of u8 (activations) times s8 (weights) in int32; on x86
with VNNI one instruction adds 64 of them (Intel, vpdpbusd), elsewhere pairs of 16-bit products give the same result.
int16 products are added in pairs by one instruction (x86 pmaddwd, WebAssembly i32x4.dot_i16x8_s); `builder` sees to it
that no sum overflows.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from mtcrnn.core.numba_math import BARE
from mtcrnn.core.vectors import F32, F32X16, I32, I32X16, I64, WIDTH, load, pointer

TILE = 4  # most blocks in a tile
SPLIT = 2  # interleaved partial sums of a row; k is padded to a multiple of it
FLOAT32, INT8, INT16 = 0, 1, 2  # kinds of matrices

_I8, _I16 = ir.IntType(8), ir.IntType(16)
_I16X32, _I32X32, _I8X64 = ir.VectorType(_I16, 32), ir.VectorType(I32, 32), ir.VectorType(_I8, 64)


def has_vnni() -> bool:
    """Whether the CPU that Numba compiles for, this one by default, has the 512-bit VNNI instruction."""
    if config.CPU_NAME is not None:  # type: ignore[attr-defined]
        return False
    features = llvm.get_host_cpu_features()
    return bool(features.get("avx512vnni")) and bool(features.get("avx512bw"))


def _multiply_lanes() -> int:
    """How many 16-bit numbers the CPU that Numba compiles for multiplies and adds in pairs at once; 0 if none (x86)."""
    if not llvm.get_default_triple().startswith(("x86_64", "amd64", "i686")):
        return 0
    features: Any = llvm.get_host_cpu_features()
    if config.CPU_NAME is not None:  # type: ignore[attr-defined]
        features = dict.fromkeys((config.CPU_FEATURES or "").replace("+", "").split(","), True)  # type: ignore[attr-defined]
    return 32 if features.get("avx512bw") else 16 if features.get("avx2") else 8


def _splat(builder: Any, scalar: Any, vector: Any) -> Any:
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(
        one, ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(I32, vector.count), [0] * vector.count)
    )


def _multiply_add_f32(builder: Any, total: Any, weights: Any, x: Any) -> Any:
    return builder.fadd(total, builder.fmul(weights, x))


def _multiply_add_vnni(builder: Any, total: Any, weights: Any, x: Any) -> Any:
    kind = ir.FunctionType(I32X16, [I32X16, _VNNI_OPERAND, _VNNI_OPERAND])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.vpdpbusd.512")
    return builder.call(function, [total, builder.bitcast(x, _VNNI_OPERAND), builder.bitcast(weights, _VNNI_OPERAND)])


def _multiply_add_pairs(builder: Any, total: Any, weights: Any, x: Any) -> Any:
    """The same sum from 16-bit products: of bytes 0 and 2, then 1 and 3, of each group of four."""
    eight = _splat(builder, ir.Constant(_I16, 8), _I16X32)
    low_byte = _splat(builder, ir.Constant(_I16, 255), _I16X32)
    w, a = builder.bitcast(weights, _I16X32), builder.bitcast(x, _I16X32)
    undefined = ir.Constant(_I32X32, ir.Undefined)
    for signed, unsigned in (
        (builder.ashr(builder.shl(w, eight), eight), builder.and_(a, low_byte)),
        (builder.ashr(w, eight), builder.lshr(a, eight)),
    ):
        products = builder.mul(builder.sext(signed, _I32X32), builder.sext(unsigned, _I32X32))
        for first in (0, 1):
            lanes = ir.Constant(I32X16, [2 * lane + first for lane in range(16)])
            total = builder.add(total, builder.shuffle_vector(products, undefined, lanes))
    return total


def _multiply_add_int16(lanes: int) -> Any:
    """Sums of the products of two neighbouring 16-bit columns, `lanes` of them at once; see `_multiply_lanes`."""
    names = {32: "llvm.x86.avx512.pmaddw.d.512", 16: "llvm.x86.avx2.pmadd.wd", 8: "llvm.x86.sse2.pmadd.wd"}

    def add(builder: Any, total: Any, weights: Any, x: Any) -> Any:
        w, a = builder.bitcast(weights, _I16X32), builder.bitcast(x, _I16X32)
        if not lanes:
            products, undefined = builder.mul(builder.sext(w, _I32X32), builder.sext(a, _I32X32)), _undefined(_I32X32)
            for first in (0, 1):
                chosen = ir.Constant(I32X16, [2 * lane + first for lane in range(16)])
                total = builder.add(total, builder.shuffle_vector(products, undefined, chosen))
            return total
        half, whole = ir.VectorType(_I16, lanes), ir.VectorType(I32, lanes // 2)
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(whole, [half, half]), names[lanes])
        parts = []
        for first in range(0, 32, lanes):
            chosen = ir.Constant(ir.VectorType(I32, lanes), list(range(first, first + lanes)))
            pair = [builder.shuffle_vector(each, _undefined(_I16X32), chosen) for each in (w, a)]
            parts.append(builder.call(function, pair))
        while len(parts) > 1:
            count = 2 * parts[0].type.count
            chosen = ir.Constant(ir.VectorType(I32, count), list(range(count)))
            parts = [builder.shuffle_vector(*parts[k : k + 2], chosen) for k in range(0, len(parts), 2)]
        return builder.add(total, parts[0])

    return add


def _undefined(vector: Any) -> Any:
    return ir.Constant(vector, ir.Undefined)


_VNNI_OPERAND = _I8X64 if llvm.llvm_version_info >= (21,) else I32X16


def _row_offset(builder: Any, array: Any, row: Any, offset: Any) -> Any:
    """Where element `offset` of a row of an array [rows, columns] of 4-byte numbers is, in words."""
    stride = builder.sdiv(cgutils.unpack_tuple(builder, array.strides)[0], ir.Constant(I64, 4))
    return builder.add(builder.mul(row, stride), offset)


def _tile(blocks: int, sounds: int, split: int, kind: int) -> Any:
    """An intrinsic that multiplies `blocks` blocks of 16 rows by `sounds` vectors and stores the sums.

    It adds `split` interleaved partial sums for each row.
    """
    quantised = kind != FLOAT32
    vector, element = (I32X16, I32) if quantised else (F32X16, F32)
    if kind == INT8:
        add = _multiply_add_vnni if has_vnni() else _multiply_add_pairs
    else:
        add = _multiply_add_int16(_multiply_lanes()) if quantised else _multiply_add_f32

    @intrinsic
    def multiply(typingctx, w, w0, stride, x, x_row, x0, k, y, y_row, y0):  # type: ignore[no-untyped-def]
        """y[y_row + s, y0:] = W x[x_row + s, x0 : x0 + k]; column j of W begins at w[w0 + j * stride], all in words."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            w_, w0_, stride_, x_, x_row_, x0_, k_, y_, y_row_, y0_ = arguments
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in ((signature.args[0], w_), (signature.args[3], x_), (signature.args[7], y_))
            ]
            w_data, x_data, y_data = (array.data for array in arrays)

            def row(array: Any, first: Any, s: int, offset: Any) -> Any:
                return _row_offset(builder, array, builder.add(first, ir.Constant(I64, s)), offset)

            x_rows = [row(arrays[1], x_row_, s, x0_) for s in range(sounds)]
            zero = ir.Constant(vector, None)
            totals = {
                (b, s, u): cgutils.alloca_once_value(builder, zero)
                for b in range(blocks)
                for s in range(sounds)
                for u in range(split)
            }
            starts = [builder.add(w0_, ir.Constant(I64, WIDTH * b)) for b in range(blocks)]
            with cgutils.for_range_slice(builder, ir.Constant(I64, 0), k_, ir.Constant(I64, split), intp=I64) as (
                index,
                _,
            ):
                for u in range(split):
                    at = builder.add(index, ir.Constant(I64, u))
                    places = [builder.add(start, builder.mul(at, stride_)) for start in starts]
                    weights = [load(builder, w_data, place, element, vector) for place in places]
                    for s in range(sounds):
                        activation = _splat(
                            builder, load(builder, x_data, builder.add(x_rows[s], at), element, element), vector
                        )
                        for b in range(blocks):
                            total = totals[b, s, u]
                            builder.store(add(builder, builder.load(total), weights[b], activation), total)
            for s in range(sounds):
                y_start = row(arrays[2], y_row_, s, y0_)
                for b in range(blocks):
                    parts = [builder.load(totals[b, s, u]) for u in range(split)]
                    while len(parts) > 1:
                        plus = builder.add if quantised else builder.fadd
                        parts = [plus(parts[i], parts[i + 1]) for i in range(0, len(parts), 2)]
                    target = pointer(
                        builder, y_data, builder.add(y_start, ir.Constant(I64, WIDTH * b)), element, vector
                    )
                    builder.store(parts[0], target).align = 4
            return context.get_dummy_value()

        return types.void(w, w0, stride, x, x_row, x0, k, y, y_row, y0), generate

    return multiply


_jit = njit(**BARE)


def _multiplier(kind: int, many: int, split: int) -> Any:
    """Compiled loops over tiles: `many` sounds at a time in pairs of blocks, then the others singly in whole tiles."""
    one, two, three, four = (_tile(blocks, 1, SPLIT, kind) for blocks in (1, 2, 3, 4))
    pair_many, one_many = _tile(2, many, split, kind), _tile(1, many, split, kind)

    @_jit
    def multiply(w: Any, matrix: Any, x: Any, x0: int, y: Any, y0: int, part: int, parts: int) -> tuple[int, int]:
        """y[s, y0:] = W x[s, x0:] for all sounds s; `matrix` describes W and its place in w, see `program.Program`.

        Computes only part number `part` of `parts`; returns the first row of the part, and the row after its last.
        """
        w0, k, tiles, width0, narrow = matrix[0], matrix[1], matrix[2], matrix[3], matrix[4]
        begin, end = 0, tiles
        if parts > 1:  # integer division is slow
            begin, end = tiles * part // parts, tiles * (part + 1) // parts
        low = high = begin * width0 + max(begin - narrow, 0)
        s = 0
        while s < x.shape[0]:
            together = s + many <= x.shape[0]
            high = low
            for t in range(begin, end):
                width = width0 if t < narrow else width0 + 1
                start, stride, row = w0 + high * k * WIDTH, width * WIDTH, y0 + high * WIDTH
                high += width
                if together:
                    for b in range(0, width - 1, 2):
                        pair_many(w, start + b * WIDTH, stride, x, s, x0, k, y, s, row + b * WIDTH)
                    if width % 2:
                        one_many(w, start + stride - WIDTH, stride, x, s, x0, k, y, s, row + stride - WIDTH)
                elif width == 4:
                    four(w, start, stride, x, s, x0, k, y, s, row)
                elif width == 3:
                    three(w, start, stride, x, s, x0, k, y, s, row)
                elif width == 2:
                    two(w, start, stride, x, s, x0, k, y, s, row)
                else:
                    one(w, start, stride, x, s, x0, k, y, s, row)
            s += many if together else 1
        return low * WIDTH, high * WIDTH

    return multiply


multiply_f32 = _multiplier(FLOAT32, 4, SPLIT)
multiply_int8 = _multiplier(INT8, 8, 1)
multiply_int16 = _multiplier(INT16, 8, 1)
