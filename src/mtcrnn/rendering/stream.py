"""Streams: one sound rendered block by block while its parameters move, and the gesture that was played."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mtcrnn.core.errors import unknown
from mtcrnn.data.curves import sample_array
from mtcrnn.rendering.player import Player

BLOCK_S = 0.01
MOST_LIVE_TEMPERATURE = 3.0  # the highest that can be set while playing
MOST_SECONDS = 7200.0  # of a gesture that are kept for rendering it again
TEMPERATURE = "@temperature"  # a gesture's last column; no parameter's name begins with @


@dataclass(frozen=True)
class Block:
    """A block of sound: `samples` [n, channels], starting at sample number `first` of the sound.

    `change` is the number of the newest parameter change that the block follows.
    """

    first: int
    change: int
    samples: NDArray[np.float32]


class Stream:
    """A sound under parameters that move while it plays.

    Block b of a sound goes in a straight line from the parameters at its beginning, row b of the gesture, to those that
    hold when it is made, row b + 1. So the gesture is an external array at `control_rate` values per second, and
    renders to the same samples.

    Args:
        player: what renders.
        seed: decides all randomness.

    Attributes:
        values: the parameters that the next block goes to, by name.
        temperature: of the next block.
        channels: of the sound.
        block_size: samples of each channel in a block.
        control_rate: rows of the gesture per second.
        seed: as given.
        change: the number of the newest change.
    """

    def __init__(self, player: Player, seed: int) -> None:
        tier = player.config.tier
        self.player = player
        self.names, self.ranges = tier.prop, player.config.ranges
        self.sample_rate, self.channels = tier.sample_rate, tier.columns
        self.block_size = block_size(tier.sample_rate)
        self.control_rate = tier.sample_rate / self.block_size
        self.values = {name: self.ranges[name].middle for name in self.names}
        self.temperature = 1.0
        self.change = 0
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Start over at the first sample, under the current parameters."""
        self.seed = seed
        self.blocks = 0
        self._state: Any = self.player.init(seed)
        self._rows = [self._row()]  # of the gesture: the newest two
        self._gesture = array("d")

    def check(self, names: Iterable[str]) -> None:
        """Raise InputError for a name that is not a parameter."""
        for name in names:
            if name not in self.ranges:
                raise unknown("parameter", name[:40], self.names)

    def samples(self, ms: float) -> int:
        """The number of samples in `ms` milliseconds; at least one."""
        return max(round(ms / 1000 * self.sample_rate), 1)

    def clamped(self, values: Mapping[str, float]) -> dict[str, float]:
        """Those of the values that lie outside their parameters' ranges, moved to the nearest end of the range."""
        inside = {name: min(max(v, self.ranges[name].low), self.ranges[name].high) for name, v in values.items()}
        return {name: value for name, value in inside.items() if value != values[name]}

    def set(self, values: Mapping[str, float], temperature: float | None = None, change: int | None = None) -> None:
        """Move parameters (in the user's units, clamped to their ranges) and the temperature, from the next block."""
        self.values.update({**values, **self.clamped(values)})
        self.temperature = self.temperature if temperature is None else clamp_temperature(temperature)
        self.change = self.change if change is None else change

    def render(self) -> Block:
        """The next block."""
        b, size = self.blocks, self.block_size
        if b < MOST_SECONDS * self.control_rate:
            self._gesture.extend((*self._rows[-1], self.temperature))
        self._rows = [*self._rows[-2:], self._row()]
        rows, first_row = np.array(self._rows)[None], b + 2 - len(self._rows)
        parameters = sample_array(rows, self.control_rate, self.sample_rate, b * size, size, first_row)
        values, self._state = self.player.render(self._state, parameters, self.temperature)
        self.blocks += 1
        return Block(b * size, self.change, values[0])

    def gesture(self) -> NDArray[np.float64]:
        """What was played since the start, at most `MOST_SECONDS`: rows [1, blocks + 1, C + 1].

        A row holds the parameters, then the temperature of the block that begins there.
        """
        last = (*self._rows[-1], self.temperature)
        whole = len(self._gesture) == self.blocks * len(last)
        rows = np.concatenate((np.asarray(self._gesture), last if whole else ()))  # one copy: rendering waits for it
        return rows.reshape(1, -1, len(last))

    def _row(self) -> tuple[float, ...]:
        return tuple(self.values[name] for name in self.names)


def block_size(sample_rate: int) -> int:
    """Samples of a block."""
    return max(round(BLOCK_S * sample_rate), 1)


def clamp_temperature(temperature: float) -> float:
    """A temperature moved into the range for playing, 0 to `MOST_LIVE_TEMPERATURE`."""
    return min(max(temperature, 0.0), MOST_LIVE_TEMPERATURE)


def replay(stream: Stream, gesture: NDArray[np.float64]) -> Generator[NDArray[np.float32], None, None]:
    """The sound of a stream from its start, under a gesture [1, blocks + 1, C + 1], in blocks [1, n, channels]."""
    stream.values = dict(zip(stream.names, gesture[0, 0, :-1].tolist(), strict=True))
    stream.restart(stream.seed)
    with tqdm(total=gesture.shape[1] - 1, desc="generating", unit="block", mininterval=0.5) as bar:
        for row, after in itertools.pairwise(gesture[0]):
            stream.values = dict(zip(stream.names, after[:-1].tolist(), strict=True))
            stream.temperature = float(row[-1])
            yield stream.render().samples[None]
            bar.update()
