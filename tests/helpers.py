"""What several tests need: tiny data sets, tiny models, the command line as a function."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mtcrnn.cli import main as cli
from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.evaluation import following, likeness, stability
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import Model, new_model
from mtcrnn.rendering.band_player import BandPlayer

SHARED = Path(__file__).parents[2] / "shared"
ROOT = Path(__file__).parents[1]

# two tiers, of which one makes what the other reads
RECIPE = """
data_dir = "{data}"
output_dir = "{out}"
controls = ["note"]

[tiers.sound]
prop = ["loud", "note"]
sample_rate = 1000
mulaw_channels = 16
hidden_size = 8
n_layers = 1
seq_len = 48
batch_size = 2
num_steps = 3

[tiers.curves]
generate = ["loud"]
prop = ["note"]
sample_rate = 50
hidden_size = 8
n_layers = 1
seq_len = 10
batch_size = 2
num_steps = 4
checkpoint = 2
"""

needs_real_data = pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="../shared/data is not here")


def write_wav(path: Path, samples, sample_rate: int = 1000, subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.asarray(samples), sample_rate, subtype=subtype)
    return path


def write_params(path: Path, **curves) -> Path:
    """Each keyword is a parameter: (times, values) or a dict written as it stands."""
    content = {"meta": {}}
    for name, curve in curves.items():
        content[name] = curve if isinstance(curve, dict) else {"times": curve[0], "values": curve[1]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def tone_set(folder: Path, files: int = 3, seconds: float = 1.0, sample_rate: int = 1000) -> Path:
    """Sines labelled by `pitch` (Hz, rising within the file) and `gain` (constant)."""
    for k in range(files):
        t = np.arange(round(seconds * sample_rate)) / sample_rate
        write_wav(folder / f"tone{k}.wav", 0.5 * np.sin(2 * math.pi * (50 + 20 * k) * t), sample_rate)
        write_params(
            folder / f"tone{k}.params",
            pitch=([0, seconds], [50 + 20 * k, 60 + 20 * k]),
            gain={"times": [0, seconds], "values": [0.5, 0.5], "minval": 0, "maxval": 1, "units": "of 1"},
        )
    return folder


def tiny_config(prop=("pitch",), **tier) -> ModelConfig:
    tier = {"sample_rate": 1000, "mulaw_channels": 16, **tier}
    ranges = {name: Range(50.0, 100.0) for name in prop}
    return ModelConfig(Tier(prop=tuple(prop), **tier), Net(hidden_size=8, n_layers=2), ranges)


def tiny_model(seed: int = 0, **config) -> Model:
    """A random model whose weights are large enough for its samples to differ."""
    model = new_model(tiny_config(**config), seed)
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.mul_(3)
    return model


def engine_of(player):
    """What makes the codes of a player of sound."""
    return player.player if isinstance(player, BandPlayer) else player


def tiny_train(data: Path, out: Path, **options) -> Train:
    numbers = {"num_steps": 4, "batch_size": 3, "seq_len": 40, "checkpoint": 2, **options}
    return Train(data_dir=str(data), output_dir=str(out.absolute()), **numbers)


def run_cli(capsys, *words) -> tuple[int, str, str]:
    """Exit code, standard output and the last line of standard error of `mtcrnn WORDS`."""
    code = cli.main([str(word) for word in words])
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    return code, captured.out, lines[-1] if lines else ""


def shorten_evaluation(monkeypatch):
    """Let `mtcrnn evaluate` listen for a moment only."""
    for name, shorter in {"GRID": 2, "SECONDS": 0.5, "GLIDE_SECONDS": 1.0}.items():
        monkeypatch.setattr(following, name, shorter)
    monkeypatch.setattr(stability, "STABLE_SECONDS", 1.0)
    monkeypatch.setattr(likeness, "MOST_SECONDS", 1.0)
