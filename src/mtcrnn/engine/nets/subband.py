"""The program of the sub-band net, see `models.nets.subband`: bands are drawn within a step, low ones first."""

from __future__ import annotations

from mtcrnn.engine.builder import Builder
from mtcrnn.engine.nets.framed import framed_steps
from mtcrnn.engine.program import Op
from mtcrnn.models.constants import BAND_SIZE, RECENT_STEPS
from mtcrnn.models.encoding import band_beneath


def program(b: Builder) -> int:
    """Add the net to the builder; returns the offset of the raw numbers, the logits of all bands."""
    N, Q = b.values, b.codes
    x = framed_steps(b, RECENT_STEPS)
    own = b.linear(x, "bands", N * BAND_SIZE, b.hidden)
    b.ago(own, BAND_SIZE)
    logits, b.drawn = b.scratch(N * Q), b.scratch(1 + 4 * N)
    below = b.table(b.take("below", N, N, BAND_SIZE).reshape(N * N, BAND_SIZE))
    beneath = b.table(b.take("beneath.weight", N * Q, BAND_SIZE))
    heads, biases = b.take("heads", N, BAND_SIZE, Q), b.take("biases", N, Q)
    y = b.scratch(Q)
    for k in range(N):
        x = own + k * BAND_SIZE
        b.add(Op.BAND, x, BAND_SIZE, k, b.drawn, N, below, beneath, band_beneath(k, b.bands))
        b.add(Op.PRODUCT, b.matrix(heads[k].T), x, y)
        b.add(Op.BIAS, y, b.store(biases[k]), Q)
        b.add(Op.DRAW, y, Q, k, b.drawn, N, logits + k * Q)
    return logits
