"""Explicit SIMD code: reductions of 16 numbers in LLVM's vector types, in one order on every machine.

LLVM splits the vectors on machines with narrower registers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from mtcrnn.core.numba_math import BARE

WIDTH = 16  # numbers in a vector
I32, I64, F32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
F32X16, I32X16 = ir.VectorType(F32, WIDTH), ir.VectorType(I32, WIDTH)


def pointer(builder: Any, base: Any, offset: Any, element: Any, vector: Any) -> Any:
    """A pointer to a `vector` that begins `offset` elements after `base`."""
    return builder.bitcast(builder.gep(builder.bitcast(base, element.as_pointer()), [offset]), vector.as_pointer())


def load(builder: Any, base: Any, offset: Any, element: Any, vector: Any) -> Any:
    """The `vector` that begins `offset` elements after `base`."""
    loaded = builder.load(pointer(builder, base, offset, element, vector))
    loaded.align = 4
    return loaded


@intrinsic
def wide_vectors(typingctx):  # type: ignore[no-untyped-def]
    """Call this in a compiled function to let LLVM vectorise the function's loops at 512 bits.

    By default LLVM avoids 512-bit vectors on the first CPUs that have them; these loops are a quarter faster with them
    (docs/log.md).
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # by `set.add`: llvmlite's own `add` rejects such attributes
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


def _reduced(builder: Any, vector: Any, kind: str) -> Any:
    """The sum or the maximum of a vector: the upper half of the remaining lanes is combined with the lower half."""
    undefined = ir.Constant(F32X16, ir.Undefined)
    for half in (8, 4, 2, 1):
        lanes = ir.Constant(I32X16, [(lane + half) % WIDTH for lane in range(WIDTH)])
        other = builder.shuffle_vector(vector, undefined, lanes)
        if kind == "sum":
            vector = builder.fadd(vector, other)
        else:
            vector = builder.select(builder.fcmp_ordered(">", vector, other), vector, other)
    return builder.extract_element(vector, ir.Constant(I32, 0))


def _reduction(kind: str) -> Any:
    """An intrinsic that reduces x[at : at + 16] to one number: 'sum', 'max' or 'max_abs' (of the absolute values)."""

    @intrinsic
    def reduce(typingctx, x, at):  # type: ignore[no-untyped-def]
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            vector = load(builder, array.data, arguments[1], F32, F32X16)
            if kind == "max_abs":
                absolute = cgutils.get_or_insert_function(
                    builder.module, ir.FunctionType(F32X16, [F32X16]), "llvm.fabs.v16f32"
                )
                vector = builder.call(absolute, [vector])
            return _reduced(builder, vector, kind)

        return types.float32(x, at), generate

    return reduce


reduce_sum, reduce_max, reduce_max_abs = _reduction("sum"), _reduction("max"), _reduction("max_abs")


@intrinsic
def _dot_of_whole(typingctx, x, y, count):  # type: ignore[no-untyped-def]
    """The sum of x[t] y[t] over the first `count` numbers, a multiple of 16."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:2], arguments[:2], strict=True)
        ]
        total = cgutils.alloca_once_value(builder, ir.Constant(F32X16, None))
        zero, step = ir.Constant(I64, 0), ir.Constant(I64, WIDTH)
        with cgutils.for_range_slice(builder, zero, arguments[2], step, intp=I64) as (index, _):
            left, right = (load(builder, array.data, index, F32, F32X16) for array in arrays)
            builder.store(builder.fadd(builder.load(total), builder.fmul(left, right)), total)
        return _reduced(builder, builder.load(total), "sum")

    return types.float32(x, y, count), generate


@njit(**BARE)
def dot(x: Any, y: Any) -> Any:
    """The sum of x[t] y[t] over all of x [n] and the first n of y."""
    whole = x.shape[0] - x.shape[0] % WIDTH
    total: Any = _dot_of_whole(x, y, whole)
    for t in range(whole, x.shape[0]):
        total += x[t] * y[t]
    return total
