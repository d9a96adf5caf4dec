import json

import pytest

from helpers import run_cli, tiny_model
from mtcrnn.evaluation import bench
from mtcrnn.runs import checkpoint

pytestmark = pytest.mark.slow


def quick(monkeypatch):
    monkeypatch.setattr(bench, "REPEAT_SECONDS", 0.001)
    monkeypatch.setattr(bench, "REPEATS", 1)


def test_engine_and_reference_stand_side_by_side(tmp_path, capsys, monkeypatch):
    quick(monkeypatch)
    saved = checkpoint.save(tmp_path / "model", tiny_model())
    code, out, err = run_cli(capsys, "bench", saved, "--batch_size", 1, 2, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["machine"]["cpu"]
    assert [(row["backend"], row["precision"], row["batch"]) for row in found["rows"]] == [
        ("engine", "float32", 1),
        ("engine", "float32", 2),
        ("engine", "int16", 1),
        ("engine", "int16", 2),
        ("engine", "int8", 1),
        ("engine", "int8", 2),
        ("torch", "float32", 1),
        ("torch", "float32", 2),
    ]
    for row in found["rows"]:
        assert row["rtf"] * row["batch"] * 1000 == pytest.approx(row["samples_per_s"])  # the model is at 1000 Hz
        assert (row["first_sample_s"] is None) == (row["backend"] == "torch")


def test_without_a_model_there_are_standard_sizes(capsys, monkeypatch):
    quick(monkeypatch)
    monkeypatch.setattr(bench, "STANDARD", ((1, 8),))
    code, out, err = run_cli(capsys, "bench", "--batch_size", 1)
    assert code == 0, err
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["1x8", "engine", "float32"],
        ["1x8", "engine", "int16"],
        ["1x8", "engine", "int8"],
        ["1x8", "torch", "float32"],
    ]


def test_bad_input(capsys):
    code, _, err = run_cli(capsys, "bench", "--batch_size", 0)
    assert (code, err) == (2, "mtcrnn: error: --batch_size is 0; it must be above 0 and at most 4096")
    code, _, err = run_cli(capsys, "bench", "nowhere")
    assert (code, err) == (2, "mtcrnn: error: nowhere: no such model folder")
