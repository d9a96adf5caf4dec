"""Copies of sounds that glide."""

import numpy as np
import pytest

from helpers import tiny_train, write_params, write_wav
from mtcrnn.audio.clock import HANDS
from mtcrnn.config.nets import Net
from mtcrnn.config.periods import Period
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.glides import Glide, can_move
from mtcrnn.data.params import Param
from mtcrnn.training import run as training

RATE = 8000
TIER = Tier(prop=("hz", "gain"), sample_rate=RATE, mulaw_channels=255, bands=4, period=("hz=hz",))


def held(value):
    return Param(times=[0, 3], values=[value, value])


def hertz_of(sound, count=400):
    """The frequency of a sine at each of `count` places, by its phase."""
    from scipy.signal import hilbert

    phase = np.unwrap(np.angle(hilbert(sound)))[:: len(sound) // count]
    return np.gradient(phase, len(sound) // count) * RATE / (2 * np.pi)


@pytest.mark.parametrize("semitones", [1, 2, 12])
def test_a_copy_moves_as_its_parameter_says(semitones):
    glide = Glide(semitones, number=7, length=3 * RATE, rate=RATE)
    tone = np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE).astype(np.float32)[:, None]
    copy = glide.play(iter(np.split(tone, 5)))[:, 0]
    curve = glide.curve(held(440.0), Period("hz", "hz"), Range(200, 800))
    found = hertz_of(copy)[10:-10]
    expected = np.interp(np.arange(400) * (len(copy) // 400) / RATE, curve.times, curve.values)[10 : len(found) + 10]
    np.testing.assert_allclose(found, expected, rtol=0.003 * semitones)
    octaves = np.log2(np.array(curve.values) / 440)
    assert 0.5 * semitones / 12 < np.ptp(octaves) <= 2 * semitones / 12
    assert glide.play([tone]).tolist() == copy[:, None].tolist()


def test_each_sound_has_its_own_curve():
    first, second = (Glide(2, k, RATE, RATE).places()[1] for k in (0, 1))
    assert np.abs(first[:7000] - second[:7000]).max() > 0.01


def test_a_copy_ends_before_what_it_copies():
    for number in range(20):
        places, _ = Glide(12, number, 1000, RATE).places()
        assert places[0] == 0
        assert (np.diff(places) > 0).all()
        assert places[-1] <= 999


@pytest.mark.parametrize(
    ("expression", "value", "low", "high"),
    [("MIDI", 60, 40, 80), ("rpm/30", 900, 600, 6000), ("4*8^x", 0.1, 0, 1), ("ms", 5, 2, 10), ("hz", 440, 430, 450)],
)
def test_parameters_of_every_form_move(expression, value, low, high):
    period = Period("rpm", expression)
    assert can_move(period, Range(low, high))
    glide = Glide(2, 3, 3 * RATE, RATE)
    curve = glide.curve(held(float(value)), period, Range(low, high))
    speed = glide.places()[1]
    knots = np.round(np.array(curve.times) * RATE).astype(int)
    ratio = period.hertz(np.array(curve.values)) / period.hertz(np.array([float(value)]))
    np.testing.assert_allclose(ratio, speed[knots], rtol=1e-4)


@pytest.mark.parametrize(
    ("expression", "low", "high"), [("(x-5)^2", 0, 10), ("hz", 440, 440), ("-x", 1, 2), ("3", 0, 1)]
)
def test_what_cannot_move(expression, low, high):
    assert not can_move(Period("hz", expression), Range(low, high))


def test_other_parameters_are_where_they_were():
    """What rises in the sound rises in the copy, at the place that is played; a value without a period stays."""
    glide = Glide(2, 3, 3 * RATE, RATE)
    places, _ = glide.places()
    curve = glide.curve(Param(times=[0, 3], values=[0, 30]), None, Range(0, 30))
    knots = np.round(np.array(curve.times) * RATE).astype(int)
    np.testing.assert_allclose(curve.values, places[knots] / RATE * 10, atol=1e-6)
    assert set(glide.curve(held(0.0), Period("hz", "hz"), Range(0, 440)).values) == {0}


def tones(folder):
    for k, hertz in enumerate((200, 300, 420)):
        tone = 0.5 * np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE)
        write_wav(folder / f"{k}.wav", tone, RATE)
        write_params(folder / f"{k}.params", hz=([0, 2], [hertz, hertz]), gain=([0, 2], [k, k]))
    return ParamManager(folder)


@pytest.mark.parametrize("bands", [1, 4])
def test_a_data_set_with_copies(tmp_path, bands):
    """They are trained on, never held out; what is not a copy is as without them; of a held-out file there is none."""
    data = tones(tmp_path)
    tier = Tier(prop=TIER.prop, sample_rate=RATE, mulaw_channels=255, bands=bands, period=TIER.period)
    plain, gliding = Corpus(tier, data), Corpus(tier, data, glides=2.0)
    n, steps = int(plain.offsets[-1]), int(plain.offsets[1])
    assert (gliding.values[:n] == plain.values).all()
    assert (gliding.conditions(0, n) == plain.conditions(0, n)).all()
    assert gliding.fingerprints == plain.fingerprints
    assert gliding.ranges == plain.ranges
    lengths = np.diff(gliding.offsets)[3:]
    assert len(lengths) == 3
    assert (lengths > 0.75 * steps).all()
    assert (lengths < 1.05 * steps).all()
    windows, held_out = (corpus.split(64, 1, "tail") for corpus in (gliding, plain))
    assert windows[1].first.tolist() == held_out[1].first.tolist()
    assert len(windows[0].first) == 6
    assert len(held_out[0].first) == 3
    assert gliding.held_out("tail") == plain.held_out("tail")
    assert len(gliding.split(64, 1, "file:1.wav")[0].first) == 4
    copies = gliding.conditions(n, len(gliding.values))
    assert np.ptp(copies[: lengths[0], 0]) > 0.05  # the pitch moves
    assert np.ptp(copies[: lengths[0], 1]) == 0
    there = copies[:, 2 + HANDS] > 0
    assert there[steps // 10 : steps // 2].all()


def test_what_was_a_period_ago_in_a_copy(tmp_path):
    """The same as now, wherever the copy glides."""
    corpus = Corpus(
        Tier(prop=("hz",), sample_rate=RATE, mulaw_channels=1023, period=("hz=hz",)), tones(tmp_path), glides=2
    )
    start, end = int(corpus.offsets[3]) + 500, int(corpus.offsets[4])
    now = corpus._encoding.decode(corpus.values[start:end])[:, 0]
    middle = corpus.conditions(start, end)[:, 1 + HANDS + 1 + 4]  # of nine values around one period ago, companded
    before = np.sign(middle) * np.expm1(np.abs(middle) * np.log(1023)) / 1022
    assert np.abs(now - before).max() < 0.01


def test_no_copies_without_a_period_or_where_it_cannot_move(tmp_path):
    data = tones(tmp_path)
    for tier in (
        Tier(prop=("hz",), sample_rate=RATE, mulaw_channels=255, bands=4),
        Tier(prop=("hz",), sample_rate=RATE, mulaw_channels=255, bands=4, period=("hz=(hz-300)^2",)),
    ):
        assert len(Corpus(tier, data, glides=2.0).offsets) == 4


def test_two_halves_of_a_training_with_copies_equal_the_whole(tmp_path):
    tones(tmp_path / "data")
    ends = []
    for name, first in (("whole", 8), ("halves", 4)):
        how = tiny_train(tmp_path / "data", tmp_path / name, num_steps=first, checkpoint=4, glides=2.0)
        saved = training.train(TIER, Net("subband", 12, 1, frame_size=4), how)
        if first == 4:
            saved = training.resume(str(tmp_path / name), 0, {}, {}, {})
        ends.append((saved / "weights.safetensors").read_bytes())
    assert ends[0] == ends[1]


@pytest.mark.parametrize("semitones", [-1.0, 12.5])
def test_semitones_out_of_range(tmp_path, semitones):
    with pytest.raises(InputError, match=r"`glides` is .*; it must be 0 to 12"):
        tiny_train(tmp_path, tmp_path / "run", glides=semitones)
