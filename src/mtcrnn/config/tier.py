"""What one model (a tier) generates and is conditioned on: names of parameters, sample rate, mu-law codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mtcrnn.config.options import Options, option, require
from mtcrnn.config.periods import Period
from mtcrnn.core.errors import InputError, listing
from mtcrnn.core.limits import MOST_RATE
from mtcrnn.core.validation import strict

AUDIO = "audio"  # the name in `generate` that means audio itself

AUTO, NONE = ("auto",), ("none",)  # of `period`
MOST_BANDS = 32
BAND_RATES = 4000, 96000  # Hz of a sound that is split into bands
LEAST_BAND_CODES = 15

LONGEST_NAME = 100  # characters in the name of a parameter

RESERVED = ("meta", AUDIO)  # names with another meaning where a parameter can be named

MOST_NAMES = 256  # parameters in one list


def check_name(name: str) -> None:
    """Raise InputError for a name that no parameter may have; the live instrument uses names that begin with @."""
    odd = name.startswith("@") or any(c.isspace() or not c.isprintable() or c in "=," for c in name)
    if not 0 < len(name) <= LONGEST_NAME or name in RESERVED or odd:
        rules = f"no spaces, '=' or ',', no '@' at the beginning, and not {' or '.join(map(repr, RESERVED))}"
        raise InputError(f"{name[:LONGEST_NAME]!r} cannot be a parameter's name: {rules}")


@strict
@dataclass(frozen=True)
class Tier(Options):
    """What one model generates and what it is conditioned on."""

    generate: tuple[str, ...] = option("what to generate: audio, or names of parameters", (AUDIO,))
    prop: tuple[str, ...] = option("names of the conditioning parameters", ())
    sample_rate: int = option(
        "generated values per second; for audio the sample rate in Hz (mtcrnn train: default that of the data)", 16000
    )
    mulaw_channels: int = option(
        "number of mu-law codes that an audio sample (or one of a sub-band) can have", 256, short="codes"
    )
    bands: int = option("sub-bands that audio is split into, each with codes of its own (net subband; 1: none)", 1)
    channels: Literal["mono", "stereo", "auto"] = option(
        "of audio: mono (mixed), stereo (net subband; mono sounds are in the centre), or auto (as most of the data; "
        "the default of mtcrnn train where the net is subband)",
        "mono",
    )
    period: tuple[str, ...] = option(
        "parameters that say how often the sound repeats, which then reads what it was a period ago (nets frame and "
        "subband): NAME, whose unit in the data says it; NAME=UNIT (Hz, MIDI, rpm, bpm, events/s, s, ms); or "
        "NAME=EXPRESSION, times a second (rpm=rpm/30, rate=4*8^rate); auto: as the units in the data say (default of "
        "mtcrnn train); none",
        (),
    )
    onehot: bool = option("feed audio to the net as a one-hot code instead of as one number", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.sample_rate <= MOST_RATE, "sample_rate", self.sample_rate, f"above 0 and at most {MOST_RATE}")
        require(2 <= self.mulaw_channels <= 65536, "mulaw_channels", self.mulaw_channels, "2 to 65536")
        require(1 <= self.bands <= MOST_BANDS, "bands", self.bands, f"1 to {MOST_BANDS}")
        if self.bands > 1:
            self._check_bands()
        elif self.channels == "stereo":
            raise InputError("`channels` stereo needs sub-bands: `bands` 2 or more (net subband)")
        if self.period == NONE:
            object.__setattr__(self, "period", ())
        for key in ("generate", "prop"):
            names = getattr(self, key)
            require(len(names) <= MOST_NAMES, key, f"{len(names)} names", f"at most {MOST_NAMES}")
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(f"`{key}` names {listing(twice)} twice")
        if not self.generate:
            raise InputError("`generate` is empty; name audio or the parameters to generate")
        if AUDIO in self.generate and len(self.generate) > 1:
            raise InputError(f"`generate` {' '.join(self.generate)}: audio and parameters cannot be mixed in one tier")
        both = [name for name in self.generate if name in self.prop]
        if both:
            raise InputError(f"{listing(both)} cannot be both generated (`generate`) and conditioning (`prop`)")
        for name in self.parameters:
            check_name(name)
        self._check_periods()
        if self.onehot and not self.is_audio:
            raise InputError("`onehot` is for audio; parameters enter the net as they are")

    def _check_bands(self) -> None:
        """Raise InputError for what sub-bands do not go with."""
        if not self.is_audio or self.onehot:
            raise InputError("`bands` is for audio, without `onehot`")
        low, high = BAND_RATES
        require(low <= self.sample_rate <= high, "sample_rate", self.sample_rate, f"{low} to {high} with `bands`")
        codes = self.mulaw_channels
        if codes < LEAST_BAND_CODES or codes % 2 == 0:
            raise InputError(
                f"`mulaw_channels` is {codes}; with `bands` it must be odd, so that silence is a code, and at least "
                f"{LEAST_BAND_CODES}"
            )

    def _check_periods(self) -> None:
        """Raise InputError for periods that cannot be."""
        if self.period == AUTO:
            return
        if self.period and not self.is_audio:
            raise InputError("`period` is for audio")
        names = [text.partition("=")[0] for text in self.period]
        if lacking := [name for name in names if name not in self.prop]:
            raise InputError(f"`period` {listing(lacking)}: not among the conditioning parameters (`prop`)")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"`period` names {listing(twice)} twice")
        for text in self.period:
            if "=" in text:
                Period.parse(text)

    @property
    def periods_by_unit(self) -> tuple[str, ...]:
        """The entries of `period` that only name a parameter."""
        return tuple(text for text in self.period if "=" not in text)

    @property
    def periods(self) -> tuple[Period, ...]:
        """The parameters that say a period, once their units are known."""
        return tuple(map(Period.parse, self.period))

    @property
    def step_rate(self) -> float:
        """Steps of the net per second, each of which generates one value, or one for each band."""
        return self.sample_rate / self.bands

    @property
    def sound_channels(self) -> int:
        """Channels of the sound, 1 or 2."""
        return 2 if self.channels == "stereo" else 1

    @property
    def columns(self) -> int:
        """Numbers of a generated value: one for each channel of the sound, or for each parameter."""
        return self.sound_channels if self.is_audio else len(self.generate)

    @property
    def is_audio(self) -> bool:
        """True if this tier generates audio, False if it generates parameters."""
        return self.generate == (AUDIO,)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of all parameters that this tier generates or is conditioned on."""
        return self.prop if self.is_audio else (*self.generate, *self.prop)

    @property
    def gen_size(self) -> int:
        """The original's `--gen_size`: the number of input channels for the tier's own past."""
        return self.mulaw_channels if self.onehot else len(self.generate)

    @property
    def cond_size(self) -> int:
        """The original's `--cond_size`: the number of conditioning parameters."""
        return len(self.prop)
