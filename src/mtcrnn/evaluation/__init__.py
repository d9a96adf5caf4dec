"""Evaluating a model: held-out likelihood, how it follows its parameters, texture distance, stability, speed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from mtcrnn.config.generate import Playing
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError, listing, unknown
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.params import METERS as PARAM_METERS
from mtcrnn.evaluation.following import follow
from mtcrnn.evaluation.likelihood import held_out_nats
from mtcrnn.evaluation.likeness import measure_likeness
from mtcrnn.evaluation.meters import METERS
from mtcrnn.evaluation.stability import free_running
from mtcrnn.rendering.opening import open_player
from mtcrnn.runs import checkpoint, folders

LEAST_PITCH = 30.0  # Hz; what repeats less often is a beat


def evaluate(
    model_dir: str, data: ParamManager, holdout: str = "tail", meters: Mapping[str, str] | None = None, step: int = 0
) -> dict[str, Any]:
    """Measure a model of sound against a labelled data set.

    Args:
        model_dir: the run's or the model's folder.
        data: labelled sounds.
        holdout: which part of them the model has not seen: as in training, or 'all'.
        meters: names from `METERS` by parameter. For other parameters: what the param files say; where the parameter
            says a period, the meter of periods or beats; else the meter that follows it in the data.
        step: which saved step; 0: the newest.

    Returns:
        Plain numbers: `bits_per_sample` and `nats_per_sample` of the held-out sound, `control`, `texture`, `kernel`,
        `octaves` and `spectra` (see `measure_likeness`; None where all files are too short), `stability` and `speed`.

    Raises:
        InputError: a model that generates parameters, an unknown meter or parameter, or data that lacks a parameter of
            the model.
    """
    path = folders.find(model_dir, step)
    model = checkpoint.load(path)
    tier = model.config.tier
    if not tier.is_audio:
        raise InputError(f"{path} generates {listing(tier.generate)}; only models of sound can be evaluated")
    for name, meter in (meters or {}).items():
        if name not in tier.prop:
            raise unknown("parameter", name, tier.prop)
        if meter not in METERS:
            raise unknown("meter", meter, METERS)
    corpus = Corpus.of_model(model.config, data)
    engine = open_player(Playing(), model.config, path)
    nats = held_out_nats(model, corpus, holdout)
    alike = measure_likeness(engine, corpus) or dict.fromkeys(("texture", "kernel", "octaves", "spectra"))
    chosen = {**_known_meters(tier, corpus), **(meters or {})}
    control = [follow(engine, corpus, k, chosen.get(name)) for k, name in enumerate(tier.prop)]
    stability, speed = free_running(engine, corpus)
    return {
        "model": str(path),
        "nats_per_sample": nats,
        "bits_per_sample": nats / math.log(2),
        "control": [asdict(followed) for followed in control if followed is not None],
        **alike,
        "stability": stability,
        "speed": speed,
    }


def _known_meters(tier: Tier, corpus: Corpus) -> dict[str, str]:
    """The meters of the parameters that say a period, and of those for which the data say one."""
    periods = {}
    for period in tier.periods:
        range_ = corpus.ranges[period.name]
        middle = float(period.hertz(np.array([(range_.low + range_.high) / 2]))[0])
        periods[period.name] = "period" if middle > LEAST_PITCH else "beat"
    said = corpus.meta.get(PARAM_METERS)
    named = said.items() if isinstance(said, dict) else ()
    return periods | {name: meter for name, meter in named if name in tier.prop and str(meter) in METERS}
