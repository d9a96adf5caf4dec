"""Free running in training: does the net, left to itself, stay at the levels of its data?

Every so often it plays a little from nothing, at low, middle and high parameters. What counts is the level of the last
second, before the emphasis is undone, beside that of seconds of the data.
"""

from __future__ import annotations

import time
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mtcrnn.config.ranges import low_middle_high
from mtcrnn.data.corpus import Corpus
from mtcrnn.listening.levels import Levels, level_db
from mtcrnn.models.model import Model

AGAIN_S, SHARE = 20.0, 0.03  # from one look to the next at least; most of the time of training that looks may take
PLAYED_S, BLOCK = 2, 500  # seconds at each of the three settings; steps in a block
MOST_HEARD = 300  # seconds of the data, evenly spread
STAYS, SILENT, LOUD, UNKNOWN = "stays", "falls silent", "runs away", "not judged"


class FreeRunning:
    """Plays what is being trained, every so often.

    Args:
        corpus: the training data, of sound.

    Attributes:
        spent: seconds that playing has taken.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus, self.spent = corpus, 0.0
        self._started = self._last = time.perf_counter()

    def due(self, ending: bool) -> bool:
        """Whether it is time to look again; at the end of training also soon after the last look."""
        return time.perf_counter() - (self._started if ending else self._last) >= AGAIN_S

    def verdict(self, model: Model) -> str:
        """`STAYS`, `SILENT`, `LOUD`; or `UNKNOWN`, where the net is too slow to be played now."""
        started = time.perf_counter()
        sound = self._played(model)
        self._last = time.perf_counter()
        self.spent += self._last - started
        if sound is None:
            return UNKNOWN
        levels = np.array([level_db(row) for row in sound])
        return LOUD if self._real.loud(levels).any() else SILENT if self._real.silent(levels).any() else STAYS

    def _played(self, model: Model) -> NDArray[np.float32] | None:
        """The last second [B, T, G] of each setting; None where that takes too long."""
        from mtcrnn.engine import Engine  # which compiles

        weights = {name: tensor.detach().float().cpu().numpy() for name, tensor in model.module.state_dict().items()}
        engine = Engine(model.config, weights, precision="float32")
        tier = model.config.tier
        points = low_middle_high(model.config.ranges, tier.prop)
        second, state, made = round(tier.step_rate), engine.init(1, len(points)), []
        began = time.perf_counter()
        for first in range(0, PLAYED_S * second, BLOCK):
            count = min(BLOCK, PLAYED_S * second - first)
            values, state = engine.render(state, np.repeat(points[:, None], count, axis=1))
            made.append(values)
            now = time.perf_counter()
            if now - began > SHARE * (now - self._started):
                return None
        return np.concatenate(made, axis=1)[:, -second:]

    @cached_property
    def _real(self) -> Levels:
        """The levels of seconds of the data."""
        corpus, second = self._corpus, round(self._corpus.tier.step_rate)
        parts = [part for stretches in corpus.kept for part in stretches if part[0] < part[1]]
        places = [(a, min(a + second, end)) for start, end in parts for a in range(start, end, second)]
        whole = [place for place in places if place[1] - place[0] == second] or places
        chosen = np.linspace(0, len(whole) - 1, min(len(whole), MOST_HEARD)).astype(int).tolist()
        levels = [level_db(corpus.amplitudes(*whole[k])) for k in chosen]
        return Levels(min(levels), max(levels))
