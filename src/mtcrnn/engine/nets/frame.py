"""The engine program of the frame net, see `models.nets.frame`.

Each position in a frame has its own matrix, and the GRU steps only at the first sample of a frame.
"""

from __future__ import annotations

from mtcrnn.engine.builder import Builder
from mtcrnn.engine.program import Op, When, padded


def program(b: Builder) -> int:
    """Add the net to the builder; returns the offset of the raw numbers."""
    hidden, F, inputs = b.hidden, b.net.frame_size, b.net.frame_size + b.cond_size
    skip = len(b.ops)
    made, recent = b.state(2), b.state(inputs)
    b.frame_input(recent)
    b.add(Op.WITHIN_FRAME, made)
    h = b.gru_stack(recent, "gru", inputs)
    b.ops[skip][2] = len(b.ops) - skip - 1
    x, y = b.scratch(hidden), b.scratch(hidden)
    b.add(Op.PRODUCT, b.matrix(b.take("recent.weight", hidden, inputs)), recent, x)
    spread = b.take("spread.weight", F * hidden, hidden).reshape(F, hidden, hidden)
    matrices = [b.matrix(position) for position in spread]
    b.add(Op.PRODUCT, matrices[0], h, y, When.ALWAYS, 0, made + 1)
    biases = b.table(b.take("spread.bias", F * hidden).reshape(F, hidden))
    newest = b.table(b.take("newest.weight", b.raw_size, hidden))
    b.add(Op.FRAME, x, y, biases, newest, padded(hidden), made, F)
    x = b.linear(x, "hidden", hidden, hidden, relu=True)
    return b.linear(x, "head", b.raw_size, hidden)
