"""The program of the split nets, see `models.nets.legacy.split`."""

from __future__ import annotations

import numpy as np

from mtcrnn.engine.builder import Builder


def program(b: Builder, by_variable: bool, shared: bool) -> int:
    """Build it: a stack for each part; their heads as one matrix over all stacks' outputs, its rows in raw order."""
    hidden = b.hidden
    x = b.enter(hidden)
    parts = b.raw_size // 2 if by_variable else 2
    rows = b.raw_size // parts
    if shared:
        x = b.gru_stack(x, "shared")
    outputs = [b.gru_stack(x, f"stacks.{p}") for p in range(parts)]
    first = min(outputs)
    whole, bias = np.zeros((b.raw_size, max(outputs) + hidden - first), np.float32), np.zeros(b.raw_size, np.float32)
    for p, place in enumerate(outputs):
        # parts of a variable are (mean, raw std), to be rows p and G + p; else a part has all the rows of its kind
        own = [p, parts + p] if by_variable else [p * rows + g for g in range(rows)]
        whole[own, place - first : place - first + hidden] = b.take(f"heads.{p}.weight", rows, hidden)
        bias[own] = b.take(f"heads.{p}.bias", rows)
    return b.dense(first, whole, bias)
