"""The learning-rate and teacher-forcing schedules: how far a run is, by steps or by the clock, and its last step."""

from __future__ import annotations

import time
from collections.abc import Callable


class Schedule:
    """A run's length in steps or minutes of training, and how much of it is done; with both, whichever ends first.

    Args:
        end: the last step; None if only the clock ends the run.
        minutes: of training; None if only the steps end the run.
        elapsed: seconds of training done already, in a run that continues.

    Attributes:
        elapsed: seconds of training so far, when the clock was last read.
    """

    def __init__(self, end: int | None, minutes: float | None, elapsed: float = 0.0) -> None:
        self.end, self.minutes, self.elapsed = end, minutes, elapsed
        self.start()

    def start(self) -> None:
        """Start the clock, at the first step."""
        self._started = time.perf_counter() - self.elapsed

    def exclude(self, seconds: float) -> None:
        """Leave out so many seconds, which were not of training."""
        self._started += seconds

    def read_clock(self, agree: Callable[[float], float]) -> None:
        """Read the clock, if the run has `minutes`; `agree` makes one time of those of several processes."""
        if self.minutes is not None:
            self.elapsed = agree(time.perf_counter() - self._started)

    @property
    def time_is_up(self) -> bool:
        """Whether the minutes were over when the clock was last read."""
        return self.minutes is not None and self.elapsed >= 60 * self.minutes

    def progress(self, step: int) -> float:
        """The share of the run before `step` (counted from 1): 0 at its first step, 1 at its last."""
        by_steps = (step - 1) / max(self.end - 1, 1) if self.end else 0.0
        by_clock = self.elapsed / (60 * self.minutes) if self.minutes else 0.0
        return min(max(by_steps, by_clock), 1.0)

    def last_step(self, step: int) -> int | None:
        """The last step, as estimated after `step`; None if it cannot be estimated yet."""
        by_clock = round(step * 60 * self.minutes / self.elapsed) if self.minutes and self.elapsed else None
        return min(filter(None, (self.end, by_clock)), default=None)

    def at(self, step: int, start: float, final: float | None) -> float:
        """A value that moves linearly from `start` at the first step to `final` at the last; None: it stays `start`."""
        return start if final is None else start + (final - start) * self.progress(step)
