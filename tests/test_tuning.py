"""How far sounds are off their labels, and that a period is taken from the sound."""

import logging

import numpy as np
import pytest

from helpers import write_params, write_wav
from mtcrnn.audio.clock import HANDS
from mtcrnn.config.tier import Tier
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.tuning import tuning

RATE = 16000


def pulses(hertz, noise=0.0, seed=2):
    """Harmonics of a frequency [n] that may move."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    tone = sum(np.cos(k * phase) / k for k in range(1, 5)) / 4
    return (tone + noise * np.random.default_rng(seed).standard_normal(len(tone))).astype(np.float32)


@pytest.mark.parametrize("hertz", [25, 110, 440, 1100])
@pytest.mark.parametrize("cents", [-80, -14, 0, 3, 60])
def test_a_tone_off_its_label(hertz, cents):
    sound = pulses(np.full(RATE, hertz * 2 ** (cents / 1200)), noise=0.02)
    found = 1200 * np.log2(tuning(sound, RATE, np.full(100, float(hertz))))
    assert found == pytest.approx(cents, abs=1), "seed 2"


def test_a_glide_off_its_label():
    labels = np.geomspace(100, 400, 200)
    sound = pulses(np.interp(np.arange(2 * RATE) / RATE, np.arange(200) / 100, labels) * 2 ** (20 / 1200))
    rising = 1200 * 4 / 2 / 100  # cents within the periods compared
    assert 1200 * np.log2(tuning(sound, RATE, labels)) == pytest.approx(20, abs=rising)


def test_a_note_that_ends_in_noise():
    """Only where it is loud counts."""
    sound = pulses(np.full(2 * RATE, 220 * 2 ** (10 / 1200))) * np.exp(-np.arange(2 * RATE) / 4000).astype(np.float32)
    hum = 1e-3 * pulses(np.full(2 * RATE, 228.0))
    assert 1200 * np.log2(tuning(sound + hum, RATE, np.full(200, 220.0))) == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(RATE, np.float32),
        np.random.default_rng(4).standard_normal(RATE).astype(np.float32),
        pulses(np.full(RATE, 220 * 2 ** (3 / 12))),  # another note
        pulses(np.full(300, 220.0)),  # a few periods
        np.zeros(0, np.float32),
    ],
    ids=["silence", "noise", "another note", "short", "empty"],
)
def test_what_cannot_be_told_is_left_to_the_label(sound):
    assert tuning(sound, RATE, np.full(len(sound) // 160, 220.0)) == 1


@pytest.mark.parametrize("hertz", [0.0, 4.0, 5000.0])
def test_rhythms_and_what_has_no_period_are_left_to_the_label(hertz):
    assert tuning(pulses(np.full(RATE, 4.1)), RATE, np.full(100, hertz)) == 1


def test_a_data_set_takes_the_period_from_the_sound(tmp_path, caplog):
    """What was a period ago is the same as now, although the labels are a third of a semitone off."""
    caplog.set_level(logging.INFO)
    for name, hertz, cents in (("a", 200, 33), ("b", 300, -15), ("c", 250, 0)):
        write_wav(tmp_path / f"{name}.wav", 0.5 * pulses(np.full(2 * RATE, hertz * 2 ** (cents / 1200))), RATE)
        write_params(tmp_path / f"{name}.params", hz=([0, 2], [hertz, hertz]))
    tier = Tier(prop=("hz",), sample_rate=RATE, mulaw_channels=255, bands=4, period=("hz=hz",))
    corpus = Corpus(tier, ParamManager(tmp_path))
    assert caplog.messages == [
        "`hz`: sounds are 15 cents off their labels in the median, most of all a.wav with +33; "
        "a period is taken from the sound"
    ]
    now, before = corpus.values[200:7800], corpus.conditions(200, 7800)[:, 1 + HANDS + 1 :][:, :4]
    lowest = corpus._encoding.codec.decode(now[:, 0].astype(np.int64))
    then = np.sign(before[:, 0]) * np.expm1(np.abs(before[:, 0]) * np.log(255)) / 254
    assert np.abs(lowest - then).max() < 0.05
