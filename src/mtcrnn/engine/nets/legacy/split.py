"""The engine program of the split nets, see `models.nets.legacy.split`."""

from __future__ import annotations

import numpy as np

from mtcrnn.engine.builder import Builder


def program(b: Builder, by_variable: bool, shared: bool) -> int:
    """Add the net to the builder; returns the offset of the raw numbers.

    Each part has its stack. All heads are one matrix over the outputs of all stacks, its rows in the order of the raw
    numbers.
    """
    hidden = b.hidden
    x = b.input_layer(hidden)
    parts = b.raw_size // 2 if by_variable else 2
    rows = b.raw_size // parts
    if shared:
        x = b.gru_stack(x, "shared")
    outputs = [b.gru_stack(x, f"stacks.{p}") for p in range(parts)]
    first = min(outputs)
    whole, bias = np.zeros((b.raw_size, max(outputs) + hidden - first), np.float32), np.zeros(b.raw_size, np.float32)
    for p, place in enumerate(outputs):
        # the part of a variable p is (mean, raw std): rows p and G + p; otherwise a part has all means or all raw stds
        own = [p, parts + p] if by_variable else [p * rows + g for g in range(rows)]
        whole[own, place - first : place - first + hidden] = b.take(f"heads.{p}.weight", rows, hidden)
        bias[own] = b.take(f"heads.{p}.bias", rows)
    return b.dense(first, whole, bias)
