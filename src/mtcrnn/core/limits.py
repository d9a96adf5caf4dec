"""The largest numbers that are taken, where more than one room asks for them."""

from __future__ import annotations

MOST_RATE = 768_000  # Hz

MOST_SOUNDS = 4096  # generated at once

LEAST_CONTROL_RATE, MOST_CONTROL_RATE = 0.001, 1_000_000  # values of control curves a second
