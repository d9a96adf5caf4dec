"""The commands end to end, and every bad input as a person meets it: one line, exit code 2, nothing written."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
import soundfile
import torch

from helpers import ROOT, run_cli, tiny_train, tone_set, write_params, write_wav
from mtcrnn.cli import main as cli
from mtcrnn.compat import commands
from mtcrnn.config import generate
from mtcrnn.config.arguments import build
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.config.train import Train
from mtcrnn.core.errors import InputError
from mtcrnn.training import run as training

SMALL = ["--sample_rate", 1000, "--mulaw_channels", 16, "--hidden_size", 8, "--n_layers", 1, "--seq_len", 48]
SMALL += ["--batch_size", 3, "--num_steps", 2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(here):
    """A run `output/m` under `pitch`, and its data in `data`."""
    data = tone_set(here / "data")
    tier = Tier(prop=("pitch",), sample_rate=1000, mulaw_channels=16)
    training.train(tier, Net(hidden_size=8, n_layers=1), tiny_train(data, here / "output" / "m"))
    return here


def files_of(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_train_then_generate_then_plot(here, capsys):
    tone_set(here / "data")
    code, out, _ = run_cli(
        capsys, "train", "--data_dir", "data", "--prop", "pitch", "gain", "--output_dir", "x", *SMALL
    )
    assert code == 0
    assert "saved output/x/model/model_2" in out
    assert "next: mtcrnn generate --model_dir output/x/model --set pitch=VALUE gain=VALUE" in out
    words = ["generate", "--model_dir", "x", "--set", "pitch=50:100", "gain=0.5", "--length", 300, "--out", "y"]
    code, out, err = run_cli(capsys, *words)
    assert (code, out) == (0, "wrote y.wav\n")
    info = soundfile.info("y.wav")
    assert (info.frames, info.samplerate, info.subtype) == (300, 1000, "PCM_24")
    seed = err.split("--rand_seed ")[1].split()[0]
    run_cli(capsys, *words, "--rand_seed", seed)
    assert (here / "y.wav").read_bytes() == (here / "y.previous-1.wav").read_bytes()
    code, out, _ = run_cli(capsys, "plot", "y.wav")
    assert (code, out) == (0, "wrote y.png\n")


def test_generate_in_every_way(model, capsys):
    np.save("curve.npy", np.linspace(50, 100, 20)[None, :, None])
    base = ["generate", "--model_dir", "m", "--length", 100, "--rand_seed", 1]
    ways = {
        "external": ["--paramvect", "external", "--external_array", "curve.npy", "--external_sr", 10],
        "primed": [
            "--paramvect",
            "external",
            "--external_array",
            "curve.npy",
            "--external_sr",
            10,
            "--data_dir",
            "data",
        ],
        "random": ["--set", "pitch=70", "--rand_prime", "--seq_len", 150],
        "seed": ["--seed", "data/tone1.wav", "--seed_start", "0.5"],
        "anywhere": ["--data_dir", "data"],
        "batch": ["--data_dir", "data", "--batch_size", 3, "--save"],
    }
    for name, words in ways.items():
        code, _, err = run_cli(capsys, *base, *words, "--out", name)
        assert code == 0, (name, err)
    made = [p for p in files_of(model) if "/" not in p and p.endswith(".wav")]
    assert made == [
        "anywhere.wav",
        "batch_0.wav",
        "batch_1.wav",
        "batch_2.wav",
        "external.wav",
        "primed.wav",
        "random.wav",
        "seed.wav",
    ]
    values = np.load("batch.npy")
    assert values.shape == (3, 100, 1)
    wav, _ = soundfile.read("batch_2.wav")
    np.testing.assert_allclose(wav, values[2, :, 0], atol=2**-22)


def test_help_is_quick_because_nothing_heavy_is_imported():
    code = (
        "import sys; from mtcrnn.cli import main as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'pydantic', 'soundfile', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "generate" in done.stdout


@pytest.mark.slow
def test_the_module_is_the_command_and_debug_shows_the_traceback():
    words = [sys.executable, "-m", "mtcrnn", "params", "check", "nowhere"]
    plain = subprocess.run(words, capture_output=True, text=True)
    assert plain.returncode == 2
    assert plain.stderr == "mtcrnn: error: nowhere: no such folder of sounds\n"
    assert "Traceback" in subprocess.run([*words, "--debug"], capture_output=True, text=True).stderr


TRAIN = ["train", "--data_dir", "data", "--prop", "pitch", "--output_dir", "x", *SMALL]
GENERATE = ["generate", "--model_dir", "m", "--length", 50]
EXTERNAL = [*GENERATE, "--paramvect", "external"]
ARRAY = [*EXTERNAL, "--external_array", "a.npy", "--external_sr", 10]


def np_file(array, **options):
    return lambda here: np.save(here / "a.npy", array, **options)


def lose(name):
    return lambda here: (here / name).unlink()


BAD_TRAINING = {
    "no wavs": (None, [*TRAIN, "--data_dir", "empty"], "empty holds no sounds"),
    "no param file": (lose("data/tone1.params"), TRAIN, "tone1.wav has no param file: expected data/tone1.params"),
    "no such parameter": (None, [*TRAIN, "--prop", "nix"], "tone0.params has no parameter 'nix'; it has pitch, gain"),
    "broken json": (lambda h: (h / "data/tone1.params").write_text("{\n{"), TRAIN, "tone1.params, line 2: broken JSON"),
    "nan": (lambda h: write_params(h / "data/tone1.params", pitch=([0, 1], [1, float("nan")])), TRAIN, "values[1]"),
    "text": (
        lambda h: (h / "data/text.wav").write_text("hello"),
        [*TRAIN, "--prop"],
        "text.wav cannot be read as sound",
    ),
    "name twice": (None, [*TRAIN, "--prop", "pitch", "pitch"], "--prop names pitch twice"),
    "cond_size": (None, [*TRAIN, "--cond_size", 3], "--cond_size is 3, but it must be 1 (--prop pitch)"),
    "gen_size": (None, [*TRAIN, "--gen_size", 3], "--gen_size is 3, but it must be 1 (--generate audio)"),
    "gen_size one hot": (None, [*TRAIN, "--onehot", "--gen_size", 1], "--gen_size is 1, but it must be 16"),
    "unknown option": (None, [*TRAIN, "--batchsize", 3], "unrecognized arguments: --batchsize"),
    "no number": (None, [*TRAIN, "--lr", "fast"], "argument --lr: invalid number value: 'fast'"),
    "tfr": (None, [*TRAIN, "--tfr", 1.5], "--tfr is 1.5; it must be 0 to 1"),
    "steps": (None, [*TRAIN, "--num_steps", 0], "--num_steps is 0; it must be above 0"),
    "net": (None, [*TRAIN, "--net", "9"], "unknown net '9'"),
    "holdout": (None, [*TRAIN, "--holdout", "half"], "--holdout is 'half'; it must be tail, file:NAME or none"),
}


@pytest.mark.parametrize("case", BAD_TRAINING)
def test_bad_training_input(here, capsys, case):
    tone_set(here / "data")
    (here / "empty").mkdir()
    prepare, words, message = BAD_TRAINING[case]
    if prepare:
        prepare(here)
    before = files_of(here)
    code, out, err = run_cli(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("mtcrnn: error: ")
    assert message in err
    assert files_of(here) == before


BAD_GENERATION = {
    "no conditioning": (None, GENERATE, "this model is conditioned on pitch: give --set pitch=VALUE"),
    "none": (None, [*GENERATE, "--paramvect", "none"], "--paramvect none, but this model is conditioned on pitch"),
    "no array": (None, EXTERNAL, "--paramvect external needs --external_array, a .npy with pitch"),
    "array gone": (None, [*EXTERNAL, "--external_array", "nix.npy", "--external_sr", 10], "nix.npy: no such file"),
    "no rate": (np_file(np.zeros(5)), [*EXTERNAL, "--external_array", "a.npy"], "--external_array needs --external_sr"),
    "bad rate": (np_file(np.zeros(5)), [*EXTERNAL, "--external_array", "a.npy", "--external_sr", 0], "0.001 to "),
    "width": (np_file(np.zeros((1, 5, 2))), None, "a.npy has shape [1, 5, 2]; it must be [sounds, length, 1] (pitch)"),
    "length 0": (np_file(np.zeros((1, 0, 1))), None, "a.npy has no values: its shape is [1, 0, 1]"),
    "nan": (np_file(np.array([1.0, np.nan])), None, "a.npy holds NaN or infinite values"),
    "objects": (np_file(np.array([{}], dtype=object)), None, "a.npy cannot be read as a plain .npy array of numbers"),
    "words": (np_file(np.array(["x"])), None, "a.npy holds <U1; it must be one array of real numbers"),
    "batch": (np_file(np.zeros((3, 5, 1))), [*ARRAY, "--batch_size", 2], "a.npy is for 3 sounds, but --batch_size"),
    "not needed": (np_file(np.zeros(5)), [*GENERATE, "--external_array", "a.npy"], "needs --paramvect external"),
    "no model": (None, [*GENERATE, "--model_dir", "nix"], "nix: no such model folder"),
    "no models": (None, [*GENERATE, "--model_dir", "data"], "data holds no models (folders named model_STEP); it"),
    "step": (None, [*GENERATE, "--step", 3], "has no model of step 3; it has steps 2, 4"),
    "contradiction": (None, [*GENERATE, "--hidden_size", 300], "--hidden_size is 300, but the model has 8"),
    "other names": (None, [*GENERATE, "--prop", "a", "b"], "--prop is a b, but the model has pitch"),
    "set form": (None, [*GENERATE, "--set", "pitch"], "--set pitch: write NAME=VALUE or NAME=FROM:TO"),
    "set name": (None, [*GENERATE, "--set", "nix=1"], "this model has no parameter 'nix'; it has pitch"),
    "two sources": (None, [*GENERATE, "--seed", "a", "--data_dir", "b"], "--seed and --data_dir both say where"),
    "seed gone": (None, [*GENERATE, "--seed", "nix.wav"], "--seed nix.wav: no such file"),
    "seed start": (None, [*GENERATE, "--seed", "data/tone0.wav", "--seed_start", 0.9], "tone0.wav lasts 1.000 s"),
    "negative seed": (None, [*GENERATE, "--set", "pitch=60", "--rand_seed", -1], "a random seed is a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_GENERATION)
def test_bad_generation_input(model, capsys, case):
    prepare, words, message = BAD_GENERATION[case]
    if prepare:
        prepare(model)
    words = words or ARRAY
    before = files_of(model)
    code, out, err = run_cli(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("mtcrnn: error: ")
    assert message in err
    assert files_of(model) == before


def test_controls_outside_the_trained_range_are_said(model, capsys):
    assert cli.main([str(word) for word in [*GENERATE, "--set", "pitch=20:70"]]) == 0
    assert "pitch goes from 20 to 70, but the model was trained on 50 to 100" in capsys.readouterr().err


def test_an_array_is_never_unpickled(model, capsys):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, ("hacked",))

    np.save("a.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    code, _, _ = run_cli(capsys, *EXTERNAL, "--external_array", "a.npy", "--external_sr", 10)
    assert code == 2
    assert not (model / "hacked").exists()


def test_the_original_command_lines_have_the_original_defaults():
    expected = {
        "hidden_size": 800, "n_layers": 3, "sample_rate": 16000, "seq_len": 4000, "stride": 1, "mulaw_channels": 256,
        "batch_size": 16, "param_dir": None, "prop": (), "generate": ("audio",), "onehot": False, "temp": 1.0,
        "data_dir": "./data/audio", "output_dir": "./output", "num_steps": 100000, "lr": 0.0005, "tfr": 1.0,
        "checkpoint": 10000,
    }  # fmt: skip
    args = commands.train_parser().parse_args([])
    assert args.original
    built = {**asdict(build(Tier, args, True)), **asdict(build(Net, args, True)), **asdict(build(Train, args, True))}
    assert {name: built[name] for name in expected} == expected
    assert built["carry"] is False
    args = commands.generate_parser().parse_args(["--model_dir", "m"])
    expected = {
        "length": 16000, "batch_size": 16, "seed": None, "data_dir": None, "seed_start": 0, "paramvect": "self",
        "external_array": None, "external_sr": None, "out": "generated", "save": False, "rand_prime": False,
        "rand_seed": None, "temp": 1.0, "step": 0,
    }  # fmt: skip
    built = {
        name: value for part in generate.GENERATE.values() for name, value in asdict(build(part, args, True)).items()
    }
    assert {name: built[name] for name in expected} == expected


def test_the_scripts_at_the_root_run(here):
    for name in ("train.py", "generate.py"):
        done = subprocess.run([sys.executable, ROOT / name, "--help"], capture_output=True, text=True)
        assert done.returncode == 0
        assert "--hidden_size" in done.stdout


@pytest.mark.slow
def test_quickstart_leaves_a_wav_a_picture_and_a_page_and_can_be_run_again(here, capsys, monkeypatch):
    from mtcrnn.cli import quickstart

    monkeypatch.setattr(quickstart, "GLIDE_SECONDS", 0.05)
    for _ in range(2):
        code, out, _ = run_cli(capsys, "quickstart", "--num_steps", 2)
        assert code == 0
    assert "using the model that is already" in out
    assert out.strip().splitlines()[-1].startswith("next: mtcrnn ")
    made = here / "output" / "quickstart"
    assert soundfile.info(made / "glide.wav").frames == 800
    assert (made / "glide.png").stat().st_size > 10000
    assert "<title>Pops</title>" in (made / "pops.html").read_text()
    assert json.loads((made / "model" / "model_2" / "config.json").read_text())["step"] == 2
    state = torch.load(made / "model" / "train_state_2.pt", weights_only=True)
    torch.save({**state, "end": 3}, made / "model" / "train_state_2.pt")  # as if it had been ended before
    code, out, _ = run_cli(capsys, "quickstart", "--num_steps", 3)
    assert code == 0
    assert "continuing the unfinished training" in out
    assert (made / "model" / "model_3").is_dir()


def test_overlong_windows_end_at_once(here, capsys):
    write_wav(here / "data" / "a.wav", np.zeros(100))
    code, _, err = run_cli(capsys, "train", "--data_dir", "data", "--output_dir", "x", *SMALL, "--seq_len", 4800)
    assert code == 2
    assert "no file is long enough to train on" in err
    assert not (here / "output").exists()


def test_options_in_messages_have_dashes_here_and_none_in_the_library(here, capsys):
    with pytest.raises(InputError, match=r"^`hidden_size` is 0; it must be above 0 and at most 16384$"):
        Net(hidden_size=0)
    assert cli.main(["train", "--prop", "a", "--hidden_size", "0"]) == 2
    assert "mtcrnn: error: --hidden_size is 0; it must be above 0" in capsys.readouterr().err
    assert cli.main(["plot", "`nothing`.wav"]) == 2
    assert "`nothing`.wav" in capsys.readouterr().err, "only what is an option's name"
