"""Default values of options: those of the 2020 code, and those recommended for audio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from mtcrnn.config.generate import Playing
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train

# The 2020 defaults, where they differ from ours (used by train.py and generate.py).
ORIGINAL: dict[type, dict[str, Any]] = {
    Net: {"hidden_size": 800, "n_layers": 3},
    Train: {
        "output_dir": "./output",
        "num_steps": 100000,
        "batch_size": 16,
        "seq_len": 4000,
        "carry": False,
        "lr": 0.0005,
        "checkpoint": 10000,
    },
    Playing: {
        "length": 16000,
        "batch_size": 16,
    },  # its --seq_len, 4000, is shorter than its --length: no priming
}


# Recommended for audio, where it differs from the defaults of the classes; options that are given take precedence.
FOR_AUDIO: dict[type, dict[str, Any]] = {
    Net: {"net": "frame", "hidden_size": 192, "n_layers": 1},
    Train: {
        "num_steps": 8000,
        "batch_size": 8,
        "seq_len": 2048,
        "scored_frames": 32,
        "lr": 0.004,
        "lr_final": 0.0001,
        "checkpoint": 1000,
    },
}


def defaults(cls: type, original: bool = False) -> dict[str, Any]:
    """The default values of a config class; with `original`, the 2020 code's where they differ."""
    values = {spec.name: spec.default for spec in fields(cls) if spec.default is not MISSING}
    return {**values, **(ORIGINAL.get(cls, {}) if original else {})}


def for_tier(tier: Tier, net: Mapping[str, Any], train: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The given options of Net and of Train, completed with what is recommended for audio unless they rule it out.

    They rule it out with another net or with one-hot input. If `minutes` is given but `num_steps` is not, the minutes
    alone decide how long to train.
    """
    best = tier.is_audio and not tier.onehot and net.get("net", FOR_AUDIO[Net]["net"]) == FOR_AUDIO[Net]["net"]
    limit = {"num_steps": None} if train.get("minutes") is not None else {}
    nets, trains = (FOR_AUDIO[Net], FOR_AUDIO[Train]) if best else ({}, {})
    return {**nets, **net}, {**trains, **limit, **train}
