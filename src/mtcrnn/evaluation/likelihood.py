"""Held-out likelihood: nats per sample of sound that a model was not trained on."""

from __future__ import annotations

import numpy as np
import torch
from tqdm import tqdm

from mtcrnn.core.errors import InputError
from mtcrnn.data.corpus import Corpus
from mtcrnn.models.model import Model

WARM_UP_S = 2.0  # of a file, read before its held-out part
CHUNK = 4096  # steps in one teacher-forced pass


@torch.no_grad()
def held_out_nats(model: Model, corpus: Corpus, holdout: str) -> float:
    """Nats per sample, teacher forced, of what `holdout` names: the ends of all files, one file, or all files.

    Before a held-out end, the net reads `WARM_UP_S` of the file, so that its state is as in the middle of a sound.

    Raises:
        InputError: nothing is held out, or there is no such file.
    """
    places = corpus.held_out(holdout)
    if not places:
        raise InputError(f"`holdout` {holdout}: nothing is held out")
    total = count = 0.0
    warm_up = round(WARM_UP_S * model.config.tier.step_rate)
    for i, first, end in tqdm(places, desc="held-out sound", unit="file", leave=False):
        start = max(int(corpus.offsets[i]), first - warm_up)
        values = torch.from_numpy(corpus.values[start:end].astype(np.int64))[None]
        conditioning = torch.from_numpy(corpus.conditions(start, end))[None]
        state = model.net.init_state(1)
        for at in range(0, values.shape[1] - 1, CHUNK):
            until = min(at + CHUNK, values.shape[1] - 1)
            raw, state = model(values[:, at:until], conditioning[:, at + 1 : until + 1], state)
            skip = max(first - start - 1 - at, 0)
            scored = raw[:, skip:]
            if scored.shape[1]:
                targets = values[:, at + 1 + skip : at + 1 + raw.shape[1]]
                total += float(model.distribution.losses(scored, targets).sum())
                count += scored.shape[1]
    return total / count
