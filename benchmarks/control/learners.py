"""What learns: this project's defaults, and others for as long: the original's recipe, a small GRU, noise bands."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import noise_bands
from subjects import Subject

import mtcrnn
from mtcrnn.rendering.player import Player

DEFAULTS, NOISE_BANDS = "mtcrnn", "noise bands"
NETS: dict[str, dict[str, Any]] = {
    DEFAULTS: {},
    "train.py, 4 x 256": {
        "net": "gru", "n_layers": 4, "hidden_size": 256,
        "seq_len": 4000, "batch_size": 16, "lr": 0.0005, "carry": False,
    },
    "GRU, 4 x 48": {"net": "gru", "n_layers": 4, "hidden_size": 48, "lr": 0.002},
}  # fmt: skip
LEARNERS = (*NETS, NOISE_BANDS)


def learnt(learner: str, subject: Subject, data: Path, run: Path, length: Mapping[str, Any]) -> tuple[Player, float]:
    """Train as long as `length` says (`minutes` or `num_steps`), or take what was trained; a player, and seconds."""
    if learner == NOISE_BANDS:
        return noise_bands.learnt(subject.prop, data, run, float(length["minutes"]))
    seconds = run / "seconds"
    if not seconds.exists():
        shutil.rmtree(run, ignore_errors=True)  # of a call that was interrupted
        started = time.perf_counter()
        mtcrnn.train(data, subject.prop, run.absolute(), **length, **NETS[learner], **subject.options)
        seconds.write_text(f"{time.perf_counter() - started:.1f}")
    return mtcrnn.load(run), float(seconds.read_text())
