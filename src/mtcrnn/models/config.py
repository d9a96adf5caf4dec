"""The configuration of a model: everything about it but its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mtcrnn.audio.emphasis import MOST_STEP_DB, edges
from mtcrnn.config.nets import Net
from mtcrnn.config.options import require
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import MOST_STEPS
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.validation import strict
from mtcrnn.models.encoding import DistributionSpec, Encoding, encoding_of
from mtcrnn.models.lookback import Lookback, lookback_of

FORMAT_VERSION = 6  # 1 knew no sub-bands, 2 no periods, 3 no emphasis; all are read too
LAYOUT = 6  # from here on, a net with periods reads its past in the present layout; those before are not read


@strict
@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to rebuild, generate from and play a model; saved as `config.json` next to its weights."""

    tier: Tier
    net: Net
    ranges: dict[str, Range] = field(default_factory=dict)  # of every parameter that is generated or conditioned on
    step: int = 0  # training steps that led to these weights
    codec: Literal["mulaw", "mulaw-floor"] = "mulaw"  # the second is the original's
    spans: tuple[float, ...] = ()  # of sound, or each sub-band: the amplitude of the highest code; none: 1
    emphasis: tuple[float, ...] = ()  # the steps of `audio.emphasis`; none: codes of the sound as it is
    version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        self.net.check_for(self.tier)
        require(0 <= self.step <= MOST_STEPS, "step", self.step, f"0 to {MOST_STEPS}")
        if lacking := [name for name in self.tier.parameters if name not in self.ranges]:
            raise InputError(f"the ranges of {listing(lacking)} are missing")
        bands = self.tier.bands * self.tier.sound_channels if self.tier.is_audio else 0
        if len(self.spans) not in (0, bands) or not all(0 < span < 1e6 for span in self.spans):
            raise InputError(f"spans: there must be one above 0 for each of {bands} bands")
        steps = len(edges(self.tier.sample_rate, self.tier.bands)) if bands else 0
        if len(self.emphasis) not in (0, steps) or not all(abs(step) <= MOST_STEP_DB for step in self.emphasis):
            raise InputError(f"emphasis: there must be {steps} steps of {MOST_STEP_DB:g} dB at most")
        if unknown := self.tier.periods_by_unit:
            raise InputError(f"`period` {listing(unknown)}: a model needs NAME=EXPRESSION, like rpm=rpm/30")
        if self.tier.period and self.version < LAYOUT:
            raise InputError("a model with periods by an earlier version, which read other numbers: train it again")
        if self.tier.channels == "auto":
            raise InputError("`channels` is auto; a model is mono or stereo")

    @property
    def encoding(self) -> Encoding:
        """How values become what the net reads."""
        return encoding_of(self.tier, self.ranges, self.codec, self.spans)

    @property
    def distribution(self) -> DistributionSpec:
        """What the net's raw numbers mean."""
        return self.encoding.distribution(self.net.spec.mixture)

    @property
    def lookback(self) -> Lookback | None:
        """What the net reads of the past; None without periods."""
        return lookback_of(self.tier, self.ranges, self.encoding)

    @property
    def cond_size(self) -> int:
        """Numbers that condition a step: the parameters, and what is read of the past."""
        lookback = self.lookback
        return self.tier.cond_size + (lookback.size if lookback else 0)

    @property
    def knows_ranges(self) -> bool:
        """Whether its ranges are those of its training data; the original's models do not record them."""
        return self.codec == "mulaw"
