"""Packed models: one file, which every command takes; and files from strangers."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

import mtcrnn
from helpers import run_cli
from live_driver import save_model, save_stereo_model, serve
from mtcrnn.core.errors import InputError
from mtcrnn.runs import folders
from mtcrnn.runs.packing import MOST_RATIO, About, Texts, pack


@pytest.fixture
def packed(tmp_path, capsys) -> Path:
    save_stereo_model(tmp_path / "run")
    words = ("pack", tmp_path / "run", tmp_path / "x.mtcrnn", "--about", "two\ttones", "--licence", "CC0")
    assert run_cli(capsys, *words)[0] == 0
    return tmp_path / "x.mtcrnn"


def content(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def rewritten(path, changes, method=zipfile.ZIP_DEFLATED):
    """A packed model with other files in it; None removes one."""
    files = {**content(path), **changes}
    other = path.with_name("other.mtcrnn")
    with zipfile.ZipFile(other, "w", method) as file:
        for name, data in files.items():
            if data is not None:
                file.writestr(name, data)
    return other


def read(path):
    return folders.read_config(path), folders.read_weights(path)


def test_a_packed_model_makes_the_samples_of_its_run(packed, tmp_path, capsys):
    made = []
    for model in (packed, tmp_path / "run"):
        words = ("--set", "hz=20:80", "gain=0.5", "--length", "3000", "--rand_seed", "3", "--out", tmp_path / "made")
        assert run_cli(capsys, "generate", "--model_dir", model, *words)[0] == 0
        made.append(soundfile.read(tmp_path / "made.wav", dtype="int32")[0])
    np.testing.assert_array_equal(*made)
    again = mtcrnn.render(mtcrnn.load(packed), np.full((20, 2), 0.5), seed=1)
    np.testing.assert_array_equal(again, mtcrnn.render(mtcrnn.load(tmp_path / "run"), np.full((20, 2), 0.5), seed=1))


def test_info_says_what_it_is(packed, capsys):
    code, out, _ = run_cli(capsys, "info", packed)
    assert code == 0
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert ["name", "run"] in lines
    assert ["licence", "CC0"] in lines
    assert ["rate", "16000 Hz, stereo"] in lines
    assert ["parameter", "hz: 10 to 90 Hz, a period: 10*hz"] in lines


def test_play_export_and_bench_take_it(packed, tmp_path, capsys):
    with serve(packed) as served:
        assert served.instrument.models.names == ["run"]
        (model,) = json.loads(served.get("/voice/run")[1])["models"]
        assert (model["about"], model["licence"]) == ("two\ttones", "CC0")
    (tmp_path / "several").mkdir()
    packed.rename(tmp_path / "several" / "one.mtcrnn")
    save_model(tmp_path / "several" / "two")
    with serve(tmp_path / "several") as served:
        assert served.instrument.models.names == ["one.mtcrnn", "two"]
    page = tmp_path / "page.html"
    words = ("export", tmp_path / "several" / "one.mtcrnn", page, "--licence", "mine")
    assert run_cli(capsys, *words)[0] == 0
    assert '"about": "two\\ttones", "licence": "mine"' in page.read_text()


def test_16_bits_are_half_as_large_and_nearly_the_same(packed, tmp_path, capsys):
    half = tmp_path / "half.mtcrnn"
    assert run_cli(capsys, "pack", tmp_path / "run", half, "--bits", "16")[0] == 0
    assert half.stat().st_size < 0.65 * packed.stat().st_size
    whole, rounded = (folders.read_weights(path) for path in (packed, half))
    for name, tensor in whole.items():
        np.testing.assert_allclose(rounded[name], tensor, rtol=1e-3, atol=1e-6)
        assert rounded[name].dtype == np.float32


def test_what_cannot_be_done_with_it_is_said(packed, tmp_path, capsys):
    run = tmp_path / "run"
    for words, message in [
        (["train", "--model_dir", packed, "--num_steps", 1], "is packed: it can be played, but not trained further"),
        (["generate", "--model_dir", packed, "--step", 3], "is a single model: it goes without --step"),
        (["pack", run, tmp_path / "x.zip"], "ends in .mtcrnn"),
        (["pack", run, tmp_path / "y.mtcrnn", "--bits", 8], "bits"),
        (["info", tmp_path / "none.mtcrnn"], "no such model folder"),
    ]:
        code, _, line = run_cli(capsys, *words)
        assert code == 2, words
        assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "x.mtcrnn"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config.json": None}, "is no packed model: it holds"),
        ({"../../evil": b"x"}, "is no packed model: it holds"),
        ({"about.json": b"{}"}, "version None of packed models"),
        ({"about.json": b'{"name": "x", "version": 2}'}, "version 2 of packed models; this mtcrnn reads version 1"),
        ({"about.json": b'{"name": "x", "version": 1, "code": "x"}'}, "unknown key 'code'"),
        ({"about.json": b'{"name": "", "version": 1}'}, "name: 1 to 200 characters"),
        ({"about.json": b"\xff\xfe"}, "broken JSON"),
        ({"config.json": b"[" * 100_000}, "JSON"),
        ({"config.json": b'{"version": 99}'}, "version 99"),
        ({"weights.safetensors": b"\xff" * 64}, "cannot be read as model weights"),
        ({"weights.safetensors": bytes(300_000_000)}, "weights.safetensors would have 300,000,000 bytes, from"),
        ({"about.json": b" " * 1_000_000}, "about.json would have 1,000,000 bytes, from"),
    ],
)
def test_hostile_files_are_refused(packed, changes, message):
    path = rewritten(packed, changes)
    with pytest.raises(InputError) as error:
        read(path)
    assert message in str(error.value)


def test_damaged_files_are_refused(packed):
    whole, rng = packed.read_bytes(), np.random.default_rng(7)
    for attempt in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.integers(1, 20)):
            damaged[place] ^= 1 << rng.integers(8)
        packed.write_bytes(damaged[: rng.integers(1, len(whole))] if attempt % 3 == 0 else damaged)
        try:
            read(packed)
        except InputError as error:
            assert "\n" not in str(error), attempt  # noqa: PT017
    packed.write_text("no zip")
    with pytest.raises(InputError, match="cannot be read as a packed model"):
        folders.read_config(packed)


def test_weights_of_other_kinds_are_refused(packed):
    from safetensors.numpy import save

    path = rewritten(packed, {"weights.safetensors": save({"x": np.zeros(4, np.int64)})})
    with pytest.raises(InputError, match="holds weights as int64"):
        folders.read_weights(path)
    path = rewritten(packed, {"weights.safetensors": save({"x": np.full(4, np.nan, np.float32)})})
    with pytest.raises(InputError, match="x holds NaN"):
        folders.read_weights(path)
    with pytest.raises(InputError, match="above 65504"):
        pack({}, {"x": np.full(4, 1e6, np.float32)}, About("x", Texts(), 16), path)
    assert MOST_RATIO < 1000
