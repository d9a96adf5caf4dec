"""Stability: a minute of free running at three parameter settings: levels, silence, DC, clipping, and the speed."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.stereo import mono
from mtcrnn.config.ranges import low_middle_high
from mtcrnn.data.corpus import Corpus
from mtcrnn.listening.levels import Levels, leaves_after, levels_db
from mtcrnn.rendering.player import Player
from mtcrnn.rendering.session import rendered

STABLE_SECONDS = 60.0  # of free running at each setting
FULL_SCALE = 0.99  # samples beyond it are counted


def free_running(engine: Player, corpus: Corpus) -> tuple[dict[str, Any], dict[str, Any]]:
    """A minute at low, middle and high parameters: its levels next to the data's; and how fast all were rendered."""
    tier, rate = engine.config.tier, engine.config.tier.sample_rate
    heard = (sound_files.read(wav, rate).samples[: corpus.samples(i)] for i, wav in enumerate(corpus.names))
    real = Levels.of(heard, rate)
    points = low_middle_high(engine.config.ranges, tier.prop)
    steps = round(STABLE_SECONDS * rate)
    started = time.perf_counter()
    frames = rendered(engine, np.repeat(points[:, None], steps, axis=1), "free running")
    pace = frames[..., 0].size / (time.perf_counter() - started)
    sounds = mono(frames)
    rows = []
    for point, sound, both in zip(points.tolist(), sounds, frames, strict=True):
        levels = levels_db(sound, rate)
        silent, loud = real.silent(levels), real.loud(levels)
        rows.append(
            {
                "parameters": dict(zip(tier.prop, point, strict=True)),
                "loudest_db": float(levels.max()),
                "softest_db": float(levels.min()),
                "silent_seconds": int(silent.sum()),
                "loud_seconds": int(loud.sum()),
                "dc": float(sound.mean()),
                "leaves_after_s": leaves_after(silent | loud),
                "full_scale_share": float((np.abs(both) > FULL_SCALE).mean()),
            }
        )
    data = {"loudest_db": real.loudest, "softest_db": real.softest}
    return {"seconds": STABLE_SECONDS, "real": data, "rows": rows}, {
        "sounds": 3,
        "samples_per_s": pace,
        "rtf": pace / rate,
    }
