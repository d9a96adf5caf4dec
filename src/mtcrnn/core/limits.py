"""Largest and smallest accepted numbers that more than one package checks: sample rate, batch, rate of parameters."""

from __future__ import annotations

MOST_RATE = 768_000  # sample rate, in Hz

MOST_SOUNDS = 4096  # sounds generated at once

LEAST_CONTROL_RATE, MOST_CONTROL_RATE = 0.001, 1_000_000  # parameter values per second
