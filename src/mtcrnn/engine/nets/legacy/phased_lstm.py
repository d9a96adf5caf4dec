"""The engine program of the Phased LSTM, see `models.nets.legacy.phased_lstm`."""

from __future__ import annotations

import numpy as np

from mtcrnn.engine.builder import Builder
from mtcrnn.engine.program import Op


def program(b: Builder) -> int:
    """Add the net to the builder; returns the offset of the raw numbers."""
    hidden, layers = b.hidden, b.net.n_layers
    x = b.input_layer(hidden)
    gx, gh, time = b.scratch(4 * hidden), b.scratch(4 * hidden), b.state(1)
    for k in range(layers):
        cell = f"cells.{k}"
        timing = [b.take(f"{cell}.{name}", hidden) for name in ("phase", "period", "ratio_on")]
        vectors = np.concatenate([b.take(f"{cell}.inward.bias", 4 * hidden), *timing])
        h, c = b.state(hidden), b.state(hidden)
        b.add(Op.PRODUCT, b.matrix(b.take(f"{cell}.inward.weight", 4 * hidden, hidden)), x, gx)
        b.add(Op.PRODUCT, b.matrix(b.take(f"{cell}.recurrent.weight", 4 * hidden, hidden)), h, gh)
        b.add(Op.PHASED_LSTM, gx, gh, b.store(vectors), h, hidden, c, time, int(k == layers - 1))
        x = h
    return b.linear(x, "head", b.raw_size, hidden)
