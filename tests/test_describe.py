"""`mtcrnn describe` and `mtcrnn instrument`: recordings without labels become curves, and a page."""

import json

import numpy as np
import pytest

from helpers import run_cli, shorten_evaluation, write_wav
from mtcrnn.data.dataset import ParamManager
from mtcrnn.data.params import ParamFile

RATE = 8000


@pytest.fixture
def folder(tmp_path):
    """Two noises of 12 s whose level and colour wander, each by itself."""
    t = np.arange(12 * RATE) / RATE
    for k in range(2):
        rng = np.random.default_rng(k)
        share = 0.5 + 0.5 * np.sin(2 * np.pi * (0.05 + 0.02 * k) * t)
        dull = np.convolve(rng.standard_normal(len(t)), np.ones(16) / 16, "same") * 4
        level = 10 ** ((-30 + 12 * np.cos(2 * np.pi * (0.09 - 0.03 * k) * t)) / 20)
        sound = level * ((1 - share) * dull + share * rng.standard_normal(len(t)))
        write_wav(tmp_path / "field" / f"{k}.wav", np.clip(sound, -1, 1), RATE)
    return tmp_path / "field"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_table_a_picture_and_what_to_do_next(folder, tmp_path, capsys):
    code, out, _ = run_cli(capsys, "describe", folder)
    assert code == 0
    lines = out.splitlines()
    loudness = next(line for line in lines if line.startswith("loudness"))
    assert " dB " in loudness
    assert "pitch       cannot be read in 2 of 2 recordings" in lines
    assert "averaged over 2 s; drawn: output/field_described.png" in lines
    starred = [line.split()[0] for line in lines if line.endswith(" *")]
    assert 2 <= len(starred) <= 4
    assert lines[-1].startswith(f"next: mtcrnn describe {folder} --write ")
    assert set(lines[-1].split("--write ")[1].split()) == set(starred)
    assert (tmp_path / "output/field_described.png").read_bytes()[:4] == b"\x89PNG"
    assert not list(folder.glob("*.params"))


def test_write_auto_and_json(folder, capsys):
    code, out, _ = run_cli(capsys, "describe", folder, "--json")
    told = json.loads(out)
    assert code == 0
    assert [one["name"] for one in told["measures"]][:2] == ["loudness", "background"]
    code, out, _ = run_cli(capsys, "describe", folder, "--write", "auto", "--rate", "10")
    assert code == 0
    names = told["proposed"]
    assert f"wrote {' '.join(names)} to the param files of 2 recordings" in out
    assert f"next: mtcrnn train --data_dir {folder} --prop {' '.join(names)} --minutes 10" in out
    for wav in sorted(folder.glob("*.wav")):
        file = ParamFile.read(wav.with_suffix(".params"))
        assert set(file.params) == set(names)
        assert file.params[names[0]].times[1] == 0.1
    assert ParamManager(folder).check() == []
    apart = folder.parent / "apart"
    code, out, _ = run_cli(capsys, "describe", folder, "--write", names[0], "--param_dir", apart)
    assert code == 0
    assert f"next: mtcrnn train --data_dir {folder} --param_dir {apart} --prop {names[0]} --minutes 10" in out
    assert len(list(apart.glob("*.params"))) == 2
    code, out, _ = run_cli(capsys, "describe", folder, "--write", names[1], "--param_dir", apart)
    assert f"--param_dir {apart} --prop {names[0]} {names[1]} --minutes 10" in out  # what they had is trained on too


def test_bad_input(folder, tmp_path, capsys):
    for words, message in (
        (["--rate", "0"], "--rate is 0.0; it must be 1 to 100 per second"),
        (["--smooth", "0"], "--smooth is 0.0; it must be 0.01 to 60 seconds"),
        (["--write", "rage"], "rage: no such measure; there are loudness"),
        (["--write", "pitch"], "pitch: it cannot be read in 0.wav, 1.wav"),
        (["--out", "x.exe"], "--out x.exe: the name of a picture must end in"),
    ):
        code, _, error = run_cli(capsys, "describe", folder, *words)
        assert code == 2
        assert message in error, error
    assert not list(folder.glob("*.params"))
    (tmp_path / "empty").mkdir()
    assert "holds no sounds" in run_cli(capsys, "describe", "empty")[2]


@pytest.mark.slow
def test_from_recordings_to_a_page_and_on_after_an_interruption(folder, tmp_path, capsys, monkeypatch):
    shorten_evaluation(monkeypatch)
    words = ["instrument", folder, "--num_steps", "30", "--prop", "brightness", "background"]
    code, out, error = run_cli(capsys, *words)
    assert (code, error.count("mtcrnn: error")) == (0, 0), error
    assert "chose brightness, background: as asked" in out
    assert "2/4 training for 30 steps" in out
    assert "3/4 measuring how the model follows its parameters" in out
    assert "4/4 made output/field/field.html" in out
    assert not list(folder.glob("*.params"))
    for name in ("described.png", "field.html", "params/0.params"):
        assert (tmp_path / "output/field" / name).stat().st_size > 1000, name
    code, again, _ = run_cli(capsys, *words)
    assert code == 0
    assert "1/4 using brightness background, which are in output/field/params" in again
    assert "2/4 using the model that is already in output/field" in again
    code, _, error = run_cli(capsys, "instrument", folder, "--prop", "loudness")
    assert code == 2
    assert "the model in output/field has the parameters brightness, background: --out names another folder" in error


@pytest.mark.slow
def test_labels_are_used_where_there_are_some(folder, capsys, monkeypatch):
    shorten_evaluation(monkeypatch)
    run_cli(capsys, "params", "init", folder)
    run_cli(capsys, "params", "add", folder, "rage", "--times", "0", "12", "--values", "0", "1")
    code, out, _ = run_cli(capsys, "instrument", folder, "--num_steps", "5", "--out", "mine")
    assert code == 0
    assert "1/4 the param files have rage (--prop chooses others" in out
    assert "4/4 made mine/field.html" in out
