"""Silence at the end of sounds, which is left out."""

import numpy as np
import pytest

from helpers import write_params, write_wav
from mtcrnn.config.tier import Tier
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.ending import Ending

RATE = 4000


@pytest.mark.parametrize("size", [1, 3, 10, 100])
@pytest.mark.parametrize(
    ("codes", "kept"),
    [
        ([0, 5, 0, 0, 7, 0, 0, 0, 0], 5),
        ([0, 5, 0, 0, 7, 0, 0, 0], 8),  # a short silence stays
        ([5, 0, 0, 0, 0, 0, 0, 0, 5], 9),
        ([0] * 9, 9),  # nothing but silence
        ([], 0),
    ],
)
def test_in_blocks_of_any_size(size, codes, kept):
    codes = np.array(codes, np.uint8).reshape(-1, 1)
    ending = Ending(0, 3)
    found = [np.zeros((0, 1)), *ending.left_out(codes[k : k + size] for k in range(0, len(codes), size))]
    assert np.concatenate(found).tolist() == codes[:kept].tolist()
    assert ending.silent == len(codes) - kept


@pytest.mark.parametrize("bands", [1, 4])
@pytest.mark.parametrize("period", [(), ("hz=hz",)], ids=["free", "period"])
def test_a_data_set_ends_where_its_sounds_do(tmp_path, caplog, bands, period):
    seed = 3
    noise = 0.1 * np.random.default_rng(seed).standard_normal(RATE)
    write_wav(tmp_path / "a.wav", np.concatenate([noise, np.zeros(RATE)]), RATE)
    write_wav(tmp_path / "b.wav", np.concatenate([noise, np.zeros(RATE // 4)]), RATE)
    for name in "ab":
        write_params(tmp_path / f"{name}.params", hz=([0, 2], [100, 200]))
    tier = Tier(prop=("hz",), sample_rate=RATE, mulaw_channels=255, bands=bands, period=period)
    corpus = Corpus(tier, ParamManager(tmp_path))
    late = 40 * bands if bands > 1 else 0  # the filters ring
    assert RATE - 10 <= corpus.samples(0) <= RATE + late, f"seed {seed}"
    assert corpus.samples(1) == RATE * 5 // 4
    assert len(corpus.values) == corpus.offsets[-1] == (corpus.samples(0) + corpus.samples(1)) // bands
    assert corpus.conditions(0, len(corpus.values)).shape[0] == len(corpus.values)
    assert f"silence at the end, left out, in 1 of 2 sounds: a.wav ({1 - (corpus.samples(0) - RATE) / RATE:.1f} s)" in (
        caplog.messages
    )
