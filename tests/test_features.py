"""Features of sounds whose features are known."""

import json

import numpy as np
import pytest

from helpers import run_cli, write_wav
from mtcrnn.audio.features import Settings, measure
from mtcrnn.core.errors import InputError
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.feature_files import write_features

RATE = 16000
ALL = Settings(("rmse", "centroid", "pitch", "mfcc"), rate=100.0, n_mfcc=3, fmin=200.0, fmax=1000.0)


def tone(hz, seconds=0.5, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def test_a_tone():
    curves = measure(tone(440), RATE, ALL)
    assert list(curves) == ALL.names() == ["rmse", "centroid", "pitch", "voicing", "mfcc0", "mfcc1", "mfcc2"]
    assert {len(curve) for curve in curves.values()} == {51}
    inner = slice(6, -6)  # whole frames
    assert curves["rmse"][inner] == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert curves["centroid"][inner] == pytest.approx(440, rel=0.03)
    assert curves["pitch"][inner] == pytest.approx(440, rel=0.006)  # pYIN's steps are a tenth of a semitone
    assert (curves["voicing"][inner] > 0.9).all()


def test_frames_are_centred():
    """A click at 0.25 s is loudest in the frame of that time."""
    click = np.zeros(RATE // 2, np.float32)
    click[RATE // 4] = 1
    loud = measure(click, RATE, Settings(("rmse",), rate=100.0))["rmse"]
    assert np.flatnonzero(loud).mean() == pytest.approx(25)


def test_where_there_is_nothing_to_measure_curves_go_on():
    sound = np.concatenate([tone(300), np.zeros(RATE // 2, np.float32), tone(600)])
    curves = measure(sound, RATE, ALL)
    gap = slice(60, 90)
    assert all(np.isfinite(curve).all() for curve in curves.values())
    assert curves["rmse"][gap].max() < 1e-6
    assert (np.diff(curves["pitch"][gap]) > 0).all()
    assert 300 < curves["pitch"][gap][0] < curves["pitch"][gap][-1] < 600
    assert (np.diff(curves["centroid"][gap]) > 0).all()
    noise = np.random.default_rng(0).normal(size=RATE).astype(np.float32) * 0.1
    assert np.isfinite(measure(noise, RATE, ALL)["pitch"]).all()


@pytest.fixture
def tones(tmp_path):
    for hz in (300, 500):
        write_wav(tmp_path / "data" / f"t{hz}.wav", tone(hz, level=hz / 1000), RATE)
    return ParamManager(tmp_path / "data", tmp_path / "params")


def test_files_get_units_the_ranges_of_the_set_and_what_they_were_made_with(tones):
    data = tones
    path = data.path_of(data.wavs()[0])
    path.parent.mkdir()
    path.write_text(json.dumps({"meta": {"by": "me"}, "own": {"times": [0, 0.5], "values": [1, 2]}}))
    assert write_features(data, ALL, processes=1) == (2, 0)
    first, second = (data.read(wav) for wav in data.wavs())
    assert first.meta == {"by": "me"}
    assert list(first.params) == ["own", *ALL.names()]
    for file in (first, second):
        pitch = file.params["pitch"]
        assert pitch.units == "Hz"
        assert (pitch.minval, pitch.maxval) == pytest.approx((300, 500), rel=0.02)
        assert pitch.times[:2] == [0, 0.01]
        made = pitch.model_extra["made"]
        assert (made["hop"], made["frame"], made["rate"], made["fmin"]) == (160, 1024, 100, 200)
    assert data.check() == ["parameter 'own' is missing from 1 files: t500.params"]


def test_only_what_changed_is_measured_again(tones, monkeypatch):
    data = tones
    assert write_features(data, ALL, 1) == (2, 0)
    before = [data.path_of(wav).read_bytes() for wav in data.wavs()]
    monkeypatch.setattr("mtcrnn.data.feature_files._measured", lambda *a: pytest.fail("measured again"))
    assert write_features(data, ALL, 1) == (0, 2)
    assert write_features(data, Settings(("rmse",), 100.0, 3, 200.0, 1000.0), 1) == (0, 2)
    monkeypatch.undo()
    data.path_of(data.wavs()[1]).unlink()  # as if interrupted before the second
    assert write_features(data, ALL, 1) == (1, 1)
    assert [data.path_of(wav).read_bytes() for wav in data.wavs()] == before
    write_wav(data.wavs()[0], tone(400), RATE)
    assert write_features(data, ALL, 1) == (1, 1)
    assert data.read(data.wavs()[1]).params["pitch"].minval == pytest.approx(400, rel=0.02)
    assert write_features(data, Settings(("rmse",), rate=50.0), 1) == (2, 0)


@pytest.mark.slow
def test_two_processes_measure_the_same(tones):
    data = tones
    small = Settings(("rmse", "centroid"), rate=100.0)
    write_features(data, small, 1)
    alone = [data.path_of(wav).read_bytes() for wav in data.wavs()]
    for wav in data.wavs():
        data.path_of(wav).unlink()
    write_features(data, small, 2)
    assert [data.path_of(wav).read_bytes() for wav in data.wavs()] == alone


def test_the_command(capsys, tones):
    code, out, _ = run_cli(capsys, "features", tones.data, tones.params, "--features", "rmse", "--processes", "1")
    assert (code, out) == (0, "measured rmse in 2 sounds; 0 already had them\n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": ("loud",)}, "unknown feature 'loud'.*rmse, centroid, pitch, mfcc"),
        ({"features": ()}, "no features are named; known: rmse, centroid, pitch, mfcc"),
        ({"features": ("rmse",), "rate": 0.0}, "`rate` is 0; it must be above 0 and at most 1000 frames per second"),
        ({"features": ("mfcc",), "n_mfcc": 41}, "`n_mfcc` is 41; it must be 1 to 40"),
        ({"features": ("pitch",), "fmin": 500.0, "fmax": 100.0}, "500 to 100 Hz must start above 0 and rise"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        Settings(**settings)


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (np.zeros(RATE, np.float32), "z.wav is silent: there is nothing to measure"),
        (tone(440, 0.01), r"z.wav lasts 0.010 s, shorter than one frame of 0.064 s"),
    ],
)
def test_sounds_that_cannot_be_measured_stop_it_before_anything_is_written(tones, sound, message):
    write_wav(tones.data / "z.wav", sound, RATE)
    with pytest.raises(InputError, match=message):
        write_features(tones, ALL, 1)
    assert not tones.params.exists()


def test_dc_changes_nothing():
    tone = 0.2 * np.sin(2 * np.pi * 220 * np.arange(16000) / 16000).astype(np.float32)
    plain, shifted = (measure(sound, 16000, Settings(("rmse", "centroid"))) for sound in (tone, tone + np.float32(0.7)))
    for name in plain:
        np.testing.assert_allclose(shifted[name], plain[name], rtol=1e-3, err_msg=name)
