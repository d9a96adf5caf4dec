"""The playback of one stream: what was rendered and heard, when its next block is due, which changes wait for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mtcrnn.rendering.stream import Block, Stream

STEP = 0.01  # by which the cost follows that of each block: it doubles in 70 blocks

Deliver = Callable[[int, Block | None], None]


@dataclass
class Moves:
    """Moves of parameters, merged: the newest value of each, the temperature and the number of the newest change."""

    values: dict[str, float] = field(default_factory=dict)
    temperature: float | None = None
    change: int | None = None

    def add(self, later: Moves) -> None:
        """Merge later moves into these."""
        self.values.update(later.values)
        self.temperature = self.temperature if later.temperature is None else later.temperature
        self.change = self.change if later.change is None else later.change


class Pending:
    """Changes that wait for the next block: moves, then a restart with the parameters as they are, then moves again.

    Its size does not grow with the number of changes; the stream comes out the same.
    """

    def __init__(self) -> None:
        self._before, self._after = Moves(), Moves()
        self._seed: int | None = None

    def move(self, moves: Moves) -> None:
        """Move parameters."""
        (self._before if self._seed is None else self._after).add(moves)

    def restart(self, seed: int) -> None:
        """Restart with the parameters as they are; replaces a restart that no block has followed."""
        self._before.add(self._after)
        self._seed, self._after = seed, Moves()

    def apply(self, stream: Stream) -> None:
        """Make all changes to a stream."""
        stream.set(self._before.values, self._before.temperature, self._before.change)
        if self._seed is not None:
            stream.restart(self._seed)
            stream.set(self._after.values, self._after.temperature, self._after.change)


class Playback:
    """One stream that the scheduler renders, for one listener: a page or the sound output.

    Args:
        stream: the sound.
        cost: the share of the scheduler thread's time that it takes.
        deliver: called in the scheduler's thread with the number of a take and its next block, or None if rendering
            has failed.
        margin: how many samples may be rendered ahead of what the listener has played.
    """

    def __init__(self, stream: Stream, cost: float, deliver: Deliver, margin: int) -> None:
        self.stream, self.cost, self.deliver, self.margin = stream, cost, deliver, margin
        self.playing = False
        self.take = 0  # counts the starts: blocks of earlier takes are thrown away
        self.rendered = self._played = 0
        self._reported_at = 0.0
        self._pending = Pending()

    def move(self, values: Mapping[str, float], temperature: float | None, change: int | None) -> None:
        """Move parameters before the next block."""
        self._pending.move(Moves(dict(values), temperature, change))

    def start(self, seed: int, now: float) -> None:
        """Begin a new take."""
        self._pending.restart(seed)
        self.take += 1
        self.playing, self.rendered, self._played, self._reported_at = True, 0, 0, now

    def played(self, samples: int, now: float) -> None:
        """The listener reports how many samples it has played: never fewer than before, nor more than were rendered."""
        if (samples := min(samples, self.rendered)) > self._played:
            self._played, self._reported_at = samples, now

    @property
    def spare(self) -> int:
        """Samples that the listener had beyond the margin at its last report; below 0 if it lacks some."""
        return self.rendered - self._played - self.margin

    @property
    def spare_s(self) -> float:
        """The same in seconds."""
        return self.spare / self.stream.sample_rate

    @property
    def due(self) -> float:
        """The time at which the listener will lack a sample; infinity if it will not.

        After its first report a listener is assumed to play on for up to one margin beyond the last report: a late
        report must not cause an underrun, and a listener that has stopped must not cost time for long.
        """
        assumed = self.margin if self._played else 0
        lacks = self.playing and self.spare < assumed
        return self._reported_at + (self.spare + 1) / self.stream.sample_rate if lacks else math.inf

    def changes(self) -> Pending:
        """Take the changes that wait."""
        pending, self._pending = self._pending, Pending()
        return pending

    def follow(self, share: float) -> None:
        """Update the cost, a running median, by the share of time that a block took: a single stall hardly counts."""
        self.cost *= 1 + STEP if share > self.cost else 1 / (1 + STEP)
