"""How far a run is, and what follows from it: learning rates, the last step."""

from __future__ import annotations

import time
from collections.abc import Callable


class Schedule:
    """A run's length, in steps or in minutes of training, and how much of it is over; with both, whichever is first.

    Args:
        end: the last step, or None where only the clock ends the run.
        minutes: that it takes, or None where it takes as long as its steps do.
        elapsed: seconds of them that are over already (of a run that goes on).

    Attributes:
        elapsed: seconds of training so far, as of the last look at the clock.
    """

    def __init__(self, end: int | None, minutes: float | None, elapsed: float = 0.0) -> None:
        self.end, self.minutes, self.elapsed = end, minutes, elapsed
        self.start()

    def start(self) -> None:
        """The first step begins."""
        self._started = time.perf_counter() - self.elapsed

    def look(self, agree: Callable[[float], float]) -> None:
        """Look at the clock, where that matters; `agree` makes one number of those of several processes."""
        if self.minutes is not None:
            self.elapsed = agree(time.perf_counter() - self._started)

    @property
    def time_is_up(self) -> bool:
        """Whether the minutes were over at the last look."""
        return self.minutes is not None and self.elapsed >= 60 * self.minutes

    def progress(self, step: int) -> float:
        """How much of the run lies before `step` (counted from 1): 0 at its first step, 1 at its last."""
        by_steps = (step - 1) / max(self.end - 1, 1) if self.end else 0.0
        by_clock = self.elapsed / (60 * self.minutes) if self.minutes else 0.0
        return min(max(by_steps, by_clock), 1.0)

    def last_step(self, step: int) -> int | None:
        """Which step will be the last, as it looks after `step`; None where nothing tells yet."""
        by_clock = round(step * 60 * self.minutes / self.elapsed) if self.minutes and self.elapsed else None
        return min(filter(None, (self.end, by_clock)), default=None)

    def at(self, step: int, start: float, final: float | None) -> float:
        """What moves in a line from `start` at the first step to `final` at the last; constant without a `final`."""
        return start if final is None else start + (final - start) * self.progress(step)
