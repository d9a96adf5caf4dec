"""The scheduler: one thread that renders the blocks of everything that is played live, the most urgent first."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from mtcrnn.core.errors import InputError
from mtcrnn.live.playback import Deliver, Pending, Playback
from mtcrnn.rendering.stream import Stream

log = logging.getLogger(__name__)

LOAD = 0.85  # the largest share of the thread's time that all streams together may take
NICENESS = -10  # of threads that make sound: halfway to the highest priority

T = TypeVar("T")


def raise_priority() -> None:
    """Give this thread a higher priority than other programs, where the system allows it."""
    if sys.platform == "linux":  # elsewhere a priority is a whole process's
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Scheduler:
    """Renders the blocks of all streams in one thread, always for the listener that has the least sound left.

    Listeners report how much they have played, and that paces their streams: one that has stopped costs nothing.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._playbacks: list[Playback] = []
        self._calls: deque[tuple[Playback, Callable[[Stream], Any], Future[Any]]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._thread.start()

    def add(self, stream: Stream, cost: float, deliver: Deliver, margin: int) -> Playback:
        """Add a stream, which does not play yet; the arguments are those of `Playback`.

        Raises:
            InputError: the other streams leave too little time.
        """
        with self._wake:
            taken = sum(playback.cost for playback in self._playbacks)
            if self._playbacks and taken + cost > LOAD:
                raise InputError(
                    f"this CPU plays {len(self._playbacks)} at once, {taken:.0%} of a core's time, and one more would "
                    f"take {cost:.0%}: close another page, or play a smaller net"
                )
            playback = Playback(stream, cost, deliver, margin)
            self._playbacks.append(playback)
        return playback

    def remove(self, playback: Playback) -> None:
        """End a stream."""
        with self._wake:
            self._playbacks = [other for other in self._playbacks if other is not playback]

    def set(
        self,
        playback: Playback,
        values: Mapping[str, float],
        temperature: float | None = None,
        change: int | None = None,
    ) -> None:
        """Move parameters of a stream before its next block, as `Stream.set`.

        Raises:
            InputError: a name that is not a parameter.
        """
        playback.stream.check(values)
        with self._wake:
            playback.move(values, temperature, change)

    def start(self, playback: Playback, seed: int) -> int:
        """Play a stream from its beginning; returns the number of the take."""
        with self._wake:
            playback.start(seed, self._clock())
            self._wake.notify()
            return playback.take

    def stop(self, playback: Playback) -> None:
        """Render no more of a stream."""
        with self._wake:
            playback.playing = False

    def set_margin(self, playback: Playback, samples: int) -> None:
        """Set how many samples may be rendered ahead of what is played."""
        with self._wake:
            playback.margin = samples
            self._wake.notify()

    def played(self, playback: Playback, take: int, samples: int) -> None:
        """The listener reports how many samples of a take it has played."""
        with self._wake:
            if take == playback.take:
                playback.played(samples, self._clock())
                self._wake.notify()

    def submit(self, playback: Playback, function: Callable[[Stream], T]) -> Future[T]:
        """Call a function with a stream between two blocks, after the changes that wait for the next block.

        Only the scheduler's thread may use a stream. The result is cancelled if the scheduler ends before the call.
        """
        result: Future[T] = Future()
        with self._wake:
            if self._closed:
                result.cancel()
            else:
                self._calls.append((playback, function, result))
                self._wake.notify()
        return result

    def close(self) -> None:
        """End the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(5.0)

    def _run(self) -> None:
        raise_priority()
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:  # one stream's failure must not end the others
                log.exception("a stream ended")
        for _, _, result in self._calls:
            result.cancel()

    def _next(self) -> Callable[[], None] | None:
        """What to do next, a submitted call before a block; waits until there is something; None at the end."""
        with self._wake:
            while not self._closed:
                if self._calls:
                    playback, function, result = self._calls.popleft()
                    return partial(self._call, playback, playback.changes(), function, result)
                now = self._clock()
                if due := [playback for playback in self._playbacks if playback.due <= now]:
                    playback = min(due, key=lambda playback: playback.spare_s)
                    return partial(self._render, playback, playback.take, playback.changes())
                first = min((playback.due for playback in self._playbacks), default=math.inf)
                self._wake.wait(min(first - now, threading.TIMEOUT_MAX))
        return None

    def _call(self, playback: Playback, changes: Pending, function: Callable[[Stream], T], result: Future[T]) -> None:
        try:
            changes.apply(playback.stream)
            if result.set_running_or_notify_cancel():
                result.set_result(function(playback.stream))
        except Exception as error:
            result.set_exception(error)

    def _render(self, playback: Playback, take: int, changes: Pending) -> None:
        stream, started = playback.stream, time.perf_counter()
        try:
            changes.apply(stream)
            block = stream.render()
            share = (time.perf_counter() - started) * stream.control_rate
            with self._wake:
                playback.follow(share)
                if current := take == playback.take:
                    playback.rendered = block.first + len(block.samples)
            if current:
                playback.deliver(take, block)
        except Exception:
            self.stop(playback)
            playback.deliver(take, None)
            raise
