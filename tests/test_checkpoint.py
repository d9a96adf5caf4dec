import json

import pytest

from helpers import tiny_model
from mtcrnn.core.errors import InputError
from mtcrnn.runs import checkpoint, folders


def saved(folder, *steps):
    import dataclasses

    model = tiny_model()
    for step in steps:
        model.config = dataclasses.replace(model.config, step=step)
        checkpoint.save(folder / "model", model, b"a state")
    return model


def test_a_model_comes_back_as_it_was(tmp_path):
    model = saved(tmp_path, 3)
    back = checkpoint.load(tmp_path / "model" / "model_3")
    assert back.config == model.config
    ours, theirs = model.module.state_dict(), back.module.state_dict()
    assert all((ours[k] == theirs[k]).all() for k in ours)
    names = sorted(p.name for p in (tmp_path / "model").rglob("*"))
    assert names == ["config.json", "model_3", "train_state_3.pt", "weights.safetensors"]


def test_find_takes_run_model_and_step_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "output" / "x", 2, 10)
    for given in ("x", "x/model", "output/x", "output/x/model", "output/x/model/model_10"):
        assert folders.find(given).name == "model_10"
    assert folders.find("x", 2).name == "model_2"


def test_find_says_what_is_there(tmp_path):
    saved(tmp_path / "x", 2, 10)
    with pytest.raises(InputError, match="has no model of step 3; it has steps 2, 10"):
        folders.find(str(tmp_path / "x"), 3)
    with pytest.raises(InputError, match=r"nowhere: no such model folder"):
        folders.find(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("")
    with pytest.raises(InputError, match=r"empty holds no models \(folders named model_STEP\); it holds a\.txt"):
        folders.find(str(tmp_path / "empty"))


def edit(tmp_path, change):
    path = tmp_path / "model" / "model_3" / "config.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return checkpoint.load(path.parent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(version=9), "version 9; this mtcrnn reads versions 1 to 6"),
        (
            lambda c: c["tier"].update(sample_rat=1),
            r"config\.json: unknown key 'sample_rat' \(did you mean 'sample_rate'\?\); known: generate, prop",
        ),
        (lambda c: c["tier"].update(sample_rate="fast"), r"tier\.sample_rate: input should be a valid integer"),
        (
            lambda c: (
                c.update(version=4, ranges={"a": {"low": 0, "high": 1}}),
                c["tier"].update(prop=["a"], period=["a=1"]),
                c["net"].update(net="frame"),
            ),
            "a model with periods by an earlier version, which read other numbers: train it again",
        ),
        (lambda c: c.pop("net"), "net: .*required"),
        (lambda c: c["tier"].update(prop=["a", "a"]), "`prop` names a twice"),
        (lambda c: c["net"].update(hidden_size=9), r"does not fit the model: inward\.weight is \[8, 2\], not \[9, 2\]"),
        (lambda c: c["net"].update(n_layers=3), r"gru\.weight_ih_l2 is missing"),
        (lambda c: c["net"].update(n_layers=1), r"gru\.weight_ih_l1 is not known"),
        (lambda c: c["net"].update(net="x"), "unknown net 'x'"),
        (lambda c: c["net"].update(lpc_order=16), "lpc_order is 16, but linear prediction is no longer supported"),
    ],
)
def test_configs_are_read_strictly(tmp_path, change, message):
    saved(tmp_path, 3)
    with pytest.raises(InputError, match=message):
        edit(tmp_path, change)


def test_a_config_of_mtcrnn_0_1_without_linear_prediction_is_read(tmp_path):
    model = saved(tmp_path, 3)
    assert edit(tmp_path, lambda c: c["net"].update(lpc_order=0)).config == model.config


def test_broken_weights_are_one_line(tmp_path):
    saved(tmp_path, 3)
    path = tmp_path / "model" / "model_3" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"weights\.safetensors cannot be read as model weights"):
        checkpoint.load(path.parent)


def test_a_full_disk_leaves_the_previous_model_whole(tmp_path, monkeypatch):
    import errno
    import os

    saved(tmp_path, 3)

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    flush, calls = os.fsync, []
    for fails_at in (1, 3):  # while the training state is written; while the weights are
        calls.clear()
        monkeypatch.setattr(os, "fsync", lambda h: (calls.append(h), full(h) if len(calls) > fails_at else flush(h)))  # noqa: B023
        with pytest.raises(InputError, match="No space left on device"):
            saved(tmp_path, 4)
    monkeypatch.undo()
    assert folders.find(str(tmp_path)).name == "model_3"
    checkpoint.load(tmp_path / "model" / "model_3")
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["model_3", "train_state_3.pt"]
