"""The program of the frame net, see `models.nets.frame`."""

from __future__ import annotations

from mtcrnn.engine.builder import Builder
from mtcrnn.engine.nets.framed import framed_steps


def program(b: Builder) -> int:
    """Add the net to the builder; returns the offset of the raw numbers."""
    x = framed_steps(b, b.net.frame_size, ago=True)
    x = b.linear(x, "hidden", b.hidden, b.hidden, relu=True)
    return b.linear(x, "head", b.raw_size, b.hidden)
