"""What `params check` finds, and labels in names."""

import json

import numpy as np
import pytest

from helpers import run_cli, tone_set, write_params, write_wav
from mtcrnn.core.errors import InputError
from mtcrnn.data.check import inspect
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.labels import labels_of, read_labels

TONE = 0.5 * np.sin(np.arange(2000) / 3)


def problems(folder):
    return inspect(ParamManager(folder)).problems


@pytest.mark.parametrize(
    ("times", "values", "found"),
    [
        ([0, 2000], [0, 1], "p: its times run to 2000, but the sound lasts 2 s: times are in seconds"),
        ([0, 2000], [1, 1], "p: its times run to 2000, but the sound lasts 2 s: times are in seconds"),
        ([0, 3], [0, 1], "p: its times run to 3 s, but the sound lasts 2 s"),
        ([-1, 2], [0, 1], "p: its times begin at -1, before the sound"),
    ],
)
def test_times_that_do_not_fit_the_sound(tmp_path, times, values, found):
    write_wav(tmp_path / "a.wav", TONE)
    write_params(tmp_path / "a.params", p=(times, values))
    assert problems(tmp_path) == [f"{tmp_path / 'a.params'}: {found}"]


@pytest.mark.parametrize(("times", "values"), [([0, 10], [1, 1]), ([0, 2.05], [0, 1]), ([0, 0.5], [0, 1])])
def test_times_that_do(tmp_path, times, values):
    write_wav(tmp_path / "a.wav", TONE)
    write_params(tmp_path / "a.params", p=(times, values))
    assert problems(tmp_path) == []


def test_units_that_differ_and_names_that_cannot_be(tmp_path):
    for name, units in (("a", "Hz"), ("b", "kHz"), ("c", None)):
        write_wav(tmp_path / f"{name}.wav", TONE)
        own = {"times": [0, 1], "values": [1, 2], **({"units": units} if units else {})}
        write_params(tmp_path / f"{name}.params", p=own, **{"@x": own})
    assert problems(tmp_path) == [
        "'@x' cannot be a parameter's name: no spaces, '=' or ',', no '@' at the beginning, and not 'meta' or 'audio'",
        "parameter '@x' has different units: Hz, kHz",
        "parameter 'p' has different units: Hz, kHz",
    ]


def test_a_key_that_stands_twice_and_a_byte_order_mark(tmp_path):
    write_wav(tmp_path / "a.wav", TONE)
    curve = '{"times": [0, 1], "values": [1, 2]}'
    (tmp_path / "a.params").write_text(f'{{"p": {curve}, "p": {curve}}}')
    assert problems(tmp_path) == [f"{tmp_path / 'a.params'}: broken JSON: the key 'p' occurs twice"]
    (tmp_path / "a.params").write_text(f'\ufeff{{"p": {curve}}}', encoding="utf-8")
    assert problems(tmp_path) == []


def test_two_sounds_of_one_name(tmp_path):
    write_wav(tmp_path / "a.wav", TONE)
    write_wav(tmp_path / "a.aiff", TONE)
    write_params(tmp_path / "a.params", p=([0, 1], [1, 1]))
    shared = f"{tmp_path / 'a.wav'} shares a.params with another sound of the same name"
    assert inspect(ParamManager(tmp_path)).remarks == [shared]


def test_param_files_that_are_read_only_or_links(tmp_path, capsys):
    data = tone_set(tmp_path / "data", files=2)
    words = ["params", "add", data, "g", "--times", 0, 1, "--values", 0, 1]
    (data / "tone1.params").chmod(0o444)
    before = (data / "tone0.params").read_text()
    code, _, error = run_cli(capsys, *words)
    assert (code, error) == (2, f"mtcrnn: error: {data / 'tone1.params'} is read-only; nothing was changed")
    assert (data / "tone0.params").read_text() == before
    (data / "tone1.params").chmod(0o640)
    (data / "tone0.params").rename(tmp_path / "common.json")
    (data / "tone0.params").symlink_to(tmp_path / "common.json")
    assert run_cli(capsys, *words)[0] == 0
    assert (data / "tone0.params").is_symlink()
    assert "g" in json.loads((tmp_path / "common.json").read_text())
    assert (data / "tone1.params").stat().st_mode & 0o777 == 0o640


def test_labels_of_all_spellings():
    assert labels_of("a_p1e-3_q-2_r.5_s1.") == {"p": 0.001, "q": -2, "r": 0.5, "s": 1}
    assert labels_of("a--cf--0.5--v-2e2") == {"cf": -0.5, "v": 200}
    assert labels_of("brass_acoustic_018_take2b") == {}
    for stem, message in {
        "a_p1_p2": "the label 'p' occurs twice, with 1 and 2",
        "a_p1,5": "'p1,5' looks like a label",
        "a_p1e-": "'p1e-' looks like a label",
        "a_p1.2.3": "'p1.2.3' looks like a label",
        "a_meta3": "'meta' cannot be a parameter's name",
        "a--audio-3": "'audio' cannot be a parameter's name",
        "a_p1e999": "'1e999' is not a number, for 'p'",
    }.items():
        with pytest.raises(InputError, match=message):
            labels_of(stem)


def test_a_dash_before_all_numbers_is_no_minus(tmp_path, caplog):
    dashed = [tmp_path / "tone_freq-440_x-1.wav", tmp_path / "tone_freq-880_x2.wav"]
    assert list(read_labels(dashed).values()) == [{"freq": 440, "x": -1}, {"freq": 880, "x": 2}]
    assert "freq: the dash before each number is not read as a minus sign" in caplog.text
    assert "x:" not in caplog.text
