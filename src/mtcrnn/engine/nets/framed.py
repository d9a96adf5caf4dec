"""What the programs of framed nets share, see `models.nets.framed`.

Each position in a frame has its own matrix, and the GRU steps only at the first step of a frame.
"""

from __future__ import annotations

from mtcrnn.engine.builder import Builder
from mtcrnn.engine.program import Op, When, padded


def framed_steps(b: Builder, recent_steps: int, ago: bool = False) -> int:
    """Add all up to ReLU(y), which reads the last `recent_steps` steps; returns the offset of it.

    With `ago`, y has an embedding of the codes a period ago.
    """
    hidden, F, N, C = b.hidden, b.net.frame_size, b.values, b.cond_size
    kept = max(F, recent_steps)
    made, past = b.frame_input(kept)
    skip = len(b.ops)
    b.add(Op.WITHIN_FRAME, made)
    h = b.gru_stack(past + (kept - F) * N, "gru", F * N + C)
    b.ops[skip][2] = len(b.ops) - skip - 1
    x, y = b.scratch(hidden), b.scratch(hidden)
    recent = b.take("recent.weight", hidden, recent_steps * N + C)
    b.add(Op.PRODUCT, b.matrix(recent), past + (kept - recent_steps) * N, x)
    spread = b.take("spread.weight", F * hidden, hidden).reshape(F, hidden, hidden)
    matrices = [b.matrix(position) for position in spread]
    b.add(Op.PRODUCT, matrices[0], h, y, When.ALWAYS, 0, made + 1)
    biases = b.table(b.take("spread.bias", F * hidden).reshape(F, hidden))
    newest = b.table(b.take("newest.weight", b.raw_size, hidden))
    if ago:
        b.ago(x, hidden)
    b.add(Op.FRAME, x, y, biases, newest, padded(hidden), made, F, N)
    return x
