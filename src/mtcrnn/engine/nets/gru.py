"""The engine program of the plain GRU net, see `models.nets.gru`."""

from __future__ import annotations

from mtcrnn.engine.builder import Builder


def program(b: Builder, wide: bool = False, squash: bool = False) -> int:
    """Add the net to the builder; returns the offset of the raw numbers."""
    rows = 3 * b.inputs if wide else b.hidden
    x = b.input_layer(rows)
    if wide:
        x = b.linear(x, "widen", b.hidden, rows)
    x = b.gru_stack(x, "gru")
    if squash:
        x = b.tanh(x, b.hidden)
    return b.linear(x, "head", b.raw_size, b.hidden)
