"""Evaluation against models whose faults are known."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from helpers import run_cli, shorten_evaluation, tiny_train, tone_set, write_params, write_wav
from mtcrnn.config.nets import Net
from mtcrnn.config.periods import Period
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.data.corpus import Corpus
from mtcrnn.data.dataset import ParamManager
from mtcrnn.evaluation import _known_meters, following, likelihood, stability
from mtcrnn.evaluation.likeness import measure_likeness
from mtcrnn.evaluation.meters import METERS
from mtcrnn.evaluation.report import _control_lines
from mtcrnn.evaluation.steady import steady
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.band_player import BandPlayer
from mtcrnn.rendering.torch_player import TorchPlayer
from mtcrnn.runs import checkpoint
from mtcrnn.training import run as training

RATE = 8000


@dataclass
class Whistle:
    """Plays a tone of `wrong` times the frequency that the parameter `hz` asks for; nothing below `deaf`."""

    config: ModelConfig
    wrong: float = 1.0
    deaf: float = 0.0

    def init(self, seed, batch=1):
        return np.zeros((batch, 1))

    def prime(self, phase, values, parameters=None):
        return phase

    def render(self, phase, parameters, temperature=None):
        hz = parameters[..., 0]
        phase = phase[:, -1:] + np.cumsum(2 * np.pi * self.wrong * hz / RATE, axis=1)
        return (0.3 * np.sin(phase) * (hz >= self.deaf)).astype(np.float32)[..., None], phase


@pytest.fixture
def whistles(tmp_path, monkeypatch):
    """Tones labelled by `hz`, and a `gain` that moves; and the corpus of them."""
    for name, shorter in {"GRID": 5, "SECONDS": 1.0, "GLIDE_SECONDS": 4.0, "GLIDE_PARTS": 4}.items():
        monkeypatch.setattr(following, name, shorter)
    for hz in (200, 300, 400, 800):
        t = np.arange(RATE) / RATE
        write_wav(tmp_path / f"w{hz}.wav", 0.3 * np.sin(2 * np.pi * hz * t), RATE)
        write_params(tmp_path / f"w{hz}.params", hz=([0, 1], [hz, hz]), gain=([0, 1], [0, 1]))
    tier = Tier(prop=("hz", "gain"), sample_rate=RATE)
    corpus = Corpus(tier, ParamManager(tmp_path))
    return ModelConfig(tier, Net(), corpus.ranges), corpus


@pytest.mark.slow
def test_a_model_that_follows(whistles):
    config, corpus = whistles
    found = following.follow(Whistle(config), corpus, 0, "pitch")
    assert (found.parameter, found.meter) == ("hz", "pitch")
    assert found.values == [200, 250, 350, 500, 600, 650, 800]  # the grid, and the middles of the widest gaps
    assert found.new == [False, True, True, True, True, True, False]
    assert found.measured[0] == pytest.approx(200, rel=0.01)
    assert found.asked[0] == pytest.approx(200, rel=0.01)
    assert found.asked[3] == pytest.approx(400 * 2**0.25, rel=0.01)  # between what the data have at 400 and 800
    assert found.median_relative_error < 0.05
    assert found.correlation > 0.99
    assert found.glide["median_relative_error"] < 0.1


def test_between_the_datas_values_a_period_is_what_the_parameter_says():
    """Where a meter reads twice the turns at 600 and 3000 rpm, it should read twice the turns between them."""
    readings = [(20.0, 0.9), (100.0, 0.7)]
    curve = following._Curve([600, 3000], readings, Period("rpm", "rpm/60"))
    assert curve.at(1800) == pytest.approx((60, 0.8))
    misread = [*readings, (90.0, 1.0)]  # a meter that takes the last sound for another multiple
    assert following._Curve([600, 3000, 6000], misread, Period("rpm", "rpm/60")).at(6000)[0] == pytest.approx(200)
    assert following._Curve([600, 3000], readings).at(1800)[0] == pytest.approx(math.sqrt(20 * 100))


@pytest.mark.slow
def test_a_model_that_is_out_of_tune_or_silent(whistles):
    config, corpus = whistles
    flat = following.follow(Whistle(config, wrong=0.9), corpus, 0, "pitch")
    assert flat.median_relative_error == pytest.approx(0.1, abs=0.06)
    deaf = following.follow(Whistle(config, deaf=550.0), corpus, 0, "pitch")
    assert deaf.measured[:4] == [None] * 4
    assert deaf.median_relative_error == 1.0
    assert json.loads(json.dumps(deaf.strength))[0] is None


def test_where_a_parameter_moves_everywhere_it_is_read_where_it_moves_little(tmp_path):
    """Two tones that glide from 400 to 800 Hz in 40 s, and back; one of them is not to be trained on after 20 s."""
    t = np.arange(40 * RATE) / RATE
    for name, ends, skip in (("a", (400.0, 800.0), []), ("b", (800.0, 400.0), [[20.0, 40.0]])):
        hz = np.linspace(*ends, len(t))
        write_wav(tmp_path / f"{name}.wav", 0.5 * np.sin(2 * np.pi * np.cumsum(hz) / RATE), RATE)
        curve = {"times": [0.0, 40.0], "values": list(ends)}
        (tmp_path / f"{name}.params").write_text(json.dumps({"meta": {"skip": skip}, "hz": curve}))
    corpus = Corpus(Tier(prop=("hz",), sample_rate=RATE), ParamManager(tmp_path))
    values, sounds, near = steady(corpus, 0, 11)
    assert (len(values), near) == (15, 0.5 / 11)  # stretches of 4 s
    middles = 400 + 400 * (np.arange(11) + 0.5) / 11
    assert {round(value, 3) for value in values} <= {round(float(middle), 3) for middle in middles}
    for value, sound in zip(values, sounds, strict=True):
        assert METERS["peak"](sound, RATE)[0] == pytest.approx(value, abs=45)


@pytest.mark.slow
def test_meters_find_their_parameters(whistles, caplog):
    config, corpus = whistles
    name, readings = following._matching(*steady(corpus, 0, 11)[:2], RATE, tuple(METERS))
    assert name in ("pitch", "centroid")
    assert len(readings) == 4
    assert following.follow(Whistle(config), corpus, 1, None) is None
    assert "no meter follows gain in the data: not measured (choose one with `meter` NAME=METER)" in caplog.text
    assert following.follow(Whistle(config), corpus, 0, "beat") is None
    assert "beat can be read at fewer than two values of hz in the data: not measured" in caplog.text


def test_stability(whistles, monkeypatch):
    config, corpus = whistles
    monkeypatch.setattr(stability, "STABLE_SECONDS", 3.0)
    found, speed = stability.free_running(Whistle(config, deaf=300.0), corpus)
    silent, middle, _ = found["rows"]
    assert silent["parameters"] == pytest.approx({"hz": 260, "gain": 0.1})
    assert silent["silent_seconds"] == 3
    assert (middle["silent_seconds"], middle["loud_seconds"], middle["full_scale_share"]) == (0, 0, 0)
    assert middle["loudest_db"] == pytest.approx(20 * math.log10(0.3 / math.sqrt(2)), abs=0.1)
    assert abs(middle["dc"]) < 1e-3
    assert speed["samples_per_s"] > 0


def test_likeness(tmp_path):
    """A model that plays the data's own tone is as near as the data to itself; one out of tune is not."""
    for hz in (500, 900):
        tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(3 * RATE) / RATE)
        write_wav(tmp_path / f"w{hz}.wav", tone, RATE)
        write_params(tmp_path / f"w{hz}.params", hz=([0, 3], [hz, hz]))
    write_wav(tmp_path / "short.wav", tone[:RATE], RATE)
    write_params(tmp_path / "short.params", hz=([0, 1], [700, 700]))
    corpus = Corpus(Tier(prop=("hz",), sample_rate=RATE), ParamManager(tmp_path))
    config = ModelConfig(corpus.tier, Net(), corpus.ranges)
    right, wrong = (measure_likeness(Whistle(config, wrong=factor), corpus) for factor in (1.0, 1.5))
    texture = right["texture"]
    assert texture["files"] == 2
    assert texture["generated"]["means"] < 0.1
    assert texture["real"]["means"] < 0.1
    assert wrong["texture"]["generated"]["means"] > 1.0
    far = [*wrong["texture"]["generated"].values(), *wrong["texture"]["real"].values()]
    assert all(math.isfinite(distance) for distance in far)
    for name in ("log-mel frames", "texture statistics"):
        assert right["kernel"][name]["generated"] < wrong["kernel"][name]["generated"]
        assert right["kernel"][name]["real"] == wrong["kernel"][name]["real"] < 0.1
    assert right["kernel"]["log-mel frames"]["generated"] < 0.2 < 2 < wrong["kernel"]["log-mel frames"]["generated"]
    loud = {row["hz"]: row["mean_db"] for row in right["octaves"]}
    assert abs(loud[500]) < 0.5
    wrong_loud = {row["hz"]: row["mean_db"] for row in wrong["octaves"]}
    assert abs(wrong_loud[500]) > 0.5 or abs(wrong_loud[1000]) > 6
    (tmp_path / "w500.wav").unlink()
    (tmp_path / "w900.wav").unlink()
    assert measure_likeness(Whistle(config), Corpus(corpus.tier, ParamManager(tmp_path))) is None


def test_likeness_of_stereo(tmp_path):
    """The coherence of the data's channels, and one of what a model makes of them."""
    seed = 8
    noise = 0.1 * np.random.default_rng(seed).standard_normal((3 * RATE, 2))
    tier = Tier(sample_rate=RATE, mulaw_channels=63, bands=4, channels="stereo")
    for frames, coherence in ((noise[:, :1] * [1, 0.5], 1.0), (noise, 1 / 10)):  # a half has ten windows
        write_wav(tmp_path / "a.wav", frames, RATE)
        corpus = Corpus(tier, ParamManager(tmp_path))
        config = ModelConfig(tier, Net("subband", 8, 1, frame_size=4), {}, spans=corpus.spans)
        octaves = measure_likeness(BandPlayer(TorchPlayer(new_model(config, 1))), corpus)["octaves"]
        assert [row["real_coherence"] for row in octaves[-3:]] == pytest.approx([coherence] * 3, abs=0.03), seed
        assert all(0 <= row["coherence"] <= 1 for row in octaves)


@pytest.fixture
def trained(tmp_path):
    """A model of a few steps and its data."""
    data = tone_set(tmp_path / "data", files=3, seconds=2.0)
    tier = Tier(prop=("pitch", "gain"), sample_rate=1000, mulaw_channels=16)
    net = Net("frame", 8, 1, frame_size=4)
    training.train(tier, net, tiny_train(data, tmp_path / "run", seq_len=40, num_steps=2))
    return tmp_path / "run", data


def test_held_out_nats_are_those_of_one_pass(trained, monkeypatch):
    run, data = trained
    monkeypatch.setattr(likelihood, "CHUNK", 64)
    model = checkpoint.load(run / "model" / "model_2")
    corpus = Corpus(model.config.tier, ParamManager(data), model.config.ranges)
    nats = []
    for i, first, end in corpus.held_out("tail"):
        assert end - first == 200  # a tenth
        start = corpus.offsets[i]
        values = torch.from_numpy(corpus.values[start:end].astype(np.int64))[None]
        conditions = torch.from_numpy(corpus.conditioning[start:end])[None]
        with torch.no_grad():
            raw, _ = model(values[:, :-1], conditions[:, 1:], model.net.init_state(1))
        nats.append(float(model.distribution.losses(raw[:, -200:], values[:, -200:]).mean()))
    assert likelihood.held_out_nats(model, corpus, "tail") == pytest.approx(np.mean(nats), rel=1e-5)
    assert len(corpus.held_out("file:tone1")) == 1
    assert [end - first for _, first, end in corpus.held_out("all")] == [1999] * 3
    with pytest.raises(InputError, match="`holdout` none: nothing is held out"):
        likelihood.held_out_nats(model, corpus, "none")


def test_the_command(trained, monkeypatch, capsys, tmp_path):
    run, data = trained
    shorten_evaluation(monkeypatch)
    constant = [50.0, 90.0], [corpus_tone(50), corpus_tone(90)], 1e-6
    monkeypatch.setattr(following, "steady", lambda corpus, k, grid: constant)
    words = ["evaluate", run, "--data_dir", data, "--meter", "pitch=loudness"]
    code, out, _ = run_cli(capsys, *words, "--json", "--out", tmp_path / "asked.png")
    found = json.loads(out)
    assert code == 0
    assert found["bits_per_sample"] == pytest.approx(found["nats_per_sample"] / math.log(2))
    assert [one["parameter"] for one in found["control"]][:1] == ["pitch"]
    assert set(found) == {
        *("model", "bits_per_sample", "nats_per_sample", "control", "texture", "kernel", "octaves", "spectra"),
        *("stability", "speed"),
    }
    assert (tmp_path / "asked.png").exists()
    code, out, _ = run_cli(capsys, *words)
    assert code == 0
    assert "pitch by loudness" in out
    assert "NaN" not in out
    assert "nan" not in out


def corpus_tone(hz):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(1000) / 1000)).astype(np.float32)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--meter", "speed=beat"], "unknown parameter 'speed'; known: pitch, gain"),
        (
            ["--meter", "pitch=beet"],
            f"unknown meter 'beet' (did you mean 'beat'?); known: {', '.join(METERS)}",
        ),
        (["--holdout", "file:x"], "--holdout file:x: no such sound; there are tone0.wav, tone1.wav, tone2.wav"),
    ],
)
def test_bad_input(trained, capsys, words, message):
    run, data = trained
    code, _, error = run_cli(capsys, "evaluate", run, "--data_dir", data, *words)
    assert (code, error) == (2, f"mtcrnn: error: {message}")


def test_what_says_a_period_has_a_meter(tmp_path):
    write_wav(tmp_path / "a.wav", np.zeros(RATE), RATE)
    write_params(
        tmp_path / "a.params",
        meta={"meters": {"hz": "beat", "gain": "loudness", "other": "pitch", "size": "no meter"}},
        **{name: ([0, 1], [low, 100]) for name, low in (("hz", 90), ("turns", 1), ("gain", 0), ("size", 1))},
    )
    tier = Tier(prop=("hz", "turns", "gain", "size"), sample_rate=RATE, period=("hz=hz", "turns=turns/60"))
    corpus = Corpus(tier, ParamManager(tmp_path))
    assert _known_meters(tier, corpus) == {"hz": "beat", "turns": "beat", "gain": "loudness"}
    for meta in ({}, {"meters": ["hz"]}):
        corpus.meta = meta
        assert _known_meters(tier, corpus) == {"hz": "period", "turns": "beat"}


def test_errors_of_pitches_are_in_cents():
    one = {
        "parameter": "hz", "meter": "period", "values": [1, 2, 3], "new": [False] * 3, "asked": [100.0, 200.0, 300.0],
        "measured": [100.0, 200 * 2 ** (1 / 12), None], "strength": [1, 1, None], "real_strength": [1, 1, 1],
        "median_relative_error": 0.06, "correlation": 1.0,
        "glide": {"asked": [100.0], "measured": [50.0], "median_relative_error": 0.5, "correlation": None},
    }  # fmt: skip
    lines = list(_control_lines(one))
    assert lines[-3:] == [
        "no period can be heard in 1 of 3 sounds",
        "all values: median error 6.0% (100 cents), correlation 1.000",
        "glide: median error 50.0% (1200 cents), correlation n/a",
    ]
    silent = list(_control_lines({**one, "measured": [None] * 3, "glide": {**one["glide"], "measured": [None]}}))
    assert "cents" not in silent[-2]
    assert silent[-3] == "no period can be heard in 3 of 3 sounds"
