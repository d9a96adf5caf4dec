"""Exact resume: N steps, an end, and N more equal 2N steps, bit for bit."""

import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from helpers import run_cli, tiny_config, tiny_train, tone_set
from mtcrnn.config.nets import Net
from mtcrnn.core.errors import InputError
from mtcrnn.runs import checkpoint, folders
from mtcrnn.training import run as training

TIER, NET = tiny_config().tier, tiny_config().net


def weights(folder, step):
    return checkpoint.load(folder / "model" / f"model_{step}").module.state_dict()


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert (a[name] == b[name]).all(), name


@pytest.fixture
def data(tmp_path):
    return tone_set(tmp_path / "data")


@pytest.mark.parametrize("net", [NET, Net("frame", 8, 2, frame_size=8)], ids=["gru", "frame"])
@pytest.mark.parametrize(
    "options", [{}, {"carry": False}, {"tfr": 0.6}, {"input_noise": 0.1}], ids=["carried", "plain", "sampled", "noisy"]
)
def test_two_halves_equal_the_whole(tmp_path, data, options, net):
    training.train(TIER, net, tiny_train(data, tmp_path / "whole", num_steps=8, checkpoint=4, **options))
    training.train(TIER, net, tiny_train(data, tmp_path / "halves", num_steps=4, checkpoint=4, **options))
    saved = training.resume(str(tmp_path / "halves"), 0, {}, {}, {})
    assert saved.name == "model_8"
    assert_same(weights(tmp_path / "whole", 8), weights(tmp_path / "halves", 8))


def test_two_halves_equal_the_whole_with_scored_frames(tmp_path, data):
    net = Net("frame", 8, 1, frame_size=4)
    options = {"seq_len": 32, "scored_frames": 3, "checkpoint": 4}
    training.train(TIER, net, tiny_train(data, tmp_path / "whole", num_steps=8, **options))
    training.train(TIER, net, tiny_train(data, tmp_path / "halves", num_steps=4, **options))
    training.resume(str(tmp_path / "halves"), 0, {}, {}, {})
    assert_same(weights(tmp_path / "whole", 8), weights(tmp_path / "halves", 8))


def test_an_unfinished_run_goes_on_to_its_planned_end(tmp_path, data):
    training.train(TIER, NET, tiny_train(data, tmp_path / "run", num_steps=8, checkpoint=2))
    whole = weights(tmp_path / "run", 8)
    saved = training.resume(str(tmp_path / "run"), 4, {}, {}, {})  # as if it had ended behind step 4
    assert saved.name == "model_8"
    assert_same(whole, weights(tmp_path / "run", 8))
    assert (tmp_path / "run" / "model" / "model_8.previous-1").is_dir()
    log = (tmp_path / "run" / "log" / "traininglog.txt").read_text().splitlines()
    assert [row.split("\t")[0] for row in log[1:]] == ["2", "4", "6", "8"]


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(tmp_path, data):
    """SIGKILL at a random moment; docs/log.md tells of more of them."""
    seed = random.randrange(2**32)
    words = ["train", "--data_dir", data, "--prop", "pitch", "--sample_rate", 1000, "--mulaw_channels", 16]
    words += ["--hidden_size", 8, "--num_steps", 60, "--checkpoint", 3, "--seq_len", 48, "--batch_size", 3]
    words = [sys.executable, "-m", "mtcrnn", *map(str, words), "--output_dir"]
    done = subprocess.run([*words, tmp_path / "whole"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    running = subprocess.Popen([*words, tmp_path / "killed"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not folders.steps(tmp_path / "killed" / "model"):
        assert running.poll() is None
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0, 0.3))
    running.send_signal(signal.SIGKILL)
    running.wait()
    for step in folders.steps(tmp_path / "killed" / "model"):
        checkpoint.load(tmp_path / "killed" / "model" / f"model_{step}")
    saved = training.resume(str(tmp_path / "killed"), 0, {}, {}, {})
    if saved.name != "model_60":  # it had ended before the kill, so it went on for another 60
        assert saved.name == "model_120", seed
    assert_same(weights(tmp_path / "whole", 60), weights(tmp_path / "killed", 60))


def test_the_command_needs_no_flag_repeated_and_checks_those_that_are(tmp_path, data, capsys):
    training.train(TIER, NET, tiny_train(data, tmp_path / "run"))
    code, out, err = run_cli(capsys, "train", "--model_dir", tmp_path / "run", "--num_steps", 3)
    assert code == 0, err
    assert "model_7" in out
    cases = {
        "--hidden_size 9": "--hidden_size is 9, but the model has 8",
        "--prop gain": "--prop is gain, but the model has pitch",
        "--cond_size 2": "--cond_size is 2, but it must be 1",
        "--step 5": "has no model of step 5; it has steps 2, 4, 6, 7",
        "--tfr 2": "--tfr is 2.0; it must be 0 to 1",
    }
    for words, message in cases.items():
        code, _, err = run_cli(capsys, "train", "--model_dir", tmp_path / "run", *words.split())
        assert code == 2, words
        assert message in err
    code, _, err = run_cli(capsys, "train", "--data_dir", data, "--step", 3)
    assert "--step 3 needs --model_dir" in err


def test_data_that_lacks_a_parameter(tmp_path, data):
    training.train(TIER, NET, tiny_train(data, tmp_path / "run"))
    (data / "tone1.params").write_text('{"gain": {"times": [0, 1], "values": [0, 1]}}')
    with pytest.raises(InputError, match=r"tone1\.params has no parameter 'pitch'; it has gain"):
        training.resume(str(tmp_path / "run"), 0, {}, {}, {})


def test_damaged_and_foreign_training_states(tmp_path, data):
    saved = training.train(TIER, NET, tiny_train(data, tmp_path / "run"))
    state = saved.parent / "train_state_4.pt"
    whole = state.read_bytes()
    for content, message in (
        (whole[: len(whole) // 2], "train_state_4.pt is damaged, or not a training state"),
        (b"hello", "train_state_4.pt is damaged, or not a training state"),
    ):
        state.write_bytes(content)
        with pytest.raises(InputError, match=message):
            training.resume(str(saved), 0, {}, {}, {})
    torch.save({"x": 1}, state)
    with pytest.raises(
        InputError, match="is not a training state: it must hold best, carried, data, elapsed, end, optimiser, train"
    ):
        training.resume(str(saved), 0, {}, {}, {})
    state.unlink()
    with pytest.raises(InputError, match=r"can be played but not resumed: train_state_4\.pt is not next to it"):
        training.resume(str(saved), 0, {}, {}, {})


def test_a_training_state_that_wants_to_run_code_is_refused(tmp_path, data):
    class Evil:
        def __reduce__(self):
            return (__import__("os").mkdir, (str(tmp_path / "hacked"),))

    saved = training.train(TIER, NET, tiny_train(data, tmp_path / "run"))
    torch.save({"x": Evil()}, saved.parent / "train_state_4.pt")
    with pytest.raises(InputError, match="is damaged, or not a training state"):
        training.resume(str(saved), 0, {}, {}, {})
    assert not (tmp_path / "hacked").exists()
