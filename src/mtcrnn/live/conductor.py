"""The one thread that renders everything that is played."""

from __future__ import annotations

import logging
import math
import os
import statistics
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
from mtcrnn.live.seat import Deliver, Pending, Seat
from mtcrnn.rendering.player import Renderer
from mtcrnn.rendering.stream import Stream

log = logging.getLogger(__name__)

LOAD = 0.85  # share of the thread's time that streams may take together
CHECK_S = 0.5  # of sound are rendered to see how fast a model is,
MOST_CHECK_S = 1.0  # or what can be in so long
NICENESS = -10  # of threads that make sound: half way to the most that a system gives

T = TypeVar("T")


def speed(player: Renderer) -> float:
    """Seconds of sound that a player makes in a second (its real-time factor), measured now by its median block.

    What other programs do meanwhile makes some blocks late, and says nothing of the model.
    """
    stream = Stream(player, 0)
    times: list[float] = []
    while len(times) < max(round(CHECK_S * stream.control_rate), 1) and sum(times) < MOST_CHECK_S:
        started = time.perf_counter()
        stream.render()
        times.append(time.perf_counter() - started)
    return 1 / (stream.control_rate * statistics.median(times))


def come_first() -> None:
    """Let this thread have a core before other programs, where the system allows it."""
    if sys.platform == "linux":  # elsewhere a priority is a whole process's
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Conductor:
    """Renders the blocks of all streams in one thread, always that of the stream that lacks most.

    A stream is paced by what its listener says it has played, so a listener that sleeps costs nothing.

    Args:
        clock: the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seats: list[Seat] = []
        self._questions: deque[tuple[Seat, Callable[[Stream], Any], Future[Any]]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)
        self._thread.start()

    def join(self, stream: Stream, cost: float, deliver: Deliver, margin: int) -> Seat:
        """A place for a stream, which does not play yet.

        Raises:
            InputError: the streams that are there leave too little time.
        """
        with self._wake:
            taken = sum(seat.cost for seat in self._seats)
            if self._seats and taken + cost > LOAD:
                raise InputError(
                    f"this CPU plays {len(self._seats)} at once, {taken:.0%} of a core's time, and one more would take "
                    f"{cost:.0%}: close another page, or play a smaller net"
                )
            seat = Seat(stream, cost, deliver, margin)
            self._seats.append(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """The stream ends."""
        with self._wake:
            self._seats = [other for other in self._seats if other is not seat]

    def set(
        self, seat: Seat, values: Mapping[str, float], temperature: float | None = None, change: int | None = None
    ) -> None:
        """Move controls of a stream before its next block, as `Stream.set`.

        Raises:
            InputError: a name that is no control.
        """
        seat.stream.check(values)
        with self._wake:
            seat.move(values, temperature, change)

    def start(self, seat: Seat, seed: int) -> int:
        """Play a stream from its beginning; returns the number of the take."""
        with self._wake:
            seat.start(seed, self._clock())
            self._wake.notify()
            return seat.take

    def stop(self, seat: Seat) -> None:
        """Render no more of a stream."""
        with self._wake:
            seat.playing = False

    def margin(self, seat: Seat, samples: int) -> None:
        """Let a stream run ahead of what is played by so many samples."""
        with self._wake:
            seat.margin = samples
            self._wake.notify()

    def played(self, seat: Seat, take: int, samples: int) -> None:
        """The listener has played so many samples of a take."""
        with self._wake:
            if take == seat.take:
                seat.played(samples, self._clock())
                self._wake.notify()

    def ask(self, seat: Seat, what: Callable[[Stream], T]) -> Future[T]:
        """What a stream has to say between two blocks, when all that waits for the next one is done.

        Only the conductor's thread may look at a stream. The answer is cancelled where the conductor ends before.
        """
        answer: Future[T] = Future()
        with self._wake:
            if self._closed:
                answer.cancel()
            else:
                self._questions.append((seat, what, answer))
                self._wake.notify()
        return answer

    def close(self) -> None:
        """End the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(5.0)

    def _run(self) -> None:
        come_first()
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:  # one stream's trouble is not the others'
                log.exception("a stream ended")
        for _, _, answer in self._questions:
            answer.cancel()

    def _next(self) -> Callable[[], None] | None:
        """What to do now: answer a question, else render a block; waits for one of them; None at the end."""
        with self._wake:
            while not self._closed:
                if self._questions:
                    seat, what, answer = self._questions.popleft()
                    return partial(self._answer, seat, seat.changes(), what, answer)
                now = self._clock()
                if due := [seat for seat in self._seats if seat.due <= now]:
                    seat = min(due, key=lambda seat: seat.spare_s)
                    return partial(self._render, seat, seat.take, seat.changes())
                first = min((seat.due for seat in self._seats), default=math.inf)
                self._wake.wait(min(first - now, threading.TIMEOUT_MAX))
        return None

    def _answer(self, seat: Seat, changes: Pending, what: Callable[[Stream], T], answer: Future[T]) -> None:
        try:
            changes.apply(seat.stream)
            if answer.set_running_or_notify_cancel():
                answer.set_result(what(seat.stream))
        except Exception as error:
            answer.set_exception(error)

    def _render(self, seat: Seat, take: int, changes: Pending) -> None:
        stream, started = seat.stream, time.perf_counter()
        try:
            changes.apply(stream)
            block = stream.render()
            share = (time.perf_counter() - started) * stream.control_rate
            with self._wake:
                seat.follow(share)
                if current := take == seat.take:
                    seat.rendered = block.first + len(block.samples)
            if current:
                seat.deliver(take, block)
        except Exception:
            self.stop(seat)
            seat.deliver(take, None)
            raise
