"""Tiers that generate parameters: in the user's units from end to end."""

import numpy as np
import pytest

from helpers import run_cli, tone_set, write_params, write_wav
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.training.run import Trainer

SMALL = ["--sample_rate", 50, "--hidden_size", 8, "--n_layers", 1, "--seq_len", 20, "--batch_size", 3, "--num_steps", 3]
TIER = ["--generate", "pitch", "level", "--prop", "gain", "--gen_size", 2, "--cond_size", 1]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tone_set(tmp_path / "data", seconds=2.0)
    for k in range(3):
        t = np.linspace(0, 2, 21)
        write_params(
            tmp_path / "data" / f"tone{k}.params",
            pitch={"times": [0, 2], "values": [100 + k, 200], "units": "Hz"},
            level=(t.tolist(), (-20 + 5 * np.sin(4 * t)).tolist()),
            gain={"times": [0, 2], "values": [0.5, k / 2], "minval": 0, "maxval": 1},
        )
    return tmp_path


def test_the_corpus_samples_both_sides_at_the_tier_s_rate(here):
    tier = Tier(generate=("pitch", "level"), prop=("gain",), sample_rate=50)
    corpus = Corpus(tier, ParamManager(here / "data"))
    assert corpus.offsets.tolist() == [0, 100, 200, 300]
    assert corpus.values.dtype == np.float32
    np.testing.assert_allclose(corpus.values[:100, 0], np.arange(100) / 50 / 2, atol=1e-6)
    batch = corpus.gather(np.array([5]), 20)
    assert batch.values.shape == (1, 21, 2)
    assert (batch.values[0] == corpus.values[5:26]).all()


@pytest.mark.parametrize("net", ["0", "1", "2", "3", "4", "5", "6", "phased-lstm"])
def test_every_net_trains_and_generates_parameters(here, capsys, net):
    words = ["train", "--data_dir", "data", "--output_dir", "t", "--net", net, "--tfr", 0.7, "--ss", 0.2, *TIER, *SMALL]
    code, _, err = run_cli(capsys, *words)
    assert code == 0, err
    code, out, err = run_cli(
        capsys, "generate", "--model_dir", "t", "--set", "gain=0:1", "--length", 80, "--out", "x", "--save_params",
        "--batch_size", 2, "--rand_seed", 1,
    )  # fmt: skip
    assert code == 0, err
    assert out.split() == ["wrote", "x_0.params", "wrote", "x_1.params", "wrote", "x.npy"]
    values = np.load("x.npy")
    assert values.shape == (2, 80, 2)
    assert np.isfinite(values).all()
    assert 0 < values[..., 0].mean() < 400  # Hz, not network units
    assert values[..., 1].mean() < 0
    write_wav(here / "made" / "x_0.wav", np.zeros(1600))
    (here / "x_0.params").rename(here / "made" / "x_0.params")
    file = ParamManager(here / "made").read(here / "made" / "x_0.wav")
    assert file.params["pitch"].units == "Hz"
    np.testing.assert_allclose(file.params["level"].values, values[0, :, 1], rtol=1e-6)


def test_mse_and_noise_train_too_and_a_cutoff_stops(here, capsys):
    words = ["train", "--data_dir", "data", "--output_dir", "t", *TIER, *SMALL, "--loss", "mse", "--input_noise", 0.1]
    code, out, err = run_cli(capsys, *words, "--num_steps", 50, "--loss_cutoff", 1e9)
    assert code == 0, err
    assert "saved output/t/model/model_10" in out


def test_primed_from_data_and_with_random_numbers(here, capsys):
    run_cli(capsys, "train", "--data_dir", "data", "--output_dir", "t", *TIER, *SMALL)
    base = ["generate", "--model_dir", "t", "--length", 30, "--save"]
    for name, more in {
        "self": ["--data_dir", "data", "--seq_len", 50],
        "seed": ["--seed", "data/tone1.wav", "--seed_start", 0.5],
        "random": ["--rand_prime", "--seq_len", 50, "--set", "gain=0.5", "--seed", 14],
        "again": ["--rand_prime", "--seq_len", 50, "--set", "gain=0.5", "--rand_seed", 14],
    }.items():
        code, _, err = run_cli(capsys, *base, *more, "--out", name)
        assert code == 0, err
        assert np.load(f"{name}.npy").shape == (1, 30, 2)
    assert (np.load("random.npy") == np.load("again.npy")).all()  # the manual's --seed 14 is a random seed


def test_schedules_are_linear_over_the_planned_run(here):
    tier = Tier(generate=("pitch",), prop=("gain",), sample_rate=50)
    corpus = Corpus(tier, ParamManager(here / "data"))
    options = Train(num_steps=11, seq_len=20, batch_size=2, tfr=1.0, ss=0.5, lr=0.004, lr_final=0.002)
    trainer = Trainer(new_model(ModelConfig(tier, Net(hidden_size=4), corpus.ranges), 0), corpus, options, here / "r")
    rates = [trainer.teacher_forcing_rate(step) for step in range(1, 12)]
    assert rates == pytest.approx(np.linspace(1, 0.5, 11))
    assert [trainer.learning_rate(step) for step in (1, 6, 11)] == pytest.approx([0.004, 0.003, 0.002])
    trainer._step(6)
    assert trainer.optimiser.param_groups[0]["lr"] == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--generate", "audio", "pitch"], "--generate audio pitch: audio and parameters cannot be mixed in one tier"),
        (["--generate", "pitch", "--prop", "pitch"], "pitch cannot be both generated (--generate) and conditioning"),
        (["--plstm", "--net", "5"], "--plstm needs net 0 (gru), not mixture"),
        (["--net", "nix"], "unknown net 'nix'"),
        (["--net", "mixture"], "--net mixture generates parameters, not audio"),
        (["--tfr", "-0.1"], "--tfr is -0.1; it must be 0 to 1"),
        (["--ss", "1.1"], "--ss is 1.1; it must be 0 to 1"),
        (["--generate", "pitch", "--onehot"], "--onehot is for audio"),
        (["--generate", "nix"], "tone0.params has no parameter 'nix'; it has pitch, level, gain"),
    ],
)
def test_bad_input(here, capsys, words, message):
    code, _, err = run_cli(capsys, "train", "--data_dir", "data", "--output_dir", "t", *SMALL, *words)
    assert code == 2
    assert message in err
    assert not (here / "output").exists()


def test_save_params_is_for_parameters(here, capsys):
    run_cli(capsys, "train", "--net", "gru", "--data_dir", "data", "--output_dir", "a", *SMALL, "--sample_rate", 1000)
    code, _, err = run_cli(capsys, "generate", "--model_dir", "a", "--save_params", "--length", 5)
    assert code == 2
    assert "--save_params is for tiers that generate parameters" in err
