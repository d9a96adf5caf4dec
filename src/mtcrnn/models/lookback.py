"""What a net reads of the sound that it made a period ago, where parameters say the period. Needs no torch.

The numbers that condition a step have, for each such parameter, the hands of a clock that goes round once a period, see
`audio.clock`; then for each, how loud the sound was of late, companded; then, where all are pitches, for each of them
and each lag the companded sub-bands of the steps around the one so long ago. All but the clocks are zeros where there
is no lag. See `audio.lags`.

A tone repeats its waveform. A rhythm does not: no two pops are alike, and a net that reads the last one goes on with
what rings where the next should begin; so it does where a pitch has a rhythm beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.clock import HANDS, LOWEST_HZ, Setting, show
from mtcrnn.audio.lags import FRACTIONS, LAGS, NO_LAG, find_lags, hear, reach, read_lags, remember
from mtcrnn.config.periods import Period
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.numba_math import BARE, cached_njit, log_f32
from mtcrnn.models.encoding import Encoding

LONGEST_S = 2.0  # seconds; sound that repeats less often has no lag
BELOW = 1.25  # by so much a sound may repeat less often than its parameters' ranges say
PROBES = 201  # values of a parameter's range at which its period is looked up
_ZERO, _ONE = np.float32(0), np.float32(1)
_jit = cached_njit("looking back", "models/lookback.py", "audio/lags.py", "audio/clock.py", **BARE)


@dataclass(frozen=True)
class Memory:
    """What is kept of B sounds between two blocks; immutable.

    Attributes:
        sound: float32 [B, channels, kept], as synthesised.
        steps: float32 [B, channels, reach N]: the newest steps, which the synthesis still needs.
        phases: float64 [B, P, kept steps]: the periods since the beginning at each step's end; NaN before it.
        heard: float32 [B, P]: how loud the sound was of late.
        offsets: float64 [B, P]: by how many turns each clock is ahead of the phases; 0 but for a sound that was given.
    """

    sound: NDArray[np.float32]
    steps: NDArray[np.float32]
    phases: NDArray[np.float64]
    heard: NDArray[np.float32]
    offsets: NDArray[np.float64]


class Block(NamedTuple):
    """What the loops over steps read and write; `NO_PAST` without periods.

    Attributes:
        lags: int64 [B, T, P, lags].
        sound: float32 [B, channels, kept + T N]; the block's own part is written.
        steps: float32 [B, channels, (reach + T) N]; likewise.
        phases: float64 [B, P, kept steps]: see `Memory`, at the block's end.
        heard: float32 [B, P]: see `Memory`; goes on with each step.
        offsets: float64 [B, P]: see `Memory`.
        turns: float64 [B, T, P]: of the clocks, at each step's end.
        read: float32 [B, P, reads, steps around, channels N]: the numbers that the last step read; scratch.
        newest: float32 [B, channels N]: scratch.
        filters: of `audio.lags.Reach`.
        synthesis: likewise.
        amplitudes: float32 [channels N, Q]: of each code.
        spans: float32 [channels N + 1]: of each value, and the highest.
        sizes: int64 [6]: N; samples that the filters look ahead; where the block begins in `sound`; the bank's delay;
            Q - 1; how many numbers the parameters take before those of the past.
    """

    lags: NDArray[np.int64]
    sound: NDArray[np.float32]
    steps: NDArray[np.float32]
    phases: NDArray[np.float64]
    heard: NDArray[np.float32]
    offsets: NDArray[np.float64]
    turns: NDArray[np.float64]
    read: NDArray[np.float32]
    newest: NDArray[np.float32]
    filters: NDArray[np.float32]
    synthesis: NDArray[np.float32]
    amplitudes: NDArray[np.float32]
    spans: NDArray[np.float32]
    sizes: NDArray[np.int64]

    def rows(self, rows: slice) -> Block:
        """The block of some of the sounds."""
        names = "lags", "sound", "steps", "phases", "heard", "offsets", "turns", "read", "newest"
        return self._replace(**{name: getattr(self, name)[rows] for name in names})


NO_PAST = Block(
    np.zeros((0, 0, 0, LAGS), np.int64),
    np.zeros((0, 0, 0), np.float32),
    np.zeros((0, 0, 0), np.float32),
    np.zeros((0, 0, 0), np.float64),
    np.zeros((0, 0), np.float32),
    np.zeros((0, 0), np.float64),
    np.zeros((0, 0, 0), np.float64),
    np.zeros((0, 0, LAGS, 1, 1), np.float32),
    np.zeros((0, 0), np.float32),
    np.zeros((FRACTIONS, 1, 0), np.float32),
    np.zeros((1, 1), np.float32),
    np.zeros((1, 0), np.float32),
    np.zeros(1, np.float32),
    np.zeros(6, np.int64),
)


class Lookback:
    """What is read of the past in one tier.

    Args:
        tier: the tier.
        ranges: of its parameters.
        amplitudes: float32 [channels N, Q]: what each code of each value stands for.

    Attributes:
        periods: the parameters that say a period.
        tones: which of them are pitches [P]; the others are rhythms. The clocks of all sounds are set alike.
        rate: samples per second.
        channels: of the sound.
        size: how many numbers condition a step, beside the parameters.
        reads: how many lags of each are read: none where one is a rhythm.
        centres: int64 [P reads, channels N]: which of them are the values of the very step a lag ago.
        longest: the longest lag, in samples.
        kept_sound: how many samples of the sound are kept.
        span: the highest amplitude of any value.
    """

    def __init__(self, tier: Tier, ranges: Mapping[str, Range], amplitudes: NDArray[np.float32]) -> None:
        self.periods = tier.periods
        self.reach = reach(tier.bands)
        self.rate, self.channels, self._given = tier.sample_rate, tier.sound_channels, len(tier.prop)
        values, per_lag = len(amplitudes), self.reach.steps * len(amplitudes)
        self._columns = [tier.prop.index(period.name) for period in self.periods]
        often = [hertz_in(period, ranges[period.name]) for period in self.periods]
        self.tones = np.array([hertz.any() and np.median(hertz[hertz > 0]) >= LOWEST_HZ for hertz in often])
        self.reads = LAGS if self.tones.all() else 0
        before = len(self.periods) * (HANDS + 1)
        first = before + per_lag * np.arange(self.reads * len(self.periods))
        self.size = before + per_lag * len(first)
        self.centres = np.add.outer(first + self.reach.around * values, np.arange(values))
        slowest = min(float(hertz.min()) for hertz in often)
        longest = self.reach.least + LAGS * self.rate * BELOW / slowest if slowest else np.inf
        self.longest = int(min(longest, LONGEST_S * self.rate))
        self.kept_sound = self.reach.kept(self.longest if self.reads else 0)
        self._kept = -(-self.reach.kept(self.longest) // tier.bands)  # steps
        self.span = float(amplitudes[:, -1].max())
        self._amplitudes, self._spans = amplitudes, np.append(amplitudes[:, -1], np.float32(self.span))

    def init(self, batch: int) -> Memory:
        """What is known before the beginning of so many sounds: nothing."""
        N, P = self.reach.bands, len(self.periods)
        return Memory(
            np.zeros((batch, self.channels, self.kept_sound), np.float32),
            np.zeros((batch, self.channels, self.reach.synthesis.shape[1] - N), np.float32),
            np.full((batch, P, self._kept), np.nan),
            np.zeros((batch, P), np.float32),
            np.zeros((batch, P)),
        )

    def hertz(self, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """How often a second the sound repeats [..., P] under parameters [..., C] in the user's units."""
        found = [period.hertz(parameters[..., k]) for period, k in zip(self.periods, self._columns, strict=True)]
        return np.stack(found, axis=-1)

    def advance(self, before: NDArray[np.float64], hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        """The phases [P, T] at the ends of steps of hertz [T, P] that follow the phases `before` [P]; NaN: nothing."""
        begun = np.concatenate([np.nan_to_num(before)[:, None], hertz.T * self.reach.bands / self.rate], axis=1)
        return np.cumsum(begun, axis=1)[:, 1:]

    def find(
        self, phases: NDArray[np.float64], hertz: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The lags [T, P, lags] of the steps that follow `phases` [P, kept], of hertz [T, P]; phases with theirs."""
        lags = np.empty((*hertz.shape, LAGS), np.int64)
        whole = np.concatenate([phases, self.advance(phases[:, -1], hertz)], axis=1)
        for p in range(len(phases)):
            found = np.empty((len(hertz), LAGS), np.int64)
            find_lags(whole[p], phases.shape[1], self.reach.bands, self.reach.least, self.longest, found)
            lags[:, p] = found
        return lags, whole

    def set_clocks(self, memory: Memory, codes: NDArray[Any], parameters: NDArray[np.float64]) -> Memory:
        """What is known before given codes [B, T, G] under parameters [B, T, C], the clocks set by how they sound."""
        block, offsets = self.begin(memory, parameters), memory.offsets.copy()
        start = memory.sound.shape[2] + self.reach.delay
        add_steps(block, codes.astype(np.float32))
        for b, hertz in enumerate(self.hertz(parameters)):
            heard, setting = block.sound[b, 0, start:], Setting(self.rate, self.tones)
            phases = self.advance(memory.phases[b, :, -1], hertz)
            setting.add(heard, self.within(phases, hertz)[: len(heard)])
            offsets[b] = setting.offsets(np.median(hertz, axis=0))[-1]
        return replace(memory, offsets=offsets)

    def within(self, phases: NDArray[np.float64], hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        """The phases of samples [T N, P], from those at the ends of steps [P, T], of hertz [T, P]."""
        back = np.arange(1 - self.reach.bands, 1) / self.rate
        return (phases.T[:, None] + back[:, None] * hertz[:, None]).reshape(-1, len(phases))

    def begin(self, memory: Memory, parameters: NDArray[np.float64]) -> Block:
        """A block under parameters [B, T, C] in the user's units, after `memory`."""
        batch, steps = parameters.shape[:2]
        N, P, made = self.reach.bands, len(self.periods), memory.sound.shape[2]
        lags, phases = np.full((batch, steps, P, LAGS), NO_LAG, np.int64), np.empty_like(memory.phases)
        turns = np.empty((batch, steps, P))
        for b, hertz in enumerate(self.hertz(parameters)):
            lags[b], whole = self.find(memory.phases[b], hertz)
            phases[b], turns[b] = whole[:, steps:], whole[:, self._kept :].T + memory.offsets[b]
        sizes = N, self.reach.ahead, made, self.reach.delay, self._amplitudes.shape[1] - 1, self._given
        return Block(
            lags,
            np.pad(memory.sound, ((0, 0), (0, 0), (0, steps * N))),
            np.pad(memory.steps, ((0, 0), (0, 0), (0, steps * N))),
            phases,
            memory.heard.copy(),
            memory.offsets,
            turns,
            np.empty((batch, P, self.reads, self.reach.steps, len(self._amplitudes)), np.float32),
            np.empty((batch, len(self._amplitudes)), np.float32),
            self.reach.filters,
            self.reach.synthesis,
            self._amplitudes,
            self._spans,
            np.array(sizes),
        )

    def read(self, block: Block, t: int, conditioning: NDArray[np.float32]) -> NDArray[np.float32]:
        """What step t is conditioned on [B, ...]: the normalised parameters [B, C], and what was a period ago."""
        rows = np.concatenate([conditioning, np.empty((len(conditioning), self.size), np.float32)], axis=1)
        for b, row in enumerate(rows):
            look_back(block, b, t, row)
        return rows

    def add(self, block: Block, t: int, codes: NDArray[Any]) -> None:
        """Add the codes [B, G] of step t to what is known."""
        for b, row in enumerate(codes.astype(np.float32)):
            add_step(block, b, t, row)

    def end(self, block: Block) -> Memory:
        """What is kept after a block."""
        kept, reach = int(block.sizes[2]), block.synthesis.shape[1] - self.reach.bands
        sound, steps = (a[:, :, a.shape[2] - n :].copy() for a, n in ((block.sound, kept), (block.steps, reach)))
        return Memory(sound, steps, block.phases, block.heard, block.offsets)


@_jit
def look_back(block: Any, b: int, t: int, row: Any) -> None:
    """Write what step t of sound b reads of the past into `row`, the numbers that condition the step.

    Where the lags are those of the step before, all but the last of the steps around have been read already.
    """
    bands, ahead, start, delay, top, at = block.sizes
    end, mu, span = start + delay + (t + 1) * bands - 1, np.float32(top), block.spans[block.spans.shape[0] - 1]
    scale = _ONE / log_f32(_ONE + mu)
    periods = block.lags.shape[2]
    heard_at = at + HANDS * periods
    lags_at = heard_at + periods
    for p in range(periods):
        lags, read = block.lags[b, t, p], block.read[b, p]
        show(block.turns[b, t, p], row, at + HANDS * p)
        block.heard[b, p] = hear(block.sound[b], start + t * bands, bands, lags[0], block.heard[b, p])
        row[heard_at + p] = _ZERO if lags[0] == NO_LAG else _compand(block.heard[b, p] / span, mu, scale)
        first = read.shape[1] - 1
        for j in range(read.shape[0]):
            if t == 0 or lags[j] != block.lags[b, t - 1, p, j]:
                first = 0
        for j in range(read.shape[0]):
            for q in range(first):
                for k in range(read.shape[2]):
                    read[j, q, k] = read[j, q + 1, k]
        read_lags(block.sound[b], end, lags[: read.shape[0]], bands, block.filters, ahead, first, read)
        for j in range(read.shape[0]):
            for q in range(read.shape[1]):
                values = read[j, q]
                for k in range(values.shape[0]):
                    if q >= first:
                        values[k] = _compand(values[k] / block.spans[k], mu, scale)
                    row[lags_at] = values[k]
                    lags_at += 1


@_jit
def _compand(value: Any, mu: Any, scale: Any) -> Any:
    companded = log_f32(_ONE + mu * min(abs(value), _ONE)) * scale
    return companded if value > _ZERO else -companded


@_jit
def add_step(block: Any, b: int, t: int, codes: Any) -> None:
    """Add the codes [G] of step t, as numbers, to what is known of sound b."""
    newest = block.newest[b]
    for k in range(newest.shape[0]):
        newest[k] = block.amplitudes[k, int(codes[k])]
    remember(newest, t, block.steps[b], block.sound[b], block.sizes[2], block.synthesis)


@_jit
def add_steps(block: Any, codes: Any) -> None:
    """Add all steps of codes [B, T, G], as numbers, to what is known."""
    for b in range(codes.shape[0]):
        for t in range(codes.shape[1]):
            add_step(block, b, t, codes[b, t])


def lookback_of(tier: Tier, ranges: Mapping[str, Range], encoding: Encoding) -> Lookback | None:
    """What a tier reads of the past; None without periods."""
    if not tier.period:
        return None
    codes = np.arange(tier.mulaw_channels)[:, None].repeat(encoding.width, axis=1)
    return Lookback(tier, ranges, np.ascontiguousarray(encoding.decode(codes).T))


def hertz_in(period: Period, range_: Range) -> NDArray[np.float64]:
    """How often the sound repeats at values all over a parameter's range; 0 where it does not."""
    return period.hertz(np.linspace(range_.low, range_.high, PROBES))
