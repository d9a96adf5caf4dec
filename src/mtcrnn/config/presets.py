"""Default values of options: those of the 2020 code, and those recommended for audio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from mtcrnn.config.generate import Playing
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import AUDIO, AUTO, NONE, Tier
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


FULL_BAND_RATE = 32000  # Hz, from which on sound is split into sub-bands unless options rule it out

# Recommended for audio, by net, where it differs from the defaults of the classes; given options take precedence.
_SIZE = {"hidden_size": 192, "n_layers": 1}
_TRAIN = {
    "num_steps": 8000,
    "batch_size": 8,
    "seq_len": 2048,
    "scored_frames": 32,
    "jumps": 0.1,
    "lr": 0.004,
    "lr_final": 0.0001,
    "checkpoint": 1000,
}
RECOMMENDED: dict[str, dict[type, dict[str, Any]]] = {
    "frame": {Tier: {"period": AUTO}, Net: {"net": "frame", **_SIZE}, Train: _TRAIN},
    "subband": {
        Tier: {"bands": 8, "mulaw_channels": 255, "channels": "auto", "period": AUTO},
        Net: {"net": "subband", **_SIZE, "n_layers": 2, "frame_size": 16},
        Train: {**_TRAIN, "num_steps": 6000, "seq_len": 4096, "scored_frames": 16},
    },
}

# Training options that are recommended with a period: a net is to go by the period, not by its own newest samples.
PERIODIC: dict[str, Any] = {"input_noise": 0.01}


def defaults(cls: type, original: bool = False) -> dict[str, Any]:
    """The default values of a config class; with `original`, the 2020 code's where they differ."""
    values = {spec.name: spec.default for spec in fields(cls) if spec.default is not MISSING}
    return {**values, **(ORIGINAL.get(cls, {}) if original else {})}


def complete(
    tier: Mapping[str, Any], net: Mapping[str, Any], train: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The given options of Tier, Net and Train, checked or not, completed with what is recommended for audio.

    That is the sub-band net for stereo and from `FULL_BAND_RATE` on, else the frame net. Another net or one-hot input
    rules out all of it, a number of codes rules out sub-bands. With a period, `PERIODIC` is recommended too. If
    `minutes` is given but `num_steps` is not, the minutes alone decide how long to train.
    """
    sounds = tier.get("generate", (AUDIO,)) in ((AUDIO,), [AUDIO]) and not tier.get("onehot")
    rate, bands = tier.get("sample_rate", Tier.sample_rate), tier.get("bands")
    if bands is None:
        full = tier.get("channels") == "stereo" or (isinstance(rate, int) and rate >= FULL_BAND_RATE)
        split = full and "mulaw_channels" not in tier
    else:
        split = bands != 1
    best = RECOMMENDED.get(str(net.get("net", "subband" if split else "frame")), {}) if sounds else {}
    limit = {"num_steps": None} if train.get("minutes") is not None else {}
    tiers = {**best.get(Tier, {}), **tier}
    periodic = tuple(tiers.get("period") or ()) not in ((), AUTO, NONE)
    return (
        tiers,
        {**best.get(Net, {}), **net},
        {**best.get(Train, {}), **(PERIODIC if periodic else {}), **limit, **train},
    )
