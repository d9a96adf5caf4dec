"""Signal handling: end a long run on Ctrl-C, SIGTERM or SIGHUP without losing its results."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

HANGUP = getattr(signal, "SIGHUP", None)  # sent when a terminal closes; Windows does not have it
SIGNALS = [number for number in (signal.SIGINT, signal.SIGTERM, HANGUP) if number is not None]


class Stop:
    """A request to end the run, and the handler of the signals that make it.

    Attributes:
        wanted: True from the first signal on.
        outer: the `Stop` of a longer run that this one is part of; the request is passed on to it.
    """

    def __init__(self, outer: Stop | None = None) -> None:
        self.wanted, self.outer = False, outer

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """The first signal requests a stop; a second one interrupts at once."""
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        if self.outer is not None:
            self.outer.wanted = True


@contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """Turn the first Ctrl-C (or SIGTERM, or the SIGHUP of a closing terminal) into a request to stop.

    A second one interrupts at once. Where SIGHUP is ignored (under nohup), it stays ignored.
    """
    outer = signal.getsignal(signal.SIGINT)
    stop = Stop(outer if isinstance(outer, Stop) else None)
    try:
        handled = [n for n in SIGNALS if not (n == HANGUP and signal.getsignal(n) == signal.SIG_IGN)]
        previous = {number: signal.signal(number, stop) for number in handled}
    except ValueError:  # not the main thread, which alone gets signals
        previous = {}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Make SIGTERM (and SIGHUP, where it is not ignored) raise KeyboardInterrupt, so that running code cleans up."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {}
    with suppress(ValueError):  # not the main thread
        for number in SIGNALS:
            if signal.getsignal(number) == signal.SIG_DFL:
                previous[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
