import math
import os
import signal
import threading
import time

import numpy as np
import pytest
import torch

from helpers import tiny_config, tiny_model, tiny_train, tone_set
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.runs import checkpoint, folders
from mtcrnn.runs.log import read_log
from mtcrnn.training import run as training
from mtcrnn.training import trainer as trainer_module
from mtcrnn.training.clipping import clip_gradient

TIER, NET = tiny_config().tier, tiny_config().net


def run(tmp_path, **options):
    data = tmp_path / "data"
    if not data.exists():
        tone_set(data)
    return training.train(TIER, NET, tiny_train(data, tmp_path / "run", **options))


def test_a_run_saves_on_checkpoint_and_at_the_end_and_logs(tmp_path):
    saved = run(tmp_path, num_steps=5)
    assert saved == tmp_path / "run" / "model" / "model_5"
    assert folders.steps(saved.parent) == [2, 4, 5]
    assert checkpoint.load(saved).config.step == 5
    log = read_log(tmp_path / "run" / "log" / "traininglog.txt")
    assert [step for step, _ in log["loss"]] == [2, 4, 5]
    for nats, bits in zip(log["loss"], log["bits"], strict=True):
        assert bits[1] == pytest.approx(nats[1] / math.log(2), rel=1e-4)
    assert all(0 < value < 2 * math.log(16) for _, value in log["held_out"])
    assert list((tmp_path / "run" / "log").glob("events.out.tfevents.*"))
    assert '"seq_len": 40' in (tmp_path / "run" / "log" / "args.txt").read_text()


def test_training_learns(tmp_path):
    run(tmp_path, num_steps=120, checkpoint=120, batch_size=16, lr=0.01)
    losses = [value for _, value in read_log(tmp_path / "run" / "log" / "traininglog.txt")["loss"]]
    assert losses[0] > math.log(16) - 0.6
    assert losses[-1] < 0.6 * losses[0]


def test_the_logged_held_out_loss_is_that_of_the_saved_model(tmp_path):
    saved = run(tmp_path)
    model = checkpoint.load(saved)
    corpus = Corpus(TIER, ParamManager(tmp_path / "data"))
    _, held_out = corpus.split(40, 1, "tail")
    batch = corpus.spread(held_out, 3)
    past, targets = torch.from_numpy(batch.values[:, :-1]), torch.from_numpy(batch.values[:, 1:])
    with torch.no_grad():
        raw, _ = model(past, torch.from_numpy(batch.conditioning), model.net.init_state(3))
    expected = torch.nn.functional.cross_entropy(raw.flatten(0, 1), targets.flatten())
    logged = read_log(tmp_path / "run" / "log" / "traininglog.txt")["held_out"][-1][1]
    assert logged == pytest.approx(float(expected), rel=1e-4)


def test_an_output_folder_with_another_run_is_left_alone(tmp_path):
    run(tmp_path)
    with pytest.raises(InputError, match="already holds a run; choose another `output_dir`"):
        run(tmp_path)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_model(tmp_path, monkeypatch):
    whole = training.Trainer._loss
    calls = []

    def poisoned(self, *arguments):
        calls.append(1)
        loss, state = whole(self, *arguments)
        return (loss * float("nan") if len(calls) > 4 else loss), state

    monkeypatch.setattr(training.Trainer, "_loss", poisoned)
    with pytest.raises(InputError, match=r"step 4: the loss is nan .* the last good model is .*model_2; a lower `lr`"):
        run(tmp_path, num_steps=8)
    assert folders.steps(tmp_path / "run" / "model") == [2]


def test_gradients_that_are_never_finite_end_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer_module, "clip_gradient", lambda *_: torch.tensor(float("inf")))
    with pytest.raises(InputError, match="norm inf; stopped; no model was saved yet"):
        run(tmp_path, num_steps=8)
    assert folders.steps(tmp_path / "run" / "model") == []


def test_a_step_whose_gradient_overflows_is_left_out(tmp_path, monkeypatch, caplog):
    """One weight's gradient is infinite in one step: the weights move by Adam's momentum only, and stay finite."""
    norms = []

    def overflowing(weights, most):
        weights = list(weights)
        if len(norms) == 2:
            weights[0].grad[0] = float("inf")
        norms.append(clip_gradient(weights, most))
        return norms[-1]

    monkeypatch.setattr(trainer_module, "clip_gradient", overflowing)
    saved = run(tmp_path, num_steps=8, checkpoint=8)
    assert [bool(norm.isfinite()) for norm in norms] == [k != 2 for k in range(8)]
    assert "step 3: the gradient overflowed; the step was left out" in caplog.text
    for name, weight in checkpoint.load(saved).module.state_dict().items():
        assert weight.isfinite().all(), name


@pytest.mark.parametrize(("size", "clipped"), [(0.1, 0.1), (1.0, 0.5**0.5), (3e30, 0.5**0.5)])
def test_gradients_are_clipped_also_where_their_norm_overflows(size, clipped):
    weights = [torch.nn.Parameter(torch.zeros(n)) for n in (2, 1, 5)]
    weights[0].grad, weights[1].grad = torch.tensor([size, -size]), torch.zeros(1)
    norm = clip_gradient(weights, 1.0)
    assert norm == pytest.approx(min(size, 1e15) * 2**0.5)
    torch.testing.assert_close(weights[0].grad, torch.tensor([clipped, -clipped]))
    assert weights[1].grad == 0


def test_ctrl_c_saves_and_ends(tmp_path, caplog):
    def press():
        while not (tmp_path / "run" / "model" / "model_2").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    saved = run(tmp_path, num_steps=100000, checkpoint=2)
    presser.join()
    assert "stopped by hand after step" in caplog.text
    assert checkpoint.load(saved).config.step < 100000
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_training_below_full_teacher_forcing_runs(tmp_path):
    saved = run(tmp_path, tfr=0.7)
    assert checkpoint.load(saved).config.step == 4


def test_runs_without_conditioning_and_with_one_hot_input(tmp_path):
    tone_set(tmp_path / "data")
    tier = Tier(sample_rate=1000, mulaw_channels=16, onehot=True)
    saved = training.train(tier, Net(hidden_size=8, n_layers=1), tiny_train(tmp_path / "data", tmp_path / "run"))
    assert checkpoint.load(saved).module.state_dict()["inward.weight"].shape == (8, 16)


def test_a_carried_state_is_the_one_that_the_window_before_ended_with(tmp_path):
    """A carried run over one file reads as one long window: the end states are those of reading from its start."""
    data = tone_set(tmp_path / "data", files=1, seconds=4.0)
    corpus = Corpus(TIER, ParamManager(data))
    options = tiny_train(data, tmp_path / "run", batch_size=2, holdout="none", lr=1e-30)
    trainer = training.Trainer(tiny_model(), corpus, options, tmp_path / "run")
    begun = None
    for step in range(1, 9):
        trainer._step(step)
        if trainer.streams.fresh[0]:
            begun = int(trainer.streams.starts[0])
    end = int(trainer.streams.starts[0]) + 40
    batch = corpus.gather(np.array([begun]), end - begun)
    model = trainer.model
    with torch.no_grad():
        x = model.inputs(torch.from_numpy(batch.values[:, :-1]), torch.from_numpy(batch.conditioning))
        _, whole = model.net(x, model.net.init_state(1))
    assert end - begun >= 80
    torch.testing.assert_close(trainer.carried[0][:, :1], whole[0], rtol=1e-4, atol=1e-5)


def test_a_net_that_jumps_reads_on_from_what_it_has_heard(tmp_path):
    """The first value that a window reads is the last target of the one before, also at a jump to elsewhere."""
    data = tone_set(tmp_path / "data", files=3, seconds=4.0)
    corpus = Corpus(TIER, ParamManager(data))
    options = tiny_train(data, tmp_path / "run", jumps=0.5)
    trainer = training.Trainer(tiny_model(), corpus, options, tmp_path / "run")
    before, jumps = None, 0
    for step in range(1, 30):
        batch, _ = trainer._next_batch(step)
        streams = trainer.streams
        if before is not None:
            on = ~streams.fresh
            assert (batch.inputs[on, 0] == before[on]).all()
            jumps += (streams.before != streams.starts).sum()
        before = batch.values[:, -1]
    assert jumps > 10


def test_runs_without_carried_state(tmp_path):
    assert checkpoint.load(run(tmp_path, carry=False)).config.step == 4


@pytest.mark.parametrize("net", ["gru", "phased-lstm", "mixture", "split-variables-shared"])
def test_mixed_precision_is_close_to_float32(tmp_path, net):
    data = tone_set(tmp_path / "data")
    generate = ("audio",) if net in ("gru", "phased-lstm") else ("gain",)
    tier = Tier(generate, prop=("pitch",), sample_rate=1000 if generate == ("audio",) else 200, mulaw_channels=16)
    found = []
    for precision in ("float32", "bf16"):
        options = tiny_train(data, tmp_path / precision, precision=precision, tfr=0.8, num_steps=6, seq_len=20)
        training.train(tier, Net(net, hidden_size=8, n_layers=1), options)
        found.append([v for _, v in read_log(tmp_path / precision / "log" / "traininglog.txt")["loss"]])
    assert found[0] != found[1]
    np.testing.assert_allclose(found[1], found[0], atol=0.03)


def test_a_held_out_loss_that_rises_again_is_told(tmp_path, monkeypatch, caplog):
    losses = iter([2.0, 1.5, 1.9])
    monkeypatch.setattr(training.Trainer, "held_out_loss", lambda _: next(losses))
    run(tmp_path, num_steps=6)
    assert "the held-out loss was lowest at step 4 (1.500) and is 1.900 now" in caplog.text


@pytest.mark.parametrize(
    ("tier", "net", "options", "message"),
    [
        ({}, {}, {"seq_len": 40}, "`seq_len` 40 is not a multiple of `frame_size` 16"),
        ({"generate": ("pitch",), "prop": ()}, {}, {}, "`net` frame generates audio, not parameters"),
        ({"onehot": True}, {}, {}, "`onehot` is for other nets: frame reads its newest code as one-hot in any case"),
    ],
)
def test_what_does_not_go_with_the_frame_net(tmp_path, tier, net, options, message):
    data = tone_set(tmp_path / "data")
    tier = Tier(**{"prop": ("pitch",), "sample_rate": 1000, "mulaw_channels": 16, **tier})
    with pytest.raises(InputError, match=message):
        training.train(tier, Net("frame", 8, 1, **net), tiny_train(data, tmp_path / "run", **options))
    assert not (tmp_path / "run" / "model").exists()


def test_a_frame_has_samples():
    with pytest.raises(InputError, match="`frame_size` is 0; it must be above 0"):
        Net("frame", frame_size=0)


def test_frames_belong_to_the_frame_net(tmp_path):
    with pytest.raises(InputError, match="`scored_frames` 2 is for the net frame, not for gru"):
        run(tmp_path, scored_frames=2)


def test_scored_frames_are_a_sample_of_the_whole(tmp_path):
    """The loss over drawn frames is that of those frames in the whole window, by their weights."""
    options = tiny_train(
        tone_set(tmp_path / "data"), tmp_path / "run", seq_len=64, scored_frames=5, precision="float32"
    )
    tier = tiny_config().tier
    corpus = Corpus(tier, ParamManager(tmp_path / "data"))
    model = new_model(ModelConfig(tier, Net("frame", 8, 2, frame_size=4), corpus.ranges), 3)
    trainer = training.Trainer(model, corpus, options, tmp_path / "run")
    batch, state = trainer._next_batch(1)
    values, conditions, _ = trainer._to_device(batch)
    raw, after = model(values[:, :-1], conditions, state)
    rows, all_losses = torch.arange(len(values))[:, None], model.distribution.losses(raw, values[:, 1:])
    for step in range(1, 20):
        frames, weights = trainer._scored(batch, step)
        loss, own_after = trainer._loss(values[:, :-1], conditions, values[:, 1:], state, (frames, weights))
        steps = (4 * frames[..., None] + torch.arange(4)).flatten(1)
        expected = (all_losses[rows, steps] * weights.repeat_interleave(4, dim=1)).mean()
        torch.testing.assert_close(loss, expected)
        for one, other in zip(after, own_after, strict=True):
            torch.testing.assert_close(one, other)
    for one, other in zip(trainer._scored(batch, 7), trainer._scored(batch, 7), strict=True):
        assert one.equal(other)
