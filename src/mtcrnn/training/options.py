"""The options of a training: those given, completed with what suits the data and what is recommended."""

from __future__ import annotations

import logging
import math
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from mtcrnn.audio import files as sound_files
from mtcrnn.config.nets import Net
from mtcrnn.config.periods import PERIODS, expression_of
from mtcrnn.config.presets import PERIODIC, complete
from mtcrnn.config.tier import AUTO, BAND_RATES, Tier
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError
from mtcrnn.data.dataset import ParamManager

log = logging.getLogger(__name__)

LEAST_WINDOW = 256  # steps that windows for short sounds have at least
MOST = 0.5  # of the sounds; with more in stereo, so is the model by default
GLIDES, NEARLY_ALL = 2.0, 0.9  # semitones by which copies glide, if periods stand still in such a share of the sounds


def completed(tier: Mapping[str, Any], net: Mapping[str, Any], train: Mapping[str, Any]) -> tuple[Tier, Net, Train]:
    """Given options by name, completed: audio has the sample rate and the channels of most of the data.

    The recommended windows are made shorter for short sounds. With a period, there is noise on the inputs, and copies
    of sounds whose periods stand still glide. See also `presets.complete`.

    Raises:
        InputError: options out of range; no sounds, or one that cannot be read; stereo, but no sound is.
    """
    made = _made(tier, net, train)  # checked before the data is read
    if not made[0].is_audio:
        return made
    data = ParamManager.at(made[2].data_dir, made[2].param_dir)
    rate, seconds = _usual(data)
    if "sample_rate" not in tier:
        log.info("`sample_rate` %d, that of the data", rate)
        made = _made({**tier, "sample_rate": rate}, net, train)
    own, chosen, options = made
    if "seq_len" not in train:
        options = replace(options, seq_len=_window(options.seq_len, seconds * own.step_rate))
    own = replace(own, channels=_channels(own, data), period=_periods(own, data))
    if own.period and (suits := {name: value for name, value in PERIODIC.items() if name not in train}):
        options = replace(options, **suits)
        log.info("%s, since there is a period", ", ".join(f"`{name}` {value:g}" for name, value in suits.items()))
    if "glides" not in train and _stand_still(own, data):
        options = replace(options, glides=GLIDES)
        log.info("`glides` %g, since the sounds' periods stand still", GLIDES)
    return own, chosen, options


def _usual(data: ParamManager) -> tuple[int, float]:
    """The sample rate of most sounds in Hz, at most `BAND_RATES`, and their median length in seconds, by headers."""
    rates, lengths = Counter[int](), list[float]()
    for wav in data.wavs():
        with sound_files.source(wav) as source:
            rates[source.file_sample_rate] += 1
            lengths += [] if source.promised_s is None else [source.promised_s]
    rate = max(rates, key=lambda rate: (rates[rate], rate))  # the higher one of two as common
    return min(rate, BAND_RATES[1]), statistics.median(lengths) if lengths else math.inf


def _window(seq_len: int, steps: float) -> int:
    """The steps of a window: `seq_len`, halved until most sounds, of `steps` steps, are longer."""
    fitting = seq_len
    while fitting >= steps and fitting > LEAST_WINDOW:
        fitting //= 2
    if fitting < seq_len:
        log.info("`seq_len` %d, since most sounds are short", fitting)
    return fitting


def _stand_still(tier: Tier, data: ParamManager) -> bool:
    """Whether a period stands still in nearly all sounds, at several values."""
    files = [file for _, file in data.files()] if tier.period else []
    for period in tier.periods:
        curves = [file.params[period.name].values for file in files if period.name in file.params]
        hertz = period.hertz(np.array([values[0] for values in curves if max(values) == min(values)], np.float64))
        if len(hertz) > NEARLY_ALL * len(curves) and len(np.unique(hertz[hertz > 0])) > 1:
            return True
    return False


def _channels(tier: Tier, data: ParamManager) -> Literal["mono", "stereo"]:
    """Whether the model is mono or stereo."""
    if tier.channels == "mono" or tier.bands == 1:
        return "mono"
    stereo = data.stereo_share()
    if tier.channels == "stereo":
        if not stereo:
            raise InputError("`channels` stereo, but no sound has two channels that differ")
        return "stereo"
    channels: Literal["mono", "stereo"] = "stereo" if stereo > MOST else "mono"
    log.info("`channels` %s, as most of the data", channels)
    return channels


def _periods(tier: Tier, data: ParamManager) -> tuple[str, ...]:
    """The parameters that say a period, each with how often per second: where only a name is given, by its unit.

    The units are those of the first sound's param file.
    """
    wanted = tier.prop if tier.period == AUTO else tier.periods_by_unit
    if not wanted:
        return () if tier.period == AUTO else tier.period
    wav = data.wavs()[0]
    file, found = data.read(wav), dict[str, str]()
    for name in wanted:
        units = file.get(name, data.path_of(wav)).units
        expression = expression_of(name, units, file.meta.get(PERIODS), tier.period == AUTO)
        if expression is not None:
            found[name] = f"{name}={expression}"
        elif tier.period != AUTO:
            says = f"its unit is {units}, which says no period" if units else "it has no unit"
            how = f"{name}=UNIT (MIDI, rpm) or {name}=EXPRESSION ({name}/60 times a second)"
            raise InputError(f"`period` {name}: {says}; write {how}")
    if tier.period == AUTO:
        log.info("`period` %s, by the units", " ".join(found.values()) or "none")
        return tuple(found.values())
    return tuple(found.get(text, text) for text in tier.period)


def _made(tier: Mapping[str, Any], net: Mapping[str, Any], train: Mapping[str, Any]) -> tuple[Tier, Net, Train]:
    tiers, nets, trains = complete(tier, net, train)
    return Tier(**tiers), Net(**nets), Train(**trains)
