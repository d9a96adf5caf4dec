"""The options of a training: those given, completed with what suits the data and what is recommended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from mtcrnn.config.nets import Net
from mtcrnn.config.presets import complete
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError
from mtcrnn.data.dataset import ParamManager

log = logging.getLogger(__name__)

MOST = 0.5  # of the sounds; with more in stereo, so is the model by default


def completed(tier: Mapping[str, Any], net: Mapping[str, Any], train: Mapping[str, Any]) -> tuple[Tier, Net, Train]:
    """Given options by name, completed: audio has the sample rate and the channels of most of the data.

    See also `presets.complete`.

    Raises:
        InputError: options out of range; no sounds, or one that cannot be read; stereo, but all sounds are mono.
    """
    made = _made(tier, net, train)  # checked before the data is read
    data = ParamManager.at(made[2].data_dir, made[2].param_dir)
    if made[0].is_audio and "sample_rate" not in tier:
        rate = data.common_rate()
        log.info("`sample_rate` %d, that of the data", rate)
        made = _made({**tier, "sample_rate": rate}, net, train)
    if made[0].channels == "mono":
        return made
    stereo = data.stereo_share() if made[0].bands > 1 else 0.0
    if made[0].channels == "auto":
        channels: Literal["mono", "stereo"] = "stereo" if stereo > MOST else "mono"
        log.info("`channels` %s, as most of the data", channels)
        return replace(made[0], channels=channels), *made[1:]
    if not stereo:
        raise InputError("`channels` stereo, but all sounds are mono")
    return made


def _made(tier: Mapping[str, Any], net: Mapping[str, Any], train: Mapping[str, Any]) -> tuple[Tier, Net, Train]:
    tiers, nets, trains = complete(tier, net, train)
    return Tier(**tiers), Net(**nets), Train(**trains)
