"""A stream's place in the conductor's round: when it is due, what waits for it, what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mtcrnn.rendering.stream import Block, Stream

STEP = 0.01  # by which the cost follows that of each block: twice as much is believed after 70 of them

Deliver = Callable[[int, Block | None], None]


@dataclass
class Moves:
    """Controls that were moved, merged: the newest value of each, temperature and number of a change."""

    values: dict[str, float] = field(default_factory=dict)
    temperature: float | None = None
    change: int | None = None

    def add(self, later: Moves) -> None:
        """Merge what was moved after these."""
        self.values.update(later.values)
        self.temperature = self.temperature if later.temperature is None else later.temperature
        self.change = self.change if later.change is None else later.change


class Pending:
    """What waits for a stream's next block: moves, then a restart under the controls as they stood, then moves again.

    However much is asked for, no more than this is kept; the stream comes out the same.
    """

    def __init__(self) -> None:
        self._before, self._after = Moves(), Moves()
        self._seed: int | None = None

    def move(self, moves: Moves) -> None:
        """Move controls."""
        (self._before if self._seed is None else self._after).add(moves)

    def restart(self, seed: int) -> None:
        """Begin anew under the controls as they stand; an earlier beginning that no block followed is forgotten."""
        self._before.add(self._after)
        self._seed, self._after = seed, Moves()

    def apply(self, stream: Stream) -> None:
        """Do all of it."""
        stream.set(self._before.values, self._before.temperature, self._before.change)
        if self._seed is not None:
            stream.restart(self._seed)
            stream.set(self._after.values, self._after.temperature, self._after.change)


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
        self.rendered = self._played = 0
        self._told_at = 0.0
        self._pending = Pending()

    def move(self, values: Mapping[str, float], temperature: float | None, change: int | None) -> None:
        """Move controls before the next block."""
        self._pending.move(Moves(dict(values), temperature, change))

    def start(self, seed: int, now: float) -> None:
        """A new take, from the beginning."""
        self._pending.restart(seed)
        self.take += 1
        self.playing, self.rendered, self._played, self._told_at = True, 0, 0, now

    def played(self, samples: int, now: float) -> None:
        """The listener says how much it has played; it never unplays, nor plays what is not there."""
        if (samples := min(samples, self.rendered)) > self._played:
            self._played, self._told_at = samples, now

    @property
    def spare(self) -> int:
        """Samples that its listener has beyond the margin, as it said last; below 0 where some are lacking."""
        return self.rendered - self._played - self.margin

    @property
    def spare_s(self) -> float:
        """The same in seconds."""
        return self.spare / self.stream.sample_rate

    @property
    def due(self) -> float:
        """The moment from which a sample is lacking; infinity where none will be.

        A listener that has begun is taken to play on after its report, for as much as a margin: a report that comes
        late must not make the sound late, and a listener that fell silent must not cost for long.
        """
        believed = self.margin if self._played else 0
        lacks = self.playing and self.spare < believed
        return self._told_at + (self.spare + 1) / self.stream.sample_rate if lacks else math.inf

    def changes(self) -> Pending:
        """Take what waits."""
        pending, self._pending = self._pending, Pending()
        return pending

    def follow(self, share: float) -> None:
        """A block took a share of the thread's time: the cost becomes a running median, which a stall does not move."""
        self.cost *= 1 + STEP if share > self.cost else 1 / (1 + STEP)
