"""Level 3: the one thread that renders everything that is played."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from mtcrnn.errors import InputError
from mtcrnn.playable import Renderer
from mtcrnn.stream import Block, Stream

log = logging.getLogger(__name__)

LOAD = 0.85  # share of the thread's time that streams may take together
CHECK_S = 0.5  # of sound are rendered to see how fast a model is
SLOWLY = 0.05  # how fast the measured cost of a block follows

Change = Callable[[Stream], None]
Deliver = Callable[[int, Block | None], None]


def speed(player: Renderer) -> float:
    """Seconds of sound that a player makes in a second (its real-time factor), measured now."""
    stream = Stream(player, 0)
    stream.render()
    blocks = max(round(CHECK_S * stream.control_rate), 1)
    started = time.perf_counter()
    for _ in range(blocks):
        stream.render()
    return blocks / stream.control_rate / (time.perf_counter() - started)


class Seat:
    """A stream's place in the conductor's round: what it has played, how far it may run ahead, what it will change.

    Args:
        stream: the sound.
        cost: share of the thread's time that it takes.
        deliver: takes the number of a take and a block of it, or None where it cannot go on, in the conductor's thread.
        margin: samples that may be rendered ahead of what is played.
    """

    def __init__(self, stream: Stream, cost: float, deliver: Deliver, margin: int) -> None:
        self.stream, self.cost, self.deliver, self.margin = stream, cost, deliver, margin
        self.playing = False
        self.take = 0  # counts the starts: what was rendered of an earlier one is thrown away
        self.played = 0
        self.rendered = 0
        self.changes: list[Change] = []

    @property
    def due(self) -> int:
        """Samples that it lacks; 0 or less for none."""
        return self.margin - (self.rendered - self.played) if self.playing else 0


class Conductor:
    """Renders the blocks of all streams in one thread, always that of the stream that lacks most.

    A stream is paced by what its listener says it has played, so a listener that sleeps costs nothing.
    """

    def __init__(self) -> None:
        self._seats: list[Seat] = []
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

    def change(self, seat: Seat, change: Change) -> None:
        """Change a stream before its next block."""
        with self._wake:
            seat.changes.append(change)
            self._wake.notify()

    def start(self, seat: Seat, seed: int) -> int:
        """Play a stream from its beginning; returns the number of the take."""
        with self._wake:
            seat.changes.append(lambda stream: stream.restart(seed))
            seat.playing, seat.played, seat.rendered = True, 0, 0
            seat.take += 1
            self._wake.notify()
            return seat.take

    def stop(self, seat: Seat) -> None:
        """Render no more of a stream."""
        with self._wake:
            seat.playing = False

    def played(self, seat: Seat, take: int, samples: int) -> None:
        """The listener has played so many samples of a take."""
        with self._wake:
            if take != seat.take:
                return
            seat.played = min(max(samples, seat.played), seat.rendered)
            self._wake.notify()

    def close(self) -> None:
        """End the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(5.0)

    def _next(self) -> tuple[Seat, int, list[Change]] | None:
        """The stream that lacks most, its take and the changes to make; waits for one; None at the end."""
        with self._wake:
            while not self._closed:
                seat = max(self._seats, key=lambda seat: seat.due, default=None)
                if seat is not None and seat.due > 0:
                    changes, seat.changes = seat.changes, []
                    return seat, seat.take, changes
                self._wake.wait()
        return None

    def _run(self) -> None:
        while (found := self._next()) is not None:
            seat, take, changes = found
            stream, started = seat.stream, time.perf_counter()
            try:
                for change in changes:
                    change(stream)
                block = stream.render()
            except Exception:  # one stream's trouble is not the others'
                log.exception("a stream ended")
                self.stop(seat)
                seat.deliver(take, None)
                continue
            share = (time.perf_counter() - started) * stream.control_rate
            with self._wake:
                seat.cost += SLOWLY * (share - seat.cost)
                if current := take == seat.take:
                    seat.rendered = block.first + len(block.samples)
            if current:
                seat.deliver(take, block)
