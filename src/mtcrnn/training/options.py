"""The options of a training: those given, completed with what suits the data and what is recommended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mtcrnn.config.nets import Net
from mtcrnn.config.presets import complete
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.data.dataset import ParamManager

log = logging.getLogger(__name__)


def completed(tier: Mapping[str, Any], net: Mapping[str, Any], train: Mapping[str, Any]) -> tuple[Tier, Net, Train]:
    """Given options by name, completed: audio has the sample rate of most sounds of the data; see also `complete`.

    Raises:
        InputError: options out of range; no sounds, or one that cannot be read.
    """
    made = _made(tier, net, train)  # checked before the data is read
    if not made[0].is_audio or "sample_rate" in tier:
        return made
    rate = ParamManager.at(made[2].data_dir, made[2].param_dir).common_rate()
    log.info("`sample_rate` %d, that of the data", rate)
    return _made({**tier, "sample_rate": rate}, net, train)


def _made(tier: Mapping[str, Any], net: Mapping[str, Any], train: Mapping[str, Any]) -> tuple[Tier, Net, Train]:
    tiers, nets, trains = complete(tier, net, train)
    return Tier(**tiers), Net(**nets), Train(**trains)
