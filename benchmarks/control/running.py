"""Ten minutes of free running, under random walks of all parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcrnn.audio.stereo import mono
from mtcrnn.listening.levels import Levels, leaves_after, levels_db
from mtcrnn.rendering.player import Player

ROUND_S, ROUNDS, HOLD_S = 60, 10, 5.0  # the walk repeats each minute, so that minutes can be compared


def walk(player: Player) -> NDArray[np.float64]:
    """Parameters [T, C] of one round: on straight lines from one random point to the next."""
    tier = player.config.tier
    low, high = np.array([(player.config.ranges[n].low, player.config.ranges[n].high) for n in tier.prop]).T
    count = round(ROUND_S / HOLD_S)
    points = np.random.default_rng(3).uniform(low, high, (count, len(low)))
    times = np.arange(ROUND_S * tier.sample_rate) / tier.sample_rate / HOLD_S
    closed = np.concatenate([points, points[:1]])
    return np.stack([np.interp(times, np.arange(count + 1), column) for column in closed.T], axis=-1)


def run_free(player: Player, real: Iterable[NDArray[np.float32]]) -> dict[str, Any]:
    """What ten minutes do: seconds silent or too loud beside the recordings `real`, drift of the level, DC.

    The drift is that of the level from the first five minutes to the last five, in dB.
    """
    rate = player.config.tier.sample_rate
    state, curves, rounds = player.init(7, 1), walk(player)[None], []
    for _ in range(ROUNDS):
        values, state = player.render(state, curves)
        rounds.append(mono(values)[0])
    sound = np.concatenate(rounds)
    data, levels = Levels.of(real, rate), levels_db(sound, rate)
    outside = data.silent(levels) | data.loud(levels)
    powers = (10 ** (levels / 10)).reshape(2, -1).mean(axis=1)
    return {
        "seconds": len(levels),
        "silent_seconds": int(data.silent(levels).sum()),
        "loud_seconds": int(data.loud(levels).sum()),
        "leaves_after_s": leaves_after(outside),
        "drift_db": float(10 * np.log10(powers[1] / powers[0])),
        "dc": float(sound.mean()),
    }
