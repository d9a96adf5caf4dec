"""Odd harmonics that come and go in what a net reads."""

import numpy as np
import pytest

from helpers import write_params, write_wav
from mtcrnn.config.tier import Tier
from mtcrnn.data import harmonics
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.harmonics import change_odd_harmonics
from mtcrnn.data.tuning import LABELS_PER_S

RATE = 8000


def note(hertz, seconds, strengths=(1, 1, 1, 1)):
    """Harmonics of the frequencies [n] at each sample."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, round(seconds * RATE))) / RATE
    return 0.1 * sum(a * np.sin((k + 1) * phase) for k, a in enumerate(strengths))


def changed(sound, hertz, block=1000, end=None):
    blocks = np.split(sound.astype(np.float32)[:, None], range(block, len(sound), block))
    labels = np.full(round(len(sound) / RATE * LABELS_PER_S) + 1, hertz, float)
    found = change_odd_harmonics(blocks, RATE, labels, 3, len(sound) if end is None else end)
    return np.concatenate(list(found))[:, 0]


@pytest.mark.parametrize("share", [0.5, 0.95, -0.3])
def test_odd_harmonics_are_softer_or_louder_and_even_ones_stay(share, monkeypatch):
    monkeypatch.setattr(harmonics, "changes", lambda seed, seconds: (np.array([0.0]), np.array([share])))
    expected = note(171.3, 1, (1 - share, 1, 1 - share, 1))
    np.testing.assert_allclose(changed(note(171.3, 1), 171.3)[200:], expected[200:], atol=2e-4)


def test_blocks_of_any_size_give_the_same(monkeypatch):
    sound = note(90.7, 2)
    one = changed(sound, 90.7, block=len(sound))
    np.testing.assert_allclose(changed(sound, 90.7, block=777), one, atol=1e-4)
    assert np.abs(one - sound).max() > 0.03


def test_rhythms_and_what_may_be_held_out_stay():
    sound = note(90.7, 2).astype(np.float32)
    np.testing.assert_array_equal(changed(sound, 39.0), sound)
    np.testing.assert_array_equal(changed(sound, 90.7, end=RATE)[RATE:], sound[RATE:])


def test_changes_are_a_function_of_the_number():
    times, shares = harmonics.changes(1, 100.0)
    assert (np.diff(times) > 0).all()
    assert times[-1] > 100
    assert 0.25 < np.mean(shares != 0) < 0.55
    assert shares.min() >= harmonics.SHARES[0]
    assert shares.max() <= harmonics.SHARES[1]
    np.testing.assert_array_equal(harmonics.changes(1, 100.0), (times, shares))
    assert not np.array_equal(harmonics.changes(2, 100.0)[1][:9], shares[:9])


def notes(folder, hertz):
    for k, often in enumerate(hertz):
        write_wav(folder / f"{k}.wav", note(often, 3), RATE)
        write_params(folder / f"{k}.params", hz=([0, 3], [often, often]))
    return ParamManager(folder)


def test_a_net_reads_changed_sounds_and_has_to_play_the_true_ones(tmp_path):
    tier = Tier(prop=("hz",), sample_rate=RATE, mulaw_channels=255, bands=2, period=("hz=x",))
    data = notes(tmp_path, (100.0, 171.0))
    plain, corpus = Corpus(tier, data), Corpus(tier, data, disturbed=True)
    np.testing.assert_array_equal(corpus.values, plain.values)
    np.testing.assert_array_equal(plain.inputs, plain.values)
    differ = (corpus.inputs != corpus.values).any(axis=1)
    assert 0.2 < differ.mean() < 0.7
    held_out = corpus.held_out("tail")
    assert not any(differ[start + 16 : end].any() for _, start, end in held_out)
    start = int(np.flatnonzero(differ)[500])
    starts = np.array([start])
    batch = corpus.gather(starts, 40)
    np.testing.assert_array_equal(batch.inputs[0], corpus.inputs[start : start + 40])
    np.testing.assert_array_equal(batch.values[0], corpus.values[start : start + 41])
    assert not np.array_equal(batch.conditioning, plain.gather(starts, 40).conditioning)  # the past is changed too


@pytest.mark.parametrize("period", ["hz=x/100", "hz=x/3"])
def test_what_is_a_rhythm_anywhere_is_read_as_it_is(period, tmp_path):
    tier = Tier(prop=("hz",), sample_rate=RATE, mulaw_channels=255, period=(period,))
    corpus = Corpus(tier, notes(tmp_path, (100.0, 171.0)), disturbed=True)
    assert corpus.inputs is corpus.values
