"""What can be played live: which models, on how many cores, and by which command the same sound is had again."""

import json
import shlex

import numpy as np
import pytest
import soundfile

from helpers import RECIPE, engine_of, run_cli, write_params, write_wav
from live_driver import RANGES, RATE, Client, save_model, serve
from mtcrnn.config.generate import Playing
from mtcrnn.config.nets import Net
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.live import models
from mtcrnn.live.models import Models
from mtcrnn.live.rtpysynth import Generator
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.runs import checkpoint


@pytest.fixture
def recipe(tmp_path, monkeypatch, capsys):
    """A recipe of two tiers that are trained, in a folder with a space in its name: where we are."""
    monkeypatch.chdir(tmp_path)
    for k in range(2):
        t = np.arange(1000) / 1000
        write_wav(tmp_path / "data" / f"s{k}.wav", 0.5 * t * np.sin(2 * np.pi * (50 + 50 * k) * t), 1000)
        write_params(tmp_path / "data" / f"s{k}.params", note=([0, 1], [k, k]), loud=([0, 1], [0, 0.5]))
    (tmp_path / "my recipes").mkdir()
    path = tmp_path / "my recipes" / "two.toml"
    path.write_text(RECIPE.format(data="data", out=tmp_path / "out"))
    assert run_cli(capsys, "train", path)[0] == 0
    return path.relative_to(tmp_path)


def test_a_folder_of_models(tmp_path, caplog):
    save_model(tmp_path / "one")
    save_model(tmp_path / "two", seed=4)
    (tmp_path / "notes").mkdir()
    broken = save_model(tmp_path / "torn") / "model" / "model_0" / "config.json"
    broken.write_text(broken.read_text()[:30])
    with serve(tmp_path) as served:
        assert json.loads(served.get("/models")[1]) == {"models": ["one", "two"]}
        with served.join(model="two") as ws:
            assert Client(ws).hello["name"] == "two"
    assert f"left out: {broken}" in caplog.text


def test_an_older_step_and_a_model_that_was_moved(tmp_path):
    save_model(tmp_path / "run")
    newer = new_model(ModelConfig(Tier(prop=tuple(RANGES), sample_rate=RATE), Net("frame", 8, 1), RANGES, step=7), 1)
    checkpoint.save(tmp_path / "run" / "model", newer)
    assert Models(str(tmp_path / "run")).open().player.config.step == 7
    (tmp_path / "run" / "model" / "model_7").rename(tmp_path / "best")
    alone = Models(str(tmp_path / "best")).open()
    assert (alone.name, alone.player.config.step) == ("best", 7)
    checkpoint.save(tmp_path / "run" / "model", newer)
    old = Models(str(tmp_path / "run"), Playing(precision="int8"), step=7).open()
    assert (old.name, old.command) == (
        "run",
        f"mtcrnn generate --model_dir {tmp_path / 'run'} --step 7 --precision int8",
    )
    with pytest.raises(InputError, match="has no model of step 3; it has steps 0, 7"):
        Models(str(tmp_path / "run"), step=3)


def test_a_model_that_is_slow_plays_and_says_so(tmp_path, monkeypatch, caplog):
    """Also where it must share: a second page is refused, the first one never."""
    monkeypatch.setattr(models, "speed", lambda player: 0.5)
    folder = save_model(tmp_path / "tones")
    with serve(folder) as served, served.join() as ws:
        page = Client(ws)
        assert page.hello["rtf"] == 0.5
        page.say(type="start", seed=1)
        page.until(lambda heard: not isinstance(heard, dict))
        with served.join() as other:
            assert "this CPU plays 1 at once" in json.loads(other.recv(timeout=20))["text"]
    assert "tones is slower than real time on this CPU (RTF 0.50), so there will be gaps: a smaller net" in caplog.text
    assert len(Generator(str(folder)).generate(100, RATE)) == 100


def test_a_live_sound_needs_one_core(tmp_path, recipe):
    assert Models(str(save_model(tmp_path / "tones"))).open().player.threads == 1
    cascade = Models(str(recipe)).open().player
    assert [engine_of(cascade.players[name]).threads for name in cascade.order] == [1, 1]
    with pytest.raises(InputError, match="`step` 2 goes with a model; a recipe plays the newest of each tier"):
        Models(str(recipe), step=2)


def play_and_save(served):
    """Half a second of playing: the samples, and what the page offers: the gesture, the end of the command."""
    with served.join() as ws:
        page = Client(ws)
        page.say(type="start", seed=9)
        for k, (name, low, high) in enumerate((c["name"], c["low"], c["high"]) for c in page.hello["controls"]):
            page.say(type="set", values={name: low + 0.3 * (high - low)}, temperature=0.8, change=k + 1)
            page.until(lambda heard, change=k + 1: not isinstance(heard, dict) and heard.change == change)
        page.until(lambda heard: len(page.blocks) >= 20)
        status, content, headers = served.get(f"/gesture/{page.hello['id']}.npy")
    assert status == 200
    command = f"{page.hello['command']} --gesture take.npy --rand_seed {headers['Rand-Seed']} --out again"
    return np.concatenate([block.samples for _, block in page.blocks]), content, shlex.split(command)


@pytest.mark.parametrize("kind", ["model", "recipe"])
def test_the_command_that_is_shown_makes_the_same_samples(kind, tmp_path, recipe, capsys):
    path = save_model(tmp_path / "it's mine").relative_to(tmp_path) if kind == "model" else recipe
    with serve(path) as served:
        played, content, command = play_and_save(served)
    beginning = ["generate", "--model_dir", str(path)] if kind == "model" else ["cascade", str(path)]
    assert command[: len(beginning) + 1] == ["mtcrnn", *beginning]
    (tmp_path / "take.npy").write_bytes(content)
    code, out, error = run_cli(capsys, *command[1:])
    assert (code, out) == (0, "wrote again.wav\n"), error
    made, rate = soundfile.read("again.wav", dtype="int32")
    soundfile.write("live.wav", played, rate, subtype="PCM_24")
    live, _ = soundfile.read("live.wav", dtype="int32")
    both = min(len(live), len(made))
    assert both >= 190
    np.testing.assert_array_equal(made[:both], live[:both])
