"""What the steps of a data set's files were a period ago, as codes; see `models.lookback`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.clock import HANDS, Setting, show_all
from mtcrnn.audio.lags import FRACTIONS, hear_block, read_block
from mtcrnn.audio.mulaw import MuLaw
from mtcrnn.data.params import Param
from mtcrnn.data.store import Store
from mtcrnn.data.tuning import LABELS_PER_S
from mtcrnn.models.encoding import Encoding
from mtcrnn.models.lookback import LONGEST_S, Lookback


class Past:
    """The past of all files, one after another.

    Args:
        lookback: what is read of the past.
        encoding: of the sound.
    """

    def __init__(self, lookback: Lookback, encoding: Encoding) -> None:
        self._lookback, self._encoding = lookback, encoding
        self._stores = Store(encoding.stored), Store(np.dtype(np.uint32))
        self._shares = Store(np.dtype(np.float32))
        self._codes = self._ages = self._turns = np.zeros((0, 0))
        self._codec = MuLaw(encoding.bounds[1] + 1)
        self._numbers = np.linspace(-1, 1, self._codec.channels, dtype=np.float32)  # of the codes
        self._without, self._steps = np.zeros(len(lookback.periods)), 0
        each = np.arange(len(lookback.periods))
        self._periods = np.append(each, each.repeat(lookback.size // len(each) - HANDS - 1))  # of each column of codes

    def add(
        self,
        sound: Callable[[], Iterable[NDArray[np.float32]]],
        curves: list[Param],
        steps: int,
        factors: NDArray[np.float64],
    ) -> None:
        """Add the first `steps` of a file.

        Args:
            sound: gives its frames [n, channels], in blocks; of stereo, the middle and the side.
            curves: its parameters.
            steps: how many.
            factors: it repeats so many times as often as the parameters say [P].
        """
        setting, offsets = self._set_clocks(sound(), curves, factors)
        done = 0
        for heard, amplitudes, lags, turns in self._read(sound(), curves, factors):
            ends = np.arange(done + 1, done + len(turns) + 1) * self._lookback.reach.bands
            turns = turns + setting.at(ends, offsets)
            self._shares.add((turns - np.floor(turns))[:steps])
            done += len(turns)
            loudness = self._codec.encode(heard[:steps] / self._lookback.span)
            codes = self._encoding.encode(amplitudes[:steps]).reshape(len(loudness), -1)
            self._stores[0].add(np.concatenate([loudness, codes], axis=1))
            self._stores[1].add(-(-lags[:steps, :, 0] // (FRACTIONS * self._lookback.reach.bands)))
            steps -= len(codes)

    def _hertz(self, curves: list[Param], first: int, steps: int) -> NDArray[np.float64]:
        """How often a second a file repeats, as its parameters say [steps, P]."""
        rate = self._lookback.rate / self._lookback.reach.bands
        return self._lookback.hertz(np.stack([curve.sample(rate, first, steps) for curve in curves], axis=-1))

    def _set_clocks(
        self, blocks: Iterable[NDArray[np.float32]], curves: list[Param], factors: NDArray[np.float64]
    ) -> tuple[Setting, NDArray[np.float64]]:
        """Where the clocks of a file are: the measurement, and its offsets."""
        lookback, N, first = self._lookback, self._lookback.reach.bands, 0
        setting, phases = Setting(lookback.rate, lookback.tones), np.zeros(len(lookback.periods))
        rest, often = np.zeros(0, np.float32), [np.zeros((0, len(phases)))]
        for block in blocks:
            rest = np.concatenate([rest, block[:, 0]])
            steps = len(rest) // N
            hertz = self._hertz(curves, first, steps) * factors
            whole = lookback.advance(phases, hertz)
            setting.add(rest[: steps * N], lookback.within(whole, hertz))
            often.append(hertz[:: round(lookback.rate / N / LABELS_PER_S)])
            rest, first = rest[steps * N :], first + steps
            phases = whole[:, -1] if steps else phases
        return setting, setting.offsets(np.median(np.concatenate(often), axis=0) if first else phases)

    def _read(
        self, blocks: Iterable[NDArray[np.float32]], curves: list[Param], factors: NDArray[np.float64]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]]:
        """How loud it was [n, P]; amplitudes [n, P, reads, around, G], lags [n, P, lags], phases [n, P]."""
        lookback, reach = self._lookback, self._lookback.reach
        N, nothing, first = reach.bands, lookback.init(1), 0
        sound, phases, heard = nothing.sound[0], nothing.phases[0], nothing.heard[0]  # [channels, kept], [P, kept], [P]
        kept, rest = sound.shape[1], np.zeros((0, sound.shape[0]), np.float32)
        for block in blocks:
            rest = np.concatenate([rest, block])
            steps = len(rest) // N
            sound = np.concatenate([sound[:, -kept:], rest[: steps * N].T], axis=1).astype(np.float32)
            rest = rest[steps * N :]
            hertz = self._hertz(curves, first, steps)
            self._without += (hertz < 1 / LONGEST_S).sum(axis=0)
            self._steps += steps
            lags, whole = lookback.find(phases, hertz * factors)
            phases = whole[:, steps:]
            wanted = lags[..., : lookback.reads]
            read = np.empty((*wanted.shape, reach.steps, len(sound) * N), np.float32)
            read_block(sound, kept, wanted, N, reach.filters, reach.ahead, read)
            loudness = np.empty(lags.shape[:2], np.float32)
            hear_block(sound, kept - reach.delay, lags, N, heard, loudness)
            yield loudness, read, lags, whole[:, whole.shape[1] - steps :].T
            first += steps

    def close(self) -> None:
        """End adding."""
        lookback = self._lookback
        self._codes = self._stores[0].array(lookback.size - HANDS * len(lookback.periods))
        self._turns = self._shares.array(len(lookback.periods))
        self._ages = self._stores[1].array(len(lookback.periods))

    def without(self) -> dict[str, float]:
        """The share of all steps at which a parameter says no period, by name, where there are any."""
        shares = self._without / max(self._steps, 1)
        return {p.name: float(share) for p, share in zip(self._lookback.periods, shares, strict=True) if share}

    def numbers(
        self, steps: NDArray[np.int64] | slice, gains: NDArray[np.float64] | None = None
    ) -> NDArray[np.float32]:
        """What the steps of these numbers read: [..., numbers], as `models.lookback.look_back` gives it.

        `gains` [B] make the past of steps [B, T] louder or softer.
        """
        there, codes = self._ages[steps] > 0, self._codes[steps]
        if gains is None:
            numbers = self._numbers[codes]
        else:
            numbers = np.stack([self._scaled(gain)[row] for gain, row in zip(gains, codes, strict=True)])
        if not there.all():
            numbers = numbers * there[..., self._periods]
        turns = self._turns[steps]
        hands = np.empty((turns.size, HANDS), np.float32)
        show_all(turns.ravel(), hands)
        return np.concatenate([hands.reshape(*turns.shape[:-1], -1), numbers], axis=-1)

    def _scaled(self, gain: float) -> NDArray[np.float32]:
        """The numbers of all codes, of amplitudes times `gain`."""
        if gain == 1:
            return self._numbers
        codes = np.arange(len(self._numbers))
        return self._codec.compand(gain * self._codec.decode(codes)).astype(np.float32)

    def forgotten(self, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        """Such numbers [n, numbers] where nothing was heard before: only the clocks are left."""
        clocks = np.arange(self._lookback.size) < HANDS * len(self._lookback.periods)
        return np.where(clocks, numbers, np.float32(0))

    def age(self, step: int) -> int:
        """How many steps ago the latest of what a step reads was, of all periods; 0 without one."""
        return int(self._ages[step].max())
