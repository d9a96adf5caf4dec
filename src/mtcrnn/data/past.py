"""What the steps of a data set's files were a period ago, as codes; see `models.lookback`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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

AT_ONCE = 1 << 16  # steps


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
        blocks: Iterable[NDArray[np.float32]],
        curves: list[Param],
        steps: int,
        factors: NDArray[np.float64],
    ) -> None:
        """Add the first `steps` of a file.

        Args:
            blocks: its frames [n, channels]; of stereo, the middle and the side.
            curves: its parameters.
            steps: how many.
            factors: it repeats so many times as often as the parameters say [P].
        """
        lookback, left = self._lookback, steps
        setting, heard, often = Setting(lookback.rate, lookback.tones), lookback.init(1).heard[0], []
        for sound, lags, phases, hertz in self._read(blocks, curves, factors):
            setting.add(sound[0, lookback.kept_sound :], lookback.within(phases, hertz))
            often.append(hertz[:: round(lookback.rate / lookback.reach.bands / LABELS_PER_S)])
            self._add_read(sound, lags, heard, left)
            left -= min(left, len(lags))
        median = np.median(np.concatenate(often), axis=0) if often else np.zeros(len(factors))
        offsets, phases = setting.offsets(median), np.zeros((len(factors), 1))
        for first in range(0, steps, AT_ONCE):
            hertz = self._hertz(curves, first, min(AT_ONCE, steps - first)) * factors
            phases = lookback.advance(phases[:, -1], hertz)
            ends = np.arange(first + 1, first + 1 + len(hertz)) * lookback.reach.bands
            turns = phases.T + setting.at(ends, offsets)
            self._shares.add(turns - np.floor(turns))

    def _add_read(
        self, sound: NDArray[np.float32], lags: NDArray[np.int64], heard: NDArray[np.float32], left: int
    ) -> None:
        """Add what the first steps of a block read, at most `left`, see `_read`; `heard` [P] goes on."""
        lookback, reach, kept = self._lookback, self._lookback.reach, self._lookback.kept_sound
        wanted = lags[..., : lookback.reads]
        amplitudes = np.empty((*wanted.shape, reach.steps, len(sound) * reach.bands), np.float32)
        read_block(sound, kept, wanted, reach.bands, reach.filters, reach.ahead, amplitudes)
        loudness = np.empty(lags.shape[:2], np.float32)
        hear_block(sound, kept - reach.delay, lags, reach.bands, heard, loudness)
        levels = self._codec.encode(loudness[:left] / lookback.span)
        codes = self._encoding.encode(amplitudes[:left]).reshape(len(levels), -1)
        self._stores[0].add(np.concatenate([levels, codes], axis=1))
        self._stores[1].add(-(-lags[:left, :, 0] // (FRACTIONS * reach.bands)))

    def _hertz(self, curves: list[Param], first: int, steps: int) -> NDArray[np.float64]:
        """How often a second a file repeats, as its parameters say [steps, P]."""
        rate = self._lookback.rate / self._lookback.reach.bands
        return self._lookback.hertz(np.stack([curve.sample(rate, first, steps) for curve in curves], axis=-1))

    def _read(
        self, blocks: Iterable[NDArray[np.float32]], curves: list[Param], factors: NDArray[np.float64]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
        """A file by blocks of n steps.

        Yields:
            The sound [channels, kept + n N], with what was kept before the block; lags [n, P, lags]; phases [P, n]; how
            often a second it repeats [n, P].
        """
        lookback, N, first = self._lookback, self._lookback.reach.bands, 0
        nothing = lookback.init(1)
        sound, phases = nothing.sound[0], nothing.phases[0]  # [channels, kept], [P, kept]
        rest = np.zeros((0, sound.shape[0]), np.float32)
        for block in blocks:
            rest = np.concatenate([rest, block])
            steps = len(rest) // N
            sound = np.concatenate([sound[:, -lookback.kept_sound :], rest[: steps * N].T], axis=1).astype(np.float32)
            rest = rest[steps * N :]
            hertz = self._hertz(curves, first, steps)
            self._without += (hertz < 1 / LONGEST_S).sum(axis=0)
            self._steps += steps
            lags, whole = lookback.find(phases, hertz * factors)
            phases = whole[:, steps:]
            yield sound, lags, whole[:, whole.shape[1] - steps :], hertz * factors
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
