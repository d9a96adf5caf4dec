"""Recipes: what they may hold, and training and playing what they name."""

import itertools
import json
import signal

import numpy as np
import pytest
import soundfile

from helpers import RECIPE, ROOT, engine_of, run_cli, write_params, write_wav
from mtcrnn.core.errors import InputError
from mtcrnn.live.models import Models
from mtcrnn.rendering.cascade import Cascade
from mtcrnn.rendering.stream import Stream
from mtcrnn.runs import folders
from mtcrnn.runs.recipe import read_recipe
from mtcrnn.training import run as training


@pytest.fixture
def recipe(tmp_path):
    """A recipe of two tiers and its data."""
    for k in range(2):
        t = np.arange(1000) / 1000
        write_wav(tmp_path / "data" / f"s{k}.wav", 0.5 * t * np.sin(2 * np.pi * (50 + 50 * k) * t), 1000)
        write_params(tmp_path / "data" / f"s{k}.params", note=([0, 1], [k, k]), loud=([0, 1], [0, 0.5]))
    path = tmp_path / "two.toml"
    path.write_text(RECIPE.format(data=tmp_path / "data", out=tmp_path / "out"))
    return path


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_tiers_come_behind_those_they_need(recipe):
    found = read_recipe(recipe)
    assert list(found.tiers) == ["curves", "sound"]
    assert found.controls == ("note",)
    curves = found.tiers["curves"]
    assert curves.tier.generate == ("loud",)
    assert curves.net.hidden_size == 8
    assert curves.train.num_steps == 4
    assert curves.folder == recipe.parent / "out" / "curves"
    assert found.audio().name == "sound"
    assert read_recipe(recipe, {"num_steps": 7}).tiers["sound"].train.num_steps == 7


def test_without_an_output_dir_the_recipe_gives_the_name(recipe):
    changed(recipe, f'output_dir = "{recipe.parent / "out"}"', "")
    assert read_recipe(recipe).tiers["sound"].folder.parts == ("output", "two", "sound")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("controls =", "control =", "unknown key 'control' .did you mean 'controls'.*known: data_dir, param_dir, out"),
        ("hidden_size = 8", "hiden_size = 8", "tiers.sound: unknown key 'hiden_size' .did you mean 'hidden_size'"),
        ('["note"]\n\n', '["note"]\ndata_dir = ', "broken TOML: .*line"),
        ('controls = ["note"]', 'controls = "note"', "controls must be a list of names, got 'note'"),
        ("seq_len = 10", 'seq_len = "ten"', "tiers.curves: seq_len: input should be a valid integer, got 'ten'"),
        ("seq_len = 10", "seq_len = 0", "tiers.curves: `seq_len` is 0; it must be above 0"),
        (
            "[tiers.curves]",
            '[tiers."a/b"]',
            "tiers.a/b: a tier's name is also a folder's: 1 to 100 letters, digits, _ and -",
        ),
        ('controls = ["note"]', "", "the tier sound is conditioned on note, which no tier generates and controls "),
        ('controls = ["note"]', 'controls = ["note", "x"]', "x is in controls, but no tier is conditioned on it"),
        ('controls = ["note"]', 'controls = ["note", "loud"]', "loud is in controls, but the tier curves generates it"),
        ('generate = ["loud"]', 'generate = ["audio"]', "the tiers sound and curves both generate audio"),
        ("sample_rate = 50", "sample_rate = 2000", "the tier sound .1000 Hz. is conditioned on curves, which is fast"),
    ],
)
def test_bad_recipes(recipe, old, new, message):
    with pytest.raises(InputError, match=message):
        read_recipe(changed(recipe, old, new))


@pytest.mark.parametrize("value", ["3", "true", "1.5", "1979-05-27", "['a']", "{a = 1}", "''", "' '", r'"a\u0000b"'])
@pytest.mark.parametrize("key", ["data_dir", "param_dir", "output_dir"])
def test_folders_are_text(tmp_path, key, value):
    path = tmp_path / "r.toml"
    path.write_text(f'{key} = {value}\n[tiers.x]\ngenerate = ["audio"]\n')
    with pytest.raises(InputError, match=f"r.toml: {key} must be a folder in quotes, got "):
        read_recipe(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "hidden_size = 1979-05-27",
            "tiers.x: hidden_size is 1979-05-27; it must be text, a number, true or false, or a",
        ),
        ("prop = [1979-05-27]", "tiers.x: prop is .*; it must be text"),
        ("net = {a = 1}", "tiers.x: net is .*; it must be text"),
        ("net = 07:32:00", "tiers.x: net is 07:32:00; it must be text"),
        ("prop = [['a']]", "tiers.x: prop is .*; it must be text"),
        ("hidden_size = true", "tiers.x: hidden_size: input should be a valid integer"),
        ("hidden_size = 8.5", "tiers.x: hidden_size: input should be a valid integer"),
        ("hidden_size = []", "tiers.x: hidden_size: input should be a valid integer"),
        ("onehot = 1", "tiers.x: onehot: input should be a valid boolean, got 1"),
        ("lr = nan", "tiers.x: lr: "),
        ("lr = 'fast'", "tiers.x: lr: input should be a valid number, got 'fast'"),
        ("net = 3", "tiers.x: net: input should be a valid string, got 3"),
        ("prop = 'note'", "tiers.x: prop: input should be a valid array, got 'note'"),
        ("generate = [1]", "tiers.x: generate.0.: input should be a valid string, got 1"),
        ("seed = 1", "tiers.x: unknown key 'seed'"),
        (f"num_steps = {'9' * 5000}", "broken TOML: Exceeds the limit"),
        (f"num_steps = {'9' * 400}", "tiers.x: "),
    ],
)
def test_options_of_the_wrong_type(tmp_path, line, message):
    path = tmp_path / "r.toml"
    path.write_text(f"[tiers.x]\n{line}\n")
    with pytest.raises(InputError, match=message) as error:
        read_recipe(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("controls = 3", r"r\.toml names no tiers"),
        ("tiers = []", r"r\.toml names no tiers"),
        ("tiers = ['a']", r"r\.toml names no tiers"),
        ("tiers = 1979-05-27", r"r\.toml names no tiers"),
        ("[tiers]\nx = 3", r"r\.toml names no tiers"),
        ("[[tiers.x]]\ngenerate = ['a']", r"r\.toml names no tiers"),
        ("controls = 1979-05-27\n[tiers.x]", "controls must be a list of names"),
        ("controls = [3]\n[tiers.x]", r"controls must be a list of names, got \[3\]"),
        ("controls = {a = 1}\n[tiers.x]", "controls must be a list of names"),
        ("controls = ['a', 'a']\n[tiers.x]", "controls a, a: a name occurs twice"),
        ("[tiers.'']", "a tier's name is also a folder's"),
        (f"[tiers.{'x' * 101}]", "1 to 100 letters"),
        (f"controls = {'[' * 5000}{']' * 5000}", "TOML nested too deeply"),
        ("a = 1\na = 2", "broken TOML"),
    ],
)
def test_recipes_of_the_wrong_form(tmp_path, text, message):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_recipe(path)


def test_a_byte_order_mark_the_home_folder_and_paths(recipe, monkeypatch):
    monkeypatch.setenv("HOME", str(recipe.parent))
    changed(recipe, f'"{recipe.parent / "data"}"', '"~/data"')
    changed(recipe, f'"{recipe.parent / "out"}"', '"../out"')
    recipe.write_bytes(b"\xef\xbb\xbf" + recipe.read_bytes())
    plan = read_recipe(recipe).audio()
    assert plan.train.data_dir == str(recipe.parent / "data")
    assert plan.train.output_dir == "../out/sound"


def test_circles_missing_tiers_and_files(recipe, tmp_path):
    with pytest.raises(InputError, match=r"none.toml: no such file"):
        read_recipe(tmp_path / "none.toml")
    circle = '[tiers.round]\ngenerate = ["note"]\nprop = ["loud"]\nsample_rate = 50\n'
    recipe.write_text(recipe.read_text().replace('controls = ["note"]', "") + circle)
    with pytest.raises(InputError, match=r"the tiers form a cycle: (curves -> round|round -> curves)"):
        read_recipe(recipe)
    recipe.write_text("controls = []")
    with pytest.raises(InputError, match=r"names no tiers; each is a table \[tiers.NAME\]"):
        read_recipe(recipe)
    recipe.write_text('[tiers.curves]\ngenerate = ["loud"]\nsample_rate = 50\n')
    with pytest.raises(InputError, match="has no tier that generates audio; its tiers are curves"):
        read_recipe(recipe).audio()


def test_train_and_play(recipe, capsys, tmp_path):
    out = tmp_path / "out"
    code, _, error = run_cli(capsys, "cascade", recipe, "--set", "note=1")
    assert (code, error) == (
        2,
        f"mtcrnn: error: the tier curves is not trained yet: mtcrnn train {recipe} --tier curves",
    )
    code, printed, _ = run_cli(capsys, "train", recipe, "--tier", "curves")
    assert (code, printed.splitlines()) == (
        0,
        [f"saved {out}/curves/model/model_4", f"next: mtcrnn cascade {recipe} --set note=VALUE"],
    )
    before = (out / "curves" / "model" / "model_4" / "weights.safetensors").read_bytes()
    code, printed, _ = run_cli(capsys, "train", recipe)
    assert code == 0
    assert folders.steps(out / "sound" / "model") == [3]
    assert (out / "curves" / "model" / "model_4" / "weights.safetensors").read_bytes() == before
    words = ["cascade", recipe, "--set", "note=0:1", "--seconds", 0.5, "--rand_seed", 3, "--temp", "0.9", "curves=0.5"]
    code, printed, _ = run_cli(capsys, *words, "--out", tmp_path / "x")
    assert (code, printed.splitlines()) == (0, [f"wrote {tmp_path}/x{end}" for end in (".wav", "_curves.npy", ".png")])
    assert soundfile.info(tmp_path / "x.wav").frames == 500
    curves = np.load(tmp_path / "x_curves.npy")
    assert curves.shape == (1, 26, 1)
    np.save(tmp_path / "given.npy", np.full((1, 5, 1), 0.25))
    run_cli(capsys, *words, "--out", tmp_path / "y", "--from", f"curves={tmp_path}/given.npy")
    assert (np.load(tmp_path / "y_curves.npy") == 0.25).all()
    params = tmp_path / "data" / "s0.params"
    run_cli(capsys, *words, "--out", tmp_path / "z", "--from", f"curves={params}")
    assert np.load(tmp_path / "z_curves.npy")[0, :, 0] == pytest.approx(np.arange(26) / 100)


def test_a_cascade_that_is_interrupted_leaves_nothing_and_a_folder_takes_the_usual_name(
    recipe, capsys, tmp_path, monkeypatch
):
    run_cli(capsys, "train", recipe)
    words = ["cascade", recipe, "--set", "note=1", "--seconds", 3, "--rand_seed", 1, "--out", f"{tmp_path}/new/"]
    render, count = Cascade.render_all, itertools.count()

    def interrupted(self, *args):
        if next(count) == 2:
            signal.raise_signal(signal.SIGINT)
        return render(self, *args)

    monkeypatch.setattr(Cascade, "render_all", interrupted)
    assert run_cli(capsys, *words)[::2] == (130, "mtcrnn: interrupted")
    assert not (tmp_path / "new").exists()
    monkeypatch.undo()
    assert run_cli(capsys, *words, "--batch_size", 2)[0] == 0
    made = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert made == ["generated.png", "generated_0.wav", "generated_1.wav", "generated_curves.npy"]


def test_what_was_played_live_renders_again(recipe, capsys, tmp_path):
    """The page plays a recipe as a Stream; `cascade --gesture` makes the same samples of its gesture and seed."""
    assert run_cli(capsys, "train", recipe)[0] == 0
    opened = Models(str(recipe)).open()
    stream = Stream(opened.player, 5)
    blocks = []
    for k in range(10):
        stream.set({"note": k / 10}, 0.8)
        blocks.append(stream.render().samples)
    np.save(tmp_path / "take.npy", stream.gesture())
    words = ["--gesture", tmp_path / "take.npy", "--rand_seed", 5, "--out", tmp_path / "again"]
    code, out, error = run_cli(capsys, "cascade", recipe, *words)
    assert (code, out) == (0, f"wrote {tmp_path / 'again.wav'}\n"), error
    made, _ = soundfile.read(tmp_path / "again.wav")
    np.testing.assert_allclose(made, np.concatenate(blocks)[:, 0], atol=2**-23)


def test_priming_from_a_file(recipe, capsys, tmp_path):
    run_cli(capsys, "train", recipe)
    wav = tmp_path / "data" / "s1.wav"
    words = ["cascade", recipe, "--seed", wav, "--seconds", 0.2, "--rand_seed", 1]
    assert run_cli(capsys, *words, "--seed_start", 0.1, "--out", tmp_path / "a")[0] == 0
    assert run_cli(capsys, *words, "--seed_start", 0.4, "--out", tmp_path / "b")[0] == 0
    assert (np.load(tmp_path / "a_curves.npy") != np.load(tmp_path / "b_curves.npy")).any()
    code, _, error = run_cli(capsys, *words, "--seed_start", 0.9, "--out", tmp_path / "c")
    assert code == 2
    assert "250 steps of priming must fit after that" in error


def test_an_interrupted_recipe_goes_on_to_the_same_weights(recipe, tmp_path, monkeypatch, capsys):
    run_cli(capsys, "train", recipe, "--output_dir", tmp_path / "alone")
    step = training.Trainer._step

    def interrupted(self, number):
        if number == 2:
            signal.raise_signal(signal.SIGINT)
        return step(self, number)

    monkeypatch.setattr(training.Trainer, "_step", interrupted)
    run_cli(capsys, "train", recipe)
    assert folders.steps(tmp_path / "out" / "curves" / "model") == [2]
    assert not (tmp_path / "out" / "sound").exists()
    monkeypatch.undo()
    run_cli(capsys, "train", recipe)
    for tier, last in (("curves", 4), ("sound", 3)):
        made = [tmp_path / run / tier / "model" / f"model_{last}" / "weights.safetensors" for run in ("alone", "out")]
        assert made[0].read_bytes() == made[1].read_bytes(), tier
    run_cli(capsys, "train", recipe, "--tier", "curves", "--num_steps", 6)
    assert folders.steps(tmp_path / "out" / "curves" / "model")[-1] == 6


def test_a_recipe_that_changed_after_training(recipe, capsys):
    run_cli(capsys, "train", recipe)
    changed(recipe, "seq_len = 10", "seq_len = 12")
    code, _, error = run_cli(capsys, "train", recipe)
    assert code == 2
    assert "the tier curves was trained with seq_len = 10, not 12; change it back, or give the recipe another" in error
    changed(recipe, "hidden_size = 8\nn_layers = 1\nseq_len = 12", "hidden_size = 9\nn_layers = 1\nseq_len = 10")
    for command in (["train", recipe], ["cascade", recipe, "--set", "note=1"]):
        code, _, error = run_cli(capsys, *command)
        assert code == 2
        assert "the tier curves was trained with hidden_size = 8, not 9" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tier", "x"], "unknown tier 'x'; known: curves, sound"),
        (["--hidden_size", "4"], "--hidden_size cannot be used with a recipe, which sets it for each tier"),
        (["--model_dir", "m"], "--model_dir cannot be used with a recipe, which sets it for each tier"),
    ],
)
def test_training_options_that_do_not_fit(recipe, capsys, words, message):
    assert run_cli(capsys, "train", recipe, *words)[::2] == (2, f"mtcrnn: error: {message}")


def test_a_tier_without_a_recipe(capsys):
    error = run_cli(capsys, "train", "--tier", "x")[2]
    assert error == "mtcrnn: error: --tier x needs a recipe: mtcrnn train RECIPE --tier x"


def test_data_that_lacks_a_parameter_stops_it_before_any_training(recipe, capsys, tmp_path):
    path = tmp_path / "data" / "s1.params"
    content = json.loads(path.read_text())
    del content["note"]
    path.write_text(json.dumps(content))
    code, _, error = run_cli(capsys, "train", recipe)
    assert (code, error) == (2, f"mtcrnn: error: {path} has no parameter 'note'; it has loud")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temp", "x=1"], "--temp x=1: write a number of at least 0, or TIER=NUMBER; the tiers are curves, sound"),
        (["--temp", "hot"], "--temp hot: write a number"),
        (["--from", "curves"], "--from curves: write TIER=FILE"),
        (["--from", "x=a.npy"], "unknown tier 'x'; known: curves, sound"),
        (["--from", "sound=a.npy"], "--from sound: the tier that generates audio cannot be replaced"),
        (["--from", "curves=none.npy"], "none.npy: no such file"),
        (["--seconds", "0"], "--seconds is 0; it must be above 0"),
        (["--seconds", "-1"], "--seconds is -1; it must be above 0"),
        (["--seconds", "1e300"], "--seconds is 1e+300; it must be above 0, and 1400000000 steps at most"),
        (["--names", "none.txt"], "none.txt: no such file"),
        (["--out", ""], "'' is not a file name"),
    ],
)
def test_playing_options_that_do_not_fit(recipe, capsys, words, message):
    run_cli(capsys, "train", recipe)
    code, _, error = run_cli(capsys, "cascade", recipe, "--set", "note=1", *words)
    assert code == 2
    assert error.startswith(f"mtcrnn: error: {message}")


def test_a_cascade_is_what_the_recipe_says(recipe, capsys):
    run_cli(capsys, "train", recipe)
    from mtcrnn.config.generate import Playing
    from mtcrnn.rendering.opening import open_cascade

    cascade = open_cascade(read_recipe(recipe), Playing(), {"curves": 0.5}, {})
    assert isinstance(cascade, Cascade)
    assert [engine_of(cascade.players[name]).temperature for name in cascade.order] == [0.5, 1.0]


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_our_recipes_are_whole(path):
    assert read_recipe(path).audio()


def test_a_tier_of_a_recipe_looks_a_period_back(recipe, capsys, tmp_path):
    """A period must be written in full: the units are those of measured parameters that may not be there yet."""
    assert read_recipe(recipe).tiers["sound"].tier.period == ()
    changed(recipe, 'prop = ["loud", "note"]', 'prop = ["loud", "note"]\nperiod = ["note=50+50*note"]')
    assert run_cli(capsys, "train", recipe)[0] == 0
    words = ["cascade", recipe, "--set", "note=0:1", "--seconds", 0.5, "--rand_seed", 3]
    assert run_cli(capsys, *words, "--out", tmp_path / "x")[0] == 0
    config = folders.read_config(tmp_path / "out" / "sound" / "model" / "model_3")
    assert config.lookback.hertz(np.array([[0.0, 1.0]])) == 100
    changed(recipe, "note=50+50*note", "note")
    code, _, error = run_cli(capsys, "train", recipe)
    assert (code, "period note; a recipe must say NAME=UNIT or NAME=EXPRESSION" in error) == (2, True), error
