"""Stability: a minute of free running at three parameter settings: levels, silence, DC, clipping, and the speed."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.audio.stereo import mono
from mtcrnn.data.corpus import Corpus
from mtcrnn.rendering.player import Player
from mtcrnn.rendering.session import rendered

STABLE_SECONDS = 60.0  # of free running at each setting
AWAY_SECONDS = 3  # in a row out of the data's levels: a sound that has run away or fallen silent
FULL_SCALE = 0.99  # samples beyond it are counted


def free_running(engine: Player, corpus: Corpus) -> tuple[dict[str, Any], dict[str, Any]]:
    """A minute at low, middle and high parameters: its levels next to the data's; and how fast all were rendered."""
    tier, rate = engine.config.tier, engine.config.tier.sample_rate
    heard = (sound_files.read(wav, rate).samples[: corpus.samples(i)] for i, wav in enumerate(corpus.names))
    real = np.concatenate([_levels_db(samples, rate) for samples in heard])
    low, high = (np.array([getattr(engine.config.ranges[n], end) for n in tier.prop]) for end in ("low", "high"))
    points = np.array([low * (1 - share) + high * share for share in (0.1, 0.5, 0.9)]).reshape(3, -1)
    steps = round(STABLE_SECONDS * rate)
    started = time.perf_counter()
    frames = rendered(engine, np.repeat(points[:, None], steps, axis=1), "free running")
    pace = frames[..., 0].size / (time.perf_counter() - started)
    sounds = mono(frames)
    rows = []
    for point, sound, both in zip(points.tolist(), sounds, frames, strict=True):
        levels = _levels_db(sound, rate)
        silent, loud = levels < real.min() - 20, levels > real.max() + 6
        rows.append(
            {
                "parameters": dict(zip(tier.prop, point, strict=True)),
                "loudest_db": float(levels.max()),
                "softest_db": float(levels.min()),
                "silent_seconds": int(silent.sum()),
                "loud_seconds": int(loud.sum()),
                "dc": float(sound.mean()),
                "leaves_after_s": _leaves_after(silent | loud),
                "full_scale_share": float((np.abs(both) > FULL_SCALE).mean()),
            }
        )
    data = {"loudest_db": float(real.max()), "softest_db": float(real.min())}
    return {"seconds": STABLE_SECONDS, "real": data, "rows": rows}, {
        "sounds": 3,
        "samples_per_s": pace,
        "rtf": pace / rate,
    }


def _leaves_after(outside: NDArray[np.bool_]) -> int | None:
    """The first second from which on a sound is `outside` for `AWAY_SECONDS` in a row; None: it stays."""
    away = np.convolve(outside, np.ones(AWAY_SECONDS), "valid") == AWAY_SECONDS
    return int(np.argmax(away)) if away.any() else None


def _levels_db(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """The level of each second, in dB relative to full scale."""
    whole = samples[: max(len(samples) // rate, 1) * rate].astype(np.float64)
    parts = np.array_split(whole, max(len(whole) // rate, 1))
    return np.array([10 * np.log10(np.mean(part**2) + 1e-12) for part in parts])
