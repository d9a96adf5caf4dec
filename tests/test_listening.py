"""Measures, against sounds of which they are known; what recordings differ in; curves from a few marks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from helpers import write_wav
from mtcrnn.core.errors import InputError
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.params import ParamFile
from mtcrnn.listening import moments, overview
from mtcrnn.listening.describing import described, proposed, write_measures
from mtcrnn.listening.measures import MEASURES, averages, on_knob, reading
from mtcrnn.listening.recordings import EXCERPT_S, listen
from mtcrnn.listening.words import Listened, Mark

RATE = 8000


def heard(tmp_path, sounds, rate=RATE):
    """What is heard in sounds, each an array."""
    for k, samples in enumerate(sounds):
        write_wav(tmp_path / f"{k}.wav", samples, rate)
    return listen(sorted(tmp_path.glob("*.wav")))


def times(seconds, rate=RATE):
    return np.arange(round(seconds * rate)) / rate


def noise(seconds, seed=1):
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def middle(recording, name):
    """A measure away from the ends."""
    values = recording.curve(name)
    return values[len(values) // 4 : -len(values) // 4]


def test_averages_of_windows_that_are_cut_at_the_ends():
    values = np.arange(10.0)
    found = averages(values, 1.0, np.array([0.0, 5.0, 9.0]), 4.0)
    assert_allclose(found, [0.5, 4.5, 8.0])  # of 0 to 1, of 3 to 6, of 7 to 9


def test_a_tone(tmp_path):
    (tone,) = heard(tmp_path, [0.5 * np.sin(2 * np.pi * 440 * times(8))])
    assert_allclose(middle(tone, "loudness"), 20 * np.log10(0.5 / 2**0.5), atol=0.1)
    assert_allclose(middle(tone, "brightness"), 440, rtol=0.02)
    assert_allclose(middle(tone, "pitch"), 440, rtol=0.001)
    assert middle(tone, "voicing").min() > 0.99
    assert middle(tone, "noisiness").max() < 1e-3
    assert middle(tone, "roughness").max() < 0.02
    assert np.isnan(tone.curve("density")).all()
    assert middle(tone, "swing").max() < 0.1


def test_noise_has_no_pitch(tmp_path):
    (hiss,) = heard(tmp_path, [0.1 * noise(8)])
    assert np.isnan(hiss.curve("pitch")).mean() > 0.95
    assert_allclose(middle(hiss, "loudness").mean(), -20, atol=0.3)
    assert_allclose(middle(hiss, "brightness").mean(), 2000, rtol=0.03)
    assert_allclose(middle(hiss, "bandwidth").mean(), 4000 / 12**0.5, rtol=0.03)
    assert middle(hiss, "noisiness").mean() > 0.5


def test_clicks(tmp_path):
    """Five clicks a second, regular and at random times, over soft noise."""
    rng = np.random.default_rng(2)
    sounds = []
    for places in (np.arange(0.1, 12, 0.2), np.sort(rng.uniform(0, 12, 60))):
        sound = 1e-3 * noise(12)
        for place in places:
            start = int(place * RATE)
            burst = 0.5 * np.exp(-np.arange(200) / 40)
            sound[start : start + 200] += burst[: len(sound) - start]
        sounds.append(sound)
    regular, irregular = heard(tmp_path, sounds)
    assert_allclose(middle(regular, "density"), 5, atol=0.3)
    assert_allclose(middle(irregular, "density").mean(), 5, atol=1)
    assert middle(regular, "regularity").min() > 0.8
    assert middle(irregular, "regularity").max() < 0.6
    assert_allclose(middle(regular, "background"), -60, atol=1)


def test_flutter_and_swell(tmp_path):
    """Loudness that moves 40 times a second is roughness; once in two seconds, it is swing."""
    fast = 0.1 * noise(12) * (1 + 0.8 * np.sin(2 * np.pi * 40 * times(12)))
    slow = 0.1 * noise(12) * 10 ** (6 * np.sin(2 * np.pi * 0.5 * times(12)) / 20)
    flutter, swell = heard(tmp_path, [fast, slow])
    assert middle(flutter, "roughness").mean() > 1.4 * middle(swell, "roughness").mean()
    assert_allclose(middle(swell, "swing").mean(), 6 / 2**0.5, rtol=0.15)
    assert middle(flutter, "swing").mean() < 0.5


def test_knobs_move_in_equal_steps(tmp_path):
    """A tone that jumps up by an octave: a pitch of 69, then 81; one octave of brightness, below 1 kHz."""
    hz = np.where(times(8) < 4, 440.0, 880.0)
    (tone,) = heard(tmp_path, [0.5 * np.sin(2 * np.pi * np.cumsum(hz) / RATE)])
    for name, units, low, high in (
        ("pitch", "MIDI", 69, 81),
        ("brightness", "octaves above 1 kHz", np.log2(0.44), np.log2(0.88)),
    ):
        values, found = on_knob(tone.curve(name), name)
        assert found == units
        assert_allclose([values[20], values[-20]], [low, high], atol=0.05)
    assert on_knob(np.array([8.0]), "density") == (3.0, "octaves above 1/s")
    assert on_knob(np.array([-20.0]), "loudness") == (-20.0, "dB")


def test_a_meter_reads_half_a_window(tmp_path):
    assert reading(0.1 * noise(3).astype(np.float32), RATE, "background")[0] == pytest.approx(-20, abs=0.3)
    assert reading(0.1 * noise(1.9).astype(np.float32), RATE, "background") is None
    assert reading(np.zeros(8 * RATE, np.float32), RATE, "brightness") is None


def test_excerpts_do_not_show(tmp_path):
    """A recording that is heard in three excerpts: every measure is as in a recording that is heard at once."""
    long = 0.1 * noise(2 * EXCERPT_S + 10) * (1 + 0.5 * np.sin(2 * np.pi * 0.3 * times(2 * EXCERPT_S + 10)))
    place = round((EXCERPT_S - 8) * RATE)
    whole, part = heard(tmp_path, [long, long[place : place + 16 * RATE]])
    assert whole.seconds == 2 * EXCERPT_S + 10
    assert whole.measured.shape[1] == int(whole.seconds * 20)
    first = (EXCERPT_S - 8) * 20
    for name in MEASURES:
        if name != "pitch":  # noise has none
            near = whole.curve(name)[round(first) + 90 : round(first) + 230]
            assert_allclose(near, part.curve(name)[90:230], rtol=0.05, atol=0.02, err_msg=name)
    ahead = round((EXCERPT_S - 8) * moments.RATE)
    for name, values in part.statistics.items():
        near = whole.statistics[name][:, ahead + 18 : ahead + 46]
        assert_allclose(near, values[:, 18:46], rtol=0.05, atol=0.05, err_msg=name)
    columns = round((EXCERPT_S - 8) * overview.RATE)
    same = whole.overview[:, columns + 2 : columns + 250] == part.overview[:, 2:250]
    assert same.mean() > 0.99


def test_silence_and_clipping_are_found(tmp_path):
    sound = 0.1 * noise(10)
    sound[2 * RATE : 4 * RATE] = 0
    sound[7 * RATE : 7 * RATE + 10] = 1.0
    (found,) = heard(tmp_path, [sound])
    ((first, last),) = found.silent
    assert (first, last) == pytest.approx((2, 4), abs=0.15)
    ((first, last),) = found.clipped
    assert (first, last) == pytest.approx((6.9, 7.1), abs=0.01)
    assert np.isnan(found.curve("brightness")[45:75]).all()


def test_recordings_of_several_rates_are_heard_in_one_band(tmp_path):
    write_wav(tmp_path / "a.wav", 0.1 * noise(5), RATE)
    write_wav(tmp_path / "b.wav", 0.1 * np.random.default_rng(3).standard_normal(5 * 22050), 22050)
    low, high = listen([tmp_path / "a.wav", tmp_path / "b.wav"])
    assert (low.sample_rate, high.sample_rate) == (RATE, RATE)
    assert middle(high, "brightness").mean() == pytest.approx(middle(low, "brightness").mean(), rel=0.1)


def test_too_short(tmp_path):
    with pytest.raises(InputError, match=r"0\.wav lasts 0\.40 s; at least 0\.5 s are needed"):
        heard(tmp_path, [0.1 * noise(0.4)])


def test_what_recordings_differ_in(tmp_path):
    """Six noises of three levels and two colours: loudness, then brightness, are proposed; there is no pitch."""
    sounds = []
    for level in (0.003, 0.03, 0.3):
        for smooth in (1, 12):
            sound = np.convolve(noise(6, seed=len(sounds)), np.ones(smooth) / smooth, "same")
            sounds.append(level * sound / sound.std() / 4)
    recordings = heard(tmp_path, sounds)
    found = {one.name: one for one in described(recordings, 0.5)}
    assert found["loudness"].high - found["loudness"].low == pytest.approx(40, abs=1)
    assert found["loudness"].within < 0.05
    assert found["loudness"].alike["background"] > 0.8
    assert found["pitch"].problem == "cannot be read in 6 of 6 recordings"
    chosen = proposed(list(found.values()))
    assert chosen[0] in ("loudness", "background")
    assert {"brightness", "bandwidth"} & set(chosen[1:2])
    assert 2 <= len(chosen) <= 4


def test_short_recordings_say_what_cannot_be_read(tmp_path):
    found = {one.name: one for one in described(heard(tmp_path, [0.1 * noise(3), 0.1 * noise(6)]), 0.5)}
    assert found["density"].problem == "cannot be read in 1 of 2 recordings"
    assert found["loudness"].problem is None
    assert not {"density", "regularity", "swing", "background"} & set(proposed(list(found.values())))


def test_writing_measures_keeps_what_was_written_by_hand(tmp_path):
    swell = 10 ** (-1 - times(6) / 6)
    recordings = heard(tmp_path, [swell * noise(6), swell * noise(6, seed=2)])
    data, by_hand = ParamManager(tmp_path), tmp_path / "0.params"
    by_hand.write_text('{"meta": {"by": "me"}, "loudness": {"times": [0.0, 6.0], "values": [1.0, 2.0]}}')
    before = by_hand.read_text()
    copies = write_measures(data, recordings, ["loudness", "brightness"], 0.2)
    assert [copy.name for copy in copies] == ["0.previous-1.params"]
    assert copies[0].read_text() == before
    file = ParamFile.read(by_hand)
    assert file.meta == {"by": "me", "meters": {"loudness": "loudness", "brightness": "brightness"}}
    curve = file.params["loudness"]
    assert curve.units == "dB"
    assert (curve.minval, curve.maxval) == (min(curve.values), max(curve.values))
    assert curve.values[10] - curve.values[-10] == pytest.approx(20 * 100 / 120, abs=1.5)
    assert write_measures(data, recordings, ["loudness"], 0.2) == []  # ours alone by now
    with pytest.raises(InputError, match=r"pitch: it cannot be read in 0\.wav, 1\.wav"):
        write_measures(data, recordings, ["pitch"], 0.2)
    with pytest.raises(InputError, match="wrath: no such measure; there are loudness"):
        write_measures(data, recordings, ["wrath"], 0.2)


@pytest.fixture(scope="module")
def swelling(tmp_path_factory):
    """Four noises whose brightness wanders, and it at every moment."""
    folder = tmp_path_factory.mktemp("swelling")
    truth = []
    for k in range(4):
        t = times(20)
        share = 0.5 + 0.5 * np.sin(2 * np.pi * (0.03 + 0.01 * k) * t + k)
        dull = np.convolve(noise(20, seed=k), np.ones(20) / 20, "same") * 4
        write_wav(folder / f"{k}.wav", 0.05 * ((1 - share) * dull + share * noise(20, seed=10 + k)), RATE)
        truth.append(share[:: round(RATE / moments.RATE)])
    listened = Listened.to(listen(sorted(folder.glob("*.wav"))))
    return listened, np.concatenate(truth)


def marked(listened, truth, places):
    return [Mark(*listened.place(k), float(truth[k])) for k in places]


def test_a_word_is_learned_from_marks_where_it_is_asked(swelling):
    listened, truth = swelling
    places = []
    while len(places) < 8:
        places.append(listened.question(marked(listened, truth, places)))
    assert len(set(places)) == 8
    marks = marked(listened, truth, places)
    curve = listened.learn(marks)
    rest = np.setdiff1d(np.arange(len(truth)), places)
    assert np.corrcoef(curve.values[rest], truth[rest])[0, 1] > 0.97
    assert curve.error < 0.15
    assert sum(share for _, share in curve.follows) == pytest.approx(1)
    off = np.abs(curve.values - truth)
    assert (off < 2 * curve.uncertainty + 0.05).mean() > 0.85
    assert curve.amiss(marks) == []


def test_what_the_others_say_is_what_they_say_without_it(swelling):
    """The closed form against learning without each mark in turn; only the marks' mean differs."""
    listened, truth = swelling
    marks = marked(listened, truth, [5, 60, 130, 200, 290, 310])
    curve = listened.learn(marks)
    for k, mark in enumerate(marks):
        without = listened.learn([one for one in marks if one is not mark])
        place = listened.moment(mark.recording, mark.at)
        assert curve.others[k] == pytest.approx(without.values[place], abs=0.15), k


def test_a_mark_that_contradicts_the_others_is_named(swelling):
    listened, truth = swelling
    marks = marked(listened, truth, [5, 40, 60, 100, 130, 170, 200, 250, 290])
    wrong = Mark(marks[4].recording, marks[4].at, 1 - marks[4].value)
    assert abs(wrong.value - marks[4].value) > 0.5
    marks[4] = wrong
    assert 4 in listened.learn(marks).amiss(marks)


def test_one_mark_and_marks_of_one_value(swelling):
    listened, _ = swelling
    for marks in ([Mark(0, 1.0, 0.3)], [Mark(0, 1.0, 0.3), Mark(2, 5.0, 0.3)]):
        curve = listened.learn(marks)
        assert (curve.values == 0.3).all()
        assert np.isinf(curve.uncertainty).all()
        assert curve.error is None
        places = {listened.moment(mark.recording, mark.at) for mark in marks}
        assert listened.question(marks) not in places


def test_a_stretch_counts_as_several_marks(swelling):
    listened, _ = swelling
    stretch = Mark(0, 2.0, 0.9, until=8.0)
    several = [Mark(0, at, 0.9) for at in (3.0, 5.0, 7.0)]
    low = Mark(1, 4.0, 0.1)
    one, other = listened.learn([stretch, low]), listened.learn([*several, low])
    assert_allclose(one.values, other.values)
    assert len(one.others) == 2
