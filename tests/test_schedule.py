"""How long a run takes, and what moves with it: by steps, by the clock, by both."""

import pytest
import torch

from helpers import run_cli, tiny_config, tiny_train, tone_set
from mtcrnn.config.nets import Net
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.models import devices
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.runs import checkpoint, folders
from mtcrnn.training import run as training
from mtcrnn.training import schedule, trainer
from mtcrnn.training.schedule import Schedule

TIER = tiny_config().tier


@pytest.fixture
def clock(monkeypatch):
    """A clock in seconds that the test moves."""
    now = [100.0]
    monkeypatch.setattr(schedule.time, "perf_counter", lambda: now[0])
    return now


def test_by_steps():
    by_steps = Schedule(11, None)
    assert [by_steps.progress(step) for step in (1, 6, 11, 12)] == [0.0, 0.5, 1.0, 1.0]
    assert by_steps.at(6, 1.0, 0.0) == 0.5
    assert by_steps.at(6, 1.0, None) == 1.0
    assert by_steps.last_step(3) == 11
    assert not by_steps.time_is_up


def test_what_is_no_training_is_left_out(clock):
    schedule = Schedule(None, 2.0)
    schedule.start()
    clock[0] += 60.0
    schedule.exclude(45.0)
    schedule.read_clock(lambda seconds: seconds)
    assert schedule.elapsed == 15.0


def test_by_the_clock(clock):
    by_clock = Schedule(None, 2.0, elapsed=30.0)
    by_clock.start()
    clock[0] += 30.0
    by_clock.read_clock(lambda seconds: seconds)
    assert (by_clock.elapsed, by_clock.progress(1), by_clock.progress(1000)) == (60.0, 0.5, 0.5)
    assert by_clock.last_step(50) == 100
    assert Schedule(None, 2.0).last_step(1) is None
    clock[0] += 61.0
    by_clock.read_clock(lambda seconds: seconds)
    assert by_clock.time_is_up
    assert by_clock.at(7, 1.0, 0.1) == pytest.approx(0.1)


def test_with_both_the_one_that_is_further_counts(clock):
    both = Schedule(101, 1.0)
    both.start()
    clock[0] += 30.0
    both.read_clock(lambda seconds: seconds)
    assert both.progress(11) == 0.5
    assert both.progress(76) == 0.75
    assert both.last_step(20) == 40
    assert both.last_step(75) == 101


def test_several_processes_agree_on_the_time(clock):
    run = Schedule(None, 1.0)
    run.start()
    clock[0] += 2.0
    run.read_clock(lambda seconds: seconds + 40.0)
    assert run.elapsed == 42.0


def test_a_run_by_the_clock_ends_resumes_and_goes_on(tmp_path, monkeypatch, clock):
    """Each step takes 6 s of a minute: the rate falls to its end, and what is left is left after a stop."""
    data = tone_set(tmp_path / "data")
    whole = training.Trainer._step
    rates = []

    def step(self, number):
        clock[0] += 6.0
        rates.append(self.learning_rate(number))
        return whole(self, number)

    monkeypatch.setattr(training.Trainer, "_step", step)
    options = {"num_steps": None, "minutes": 1.0, "lr": 0.01, "lr_final": 0.0, "checkpoint": 4}
    saved = training.train(TIER, tiny_config().net, tiny_train(data, tmp_path / "run", **options))
    assert saved.name == "model_10"
    assert rates == pytest.approx([0.01 * (1 - k / 10) for k in range(10)])
    state = checkpoint.load_train_state(saved)
    assert (state.end, state.elapsed) == (None, pytest.approx(60.0))

    rates.clear()
    saved = training.resume(str(tmp_path / "run"), 4, {}, {}, {})  # as if killed behind step 4
    assert saved.name == "model_10"
    assert rates[0] == pytest.approx(0.01 * (1 - 4 / 10))
    assert training.resume(str(tmp_path / "run"), 0, {}, {}, {}).name == "model_20"  # another minute
    assert training.resume(str(tmp_path / "run"), 0, {}, {"minutes": 0.3}, {}).name == "model_23"
    assert training.resume(str(tmp_path / "run"), 0, {}, {"num_steps": 2}, {}).name == "model_25"


def test_minutes_alone_set_no_limit_of_steps(tmp_path, capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(training, "train", lambda tier, net, options: seen.append((net, options)) or _saved(tmp_path))
    data = str(tone_set(tmp_path / "data"))
    for more in ([], ["--minutes", "3"], ["--minutes", "3", "--num_steps", "70"], ["--net", "gru"]):
        code, _, error = run_cli(capsys, "train", "--data_dir", data, *more)
        assert code == 0, error
    assert [(o.num_steps, o.minutes) for _, o in seen] == [(8000, None), (None, 3.0), (70, 3.0), (1000, None)]
    assert [(n.net, o.batch_size) for n, o in seen] == [("frame", 8)] * 3 + [("gru", 64)]


def _saved(folder):
    model = new_model(tiny_config(), 1)
    checkpoint.save(folder / "model", model)
    return folders.model_path(folder / "model", 0)


def test_a_run_needs_an_end():
    with pytest.raises(InputError, match="a run needs `num_steps` or `minutes`"):
        Train(num_steps=None)


@pytest.mark.parametrize(
    ("able", "net", "mixed"), [(True, "frame", True), (False, "frame", False), (True, "gru", False)]
)
def test_arithmetic_is_mixed_where_the_hardware_is_made_for_it(tmp_path, monkeypatch, able, net, mixed):
    monkeypatch.setattr(trainer, "has_bf16", lambda device: able)
    options = tiny_train(tone_set(tmp_path / "data"), tmp_path / "run", precision="auto")
    corpus = Corpus(TIER, ParamManager.at(options.data_dir, None))
    model = new_model(ModelConfig(TIER, Net(net, 8, 1, frame_size=4), corpus.ranges), 1)
    assert training.Trainer(model, corpus, options, tmp_path / "run").mixed is mixed


def test_what_the_cpu_says_of_itself(monkeypatch):
    for able in ({"avx512_bf16": True}, {"amx_bf16": True}, {"avx512_f": True}, {}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able, raising=False)
        assert devices.has_bf16(torch.device("cpu")) is any("bf16" in name for name in able)
    devices.keep_freed_memory()
