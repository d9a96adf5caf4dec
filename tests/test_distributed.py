"""Two processes with batch B are one with 2 B, and each goes on where the other stopped."""

import os
import random
import subprocess
import sys

import pytest
import torch

from helpers import tone_set
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError
from mtcrnn.core.processes import ProcessRank, process_rank
from mtcrnn.models.devices import choose_device
from mtcrnn.runs import checkpoint
from mtcrnn.runs.log import read_log
from mtcrnn.training import run as training
from mtcrnn.training.distributed import World

B = 3
OPTIONS = {"seq_len": 20, "checkpoint": 3, "tfr": 0.8, "input_noise": 0.05, "lr_final": 0.0005, "holdout": "none"}


def alone(data, out, steps):
    options = Train(data_dir=str(data), output_dir=str(out), num_steps=steps, batch_size=2 * B, **OPTIONS)
    tier = Tier(prop=("pitch",), sample_rate=1000, mulaw_channels=16)
    return training.train(tier, Net(hidden_size=8, n_layers=2), options)


def launched(*words):
    """`mtcrnn train WORDS` in two processes, as `torchrun` starts them."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", free_port()]
    done = subprocess.run([*command, "-m", "mtcrnn", "train", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def sruns(*words):
    """The same, as Slurm's `srun` starts them."""
    step = {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_JOB_ID": str(random.randrange(9999)),
    }
    tasks = [
        subprocess.Popen(
            [sys.executable, "-m", "mtcrnn", "train", *map(str, words)],
            env={**os.environ, **step, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    told = [task.communicate() for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], told
    assert told[0][0].startswith("saved")
    assert told[1][0] == ""


def free_port():
    return str(random.randrange(20000, 30000))


def losses(folder):
    return dict(read_log(folder / "log" / "traininglog.txt")["loss"])


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch_and_resume_each_others_models(tmp_path):
    data = tone_set(tmp_path / "data")
    whole, split = tmp_path / "whole", tmp_path / "split"
    alone(data, whole, 9)
    words = ["--data_dir", data, "--prop", "pitch", "--sample_rate", 1000, "--mulaw_channels", 16]
    words += ["--net", "gru", "--hidden_size", 8]
    for name, value in OPTIONS.items():
        words += [f"--{name}", value]
    launched(*words, "--batch_size", B, "--num_steps", 9, "--output_dir", split)
    expected = losses(whole)
    assert losses(split) == pytest.approx(expected, rel=1e-5)
    assert sorted(path.name for path in split.iterdir()) == [".lock", "log", "model"]
    # on from one's own model with two processes, and from the two processes' model alone
    sruns("--model_dir", whole, "--step", 3, "--batch_size", B)
    assert losses(whole) == pytest.approx(expected, rel=1e-5)
    training.resume(str(split), 3, {}, {"batch_size": 2 * B}, {})
    assert losses(split) == pytest.approx(expected, rel=1e-5)
    for name, weight in checkpoint.load(whole / "model" / "model_9").module.state_dict().items():
        other = checkpoint.load(split / "model" / "model_9").module.state_dict()[name]
        torch.testing.assert_close(weight, other, rtol=1e-4, atol=1e-5)


def test_another_batch_size_begins_with_fresh_states(tmp_path, caplog):
    data = tone_set(tmp_path / "data")
    alone(data, tmp_path / "run", 3)
    training.resume(str(tmp_path / "run"), 0, {}, {"batch_size": 4, "num_steps": 1}, {})
    assert "the batch had 6 windows and has 4 now: carried states start over" in caplog.text


def test_the_place_of_a_process(monkeypatch):
    for name in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    assert process_rank() == ProcessRank(0, 1, 0)
    for name, value in {"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1"}.items():
        monkeypatch.setenv(name, value)
    assert process_rank() == ProcessRank(5, 8, 1)
    for name, value in {"WORLD_SIZE": "4", "RANK": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    assert process_rank() == ProcessRank(2, 4, 0)


def test_a_lost_process_ends_the_others_with_one_line(monkeypatch):
    def broken(tensor):
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(torch.distributed, "all_reduce", broken)
    with pytest.raises(InputError, match="another process of this run has ended"):
        World(0, 2).any(False)


def test_devices_that_are_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="`device` cuda: torch finds no GPU here; leave it out, or install a CUDA"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == torch.device("cpu")
