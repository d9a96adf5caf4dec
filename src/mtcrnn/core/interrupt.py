"""Ending a long run by hand without losing it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

HANGUP = getattr(signal, "SIGHUP", None)  # of a terminal that closes; Windows has none
SIGNALS = [number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number is not None]


class Stop:
    """Whether somebody wants the run to end; the handler of the signals that say so.

    Attributes:
        wanted: True from the first signal on.
        outer: the stop of a longer run that this one is part of; it is told too.
    """

    def __init__(self, outer: Stop | None = None) -> None:
        self.wanted, self.outer = False, outer

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """The first signal is a wish, a second one interrupts at once."""
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        if self.outer is not None:
            self.outer.wanted = True


@contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """Turn the first Ctrl-C (or SIGTERM, or SIGHUP of a terminal that closes) into a wish to stop.

    A second one interrupts at once. SIGHUP stays ignored where it is, under nohup.
    """
    outer = signal.getsignal(signal.SIGINT)
    stop = Stop(outer if isinstance(outer, Stop) else None)
    try:
        heard = [n for n in SIGNALS if not (n == HANGUP and signal.getsignal(n) == signal.SIG_IGN)]
        before = {number: signal.signal(number, stop) for number in heard}
    except ValueError:  # not the main thread: nobody can press Ctrl-C here
        before = {}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Have SIGTERM (and SIGHUP, where it is not ignored) interrupt what runs, so that it tidies up."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {}
    with suppress(ValueError):  # not the main thread
        for number in SIGNALS:
            if signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
