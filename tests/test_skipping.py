"""Stretches of recordings that a param file says to skip: not trained on, not measured, not evaluated."""

import json

import numpy as np
import pytest

from helpers import write_wav
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.params import ParamFile
from mtcrnn.data.splitting import Splitter

RATE = 8000


def recording(folder, skip, seconds=4.0, loud=None):
    """Noise, much louder between the two times of `loud`."""
    t = np.arange(round(seconds * RATE)) / RATE
    noise = 0.01 * np.random.default_rng(1).standard_normal(len(t))
    if loud:
        noise[(t >= loud[0]) & (t < loud[1])] *= 50
    folder.mkdir(exist_ok=True)
    write_wav(folder / "a.wav", np.clip(noise, -1, 1), RATE)
    meta = {"filename": "a.wav", **({} if skip is None else {"skip": skip})}
    gain = {"times": [0.0, seconds], "values": [0.0, 1.0]}
    (folder / "a.params").write_text(json.dumps({"meta": meta, "gain": gain}))
    return ParamManager(folder)


def corpus_of(data, **tier):
    return Corpus(Tier(prop=("gain",), sample_rate=RATE, **tier), data)


def starts_of(windows):
    return windows.starts(np.arange(len(windows)))


def test_no_window_touches_what_is_skipped(tmp_path):
    corpus = corpus_of(recording(tmp_path, [[1.0, 1.5], [3.7, 3.8]]))
    training, held_out = corpus.split(256, 16, "tail")
    skipped = np.zeros(4 * RATE, bool)
    skipped[RATE : 3 * RATE // 2] = skipped[round(3.7 * RATE) : round(3.8 * RATE)] = True
    for windows in (training, held_out):
        assert len(windows) > 3
        for start in starts_of(windows):
            assert not skipped[start : start + windows.seq_len + 1].any(), start
    assert corpus.kept == [[(0, RATE), (12000, 29600), (30400, 32000)]]
    assert corpus.held_out("tail") == [(0, 28800, 29600), (0, 30400, 32000)]
    assert corpus.longest(0) == (12000, 29600)


def test_without_stretches_nothing_changes(tmp_path):
    plain, empty = corpus_of(recording(tmp_path / "a", None)), corpus_of(recording(tmp_path / "b", []))
    for corpus in (plain, empty):
        assert corpus.kept == [[(0, 4 * RATE)]]
    for a, b in zip(plain.split(256, 16, "tail"), empty.split(256, 16, "tail"), strict=True):
        np.testing.assert_array_equal(starts_of(a), starts_of(b))


def test_streams_do_not_read_across_a_gap(tmp_path):
    training, _ = corpus_of(recording(tmp_path, [[2.0, 2.1]])).split(256, 1, "none")
    last_before = np.array([2 * RATE - 257, 2 * RATE - 2 * 256 - 1])
    following, inside = training.following(last_before)
    assert inside.tolist() == [False, True]
    assert following[1] == last_before[1] + 256


def test_what_is_skipped_takes_no_codes(tmp_path):
    """Handling noise 34 dB above the sound: the sub-bands' spans are those of the sound."""
    loud = (1.0, 2.0)
    data = recording(tmp_path, [[0.9, 2.1]], loud=loud)
    tier = Tier(prop=("gain",), sample_rate=RATE, bands=4, mulaw_channels=255)
    spans = [Splitter(tier, ()).measure_spans(data.wavs(), [skip]) for skip in ([], [(0.9, 2.1)])]
    assert (np.array(spans[0]) > 20 * np.array(spans[1])).all(), spans


def test_a_change_of_the_stretches_is_noticed(tmp_path):
    before = corpus_of(recording(tmp_path, [[1.0, 1.5]]))
    after = corpus_of(recording(tmp_path, [[1.0, 1.6]]))
    assert after.changes(before.fingerprints) == ["labels changed: a.wav"]


def test_nothing_left_to_train_on(tmp_path):
    with pytest.raises(InputError, match="only shorter stretches that are not skipped"):
        corpus_of(recording(tmp_path, [[0.01, 4.0]])).split(256, 1, "tail")


@pytest.mark.parametrize("bad", ["x", [1], [[2, 1]], [[1, True]], [["0", "1"]], [[1, 2, 3]], {"a": 1}])
def test_bad_stretches(bad, tmp_path):
    data = recording(tmp_path, bad)
    with pytest.raises(InputError, match=r"a\.params: meta: skip must be a list of \[from, to\] in seconds"):
        ParamFile.read(tmp_path / "a.params").skipped(tmp_path / "a.params")
    with pytest.raises(InputError, match="skip must be a list"):
        corpus_of(data)
    (problem,) = data.check()
    assert "skip must be a list" in problem
