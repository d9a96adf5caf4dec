import math

import numpy as np
import pytest

from helpers import run_cli
from mtcrnn.audio import files as sound_files
from mtcrnn.core.errors import InputError
from mtcrnn.data.dataset import ParamManager
from mtcrnn.evaluation.meters import METERS
from mtcrnn.textures import TEXTURES, write_texture
from mtcrnn.textures.primitives import band, poisson_onsets, rings

RATE, SECONDS, SEED = 16000, 20.0, 5
MEASURED = [(name, p) for name, texture in TEXTURES.items() for p, about in texture.parameters.items() if about.meter]
CENTS = 2 ** (10 / 1200) - 1
# How near a meter must come: a share of what it should read, and an amount. Where events come at random, three standard
# deviations of their number in 20 s are added.
NEAR = {
    "beat": (0.005, 0), "peak": (CENTS, 0), "period": (CENTS, 0), "carrier": (CENTS, 0), "vibrato": (0.005, 0),
    "index": (0.005, 0.005), "level": (0.02, 0), "middle": (0.04, 0), "tone": (0, 0.04), "swing": (0.1, 0.06),
    "spread": (0.15, 0.01), "density": (0.03, 0),
}  # fmt: skip


@pytest.mark.parametrize(("name", "p"), MEASURED)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_meters_read_what_the_parameters_say(name, p, share):
    texture = TEXTURES[name]
    values = {q: about.default for q, about in texture.parameters.items()}
    parameter = texture.parameters[p]
    values[p] = parameter.low + share * (parameter.high - parameter.low)
    curves = {q: np.full(round(SECONDS * RATE), value) for q, value in values.items()}
    sound = texture.sound(np.random.default_rng(SEED), curves, RATE)
    read, wanted = METERS[parameter.meter](sound, RATE), parameter.expected(values)
    relative, absolute = NEAR[parameter.meter]
    if "density" in values:
        relative += 3 / math.sqrt(SECONDS * values["density"])
    assert read is not None
    assert read[0] == pytest.approx(wanted, rel=relative, abs=absolute), f"{name} {p}={values[p]:g}, seed {SEED}"


@pytest.mark.parametrize("name", TEXTURES)
@pytest.mark.parametrize("rate", [8000, 44100])
def test_loudest_settings_hardly_clip_at_any_sample_rate(name, rate):
    parameters = TEXTURES[name].parameters
    curves = {q: np.linspace(about.low, about.high, 5 * rate) for q, about in parameters.items()}
    sound = TEXTURES[name].sound(np.random.default_rng(SEED), curves, rate)
    assert np.isfinite(sound).all()
    assert np.mean(np.abs(sound) > 1) < 1e-4
    assert 0.005 < sound.std() < 0.4
    assert abs(sound.mean()) < 0.004


def test_a_band_of_noise_has_the_variance_of_its_noise():
    noise = np.random.default_rng(SEED).standard_normal(40 * RATE)
    for hz, quality in ((300.0, 2.0), (3000.0, 10.0), (6500.0, 1.0)):
        assert band(noise, np.full(len(noise), hz), quality, RATE).std() == pytest.approx(1, rel=0.03)


def test_rings_are_their_formula():
    onsets = np.array([10, 300])
    t = np.arange(2000)[:, None] - onsets
    each = 0.5 * np.exp(-t / (0.01 * RATE)) * np.sin(2 * np.pi * (200 * t / RATE + 0.25))
    made = rings(2000, onsets, 200.0, 0.01, 0.5, RATE, 0.25)
    np.testing.assert_allclose(made, np.where(t >= 0, each, 0).sum(axis=1), atol=1e-4)


def test_a_poisson_process_of_changing_rate():
    rates = np.repeat([2.0, 50.0], 100 * RATE)
    onsets = poisson_onsets(rates, RATE, np.random.default_rng(SEED))
    early = (onsets < 100 * RATE).sum()
    assert abs(early - 200) < 4 * math.sqrt(200)
    assert abs(len(onsets) - early - 5000) < 4 * math.sqrt(5000)
    gaps = np.diff(onsets[onsets >= 100 * RATE]) / RATE
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.05)  # exponential


def values_of(folder, p):
    return [file.params[p].values for _, file in ParamManager(folder).files()]


def test_the_first_parameter_is_a_grid_and_all_are_labelled(tmp_path):
    wavs = write_texture("rain", tmp_path / "rain", files=5, seconds=0.2)
    assert [v[0] for v in values_of(tmp_path / "rain", "density")] == pytest.approx(np.linspace(5, 400, 5))
    assert values_of(tmp_path / "rain", "size") == [[2.0, 2.0]] * 5
    assert all(len(sound_files.read(wav).samples) == 3200 for wav in wavs)
    assert not ParamManager(tmp_path / "rain").check()


def test_a_grid_over_two_parameters(tmp_path):
    write_texture(
        "fm", tmp_path / "a", vary=("carrier", "index"), files=(3, 2), settings={"modulation": 9}, seconds=0.1
    )
    found = list(zip(*(values_of(tmp_path / "a", p) for p in ("carrier", "index")), strict=True))
    assert sorted((c[0], i[0]) for c, i in found) == [(c, i) for c in (400, 1000, 1600) for i in (0, 4)]
    assert values_of(tmp_path / "a", "modulation") == [[9, 9]] * 6


def test_held_out_values_are_in_a_folder_of_their_own(tmp_path):
    held = {"rate": [0.0, 0.5]}
    wavs = write_texture("pops", tmp_path / "grid", files=5, seconds=0.1, held_out=held)
    assert [v[0] for v in values_of(tmp_path / "grid", "rate")] == [0.25, 0.75, 1.0]
    assert len(wavs) == 3
    assert [v[0] for v in values_of(tmp_path / "grid_held_out", "rate")] == [0.0, 0.5]
    write_texture("pops", tmp_path / "drawn", files=40, random=True, seconds=0.02, held_out=held)
    drawn = [v[0] for v in values_of(tmp_path / "drawn", "rate")]
    assert len(set(drawn)) == 40
    assert min(min(abs(v), abs(v - 0.5)) for v in drawn) > 0.05


def test_gliding_files_go_from_value_to_value(tmp_path):
    write_texture("chimes", tmp_path / "a", vary=("rate", "size"), files=8, random=True, glide=True, seconds=0.1)
    rates = values_of(tmp_path / "a", "rate")
    assert sorted(start for start, _ in rates) == sorted(end for _, end in rates)
    assert all(start != end for start, end in rates)


def test_the_same_seed_makes_the_same_files(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_texture("pops", tmp_path / name, files=2, seconds=0.5, seed=seed)
    contents = {n: [p.read_bytes() for p in sorted((tmp_path / n).iterdir())] for n in "abc"}
    assert contents["a"] == contents["b"] != contents["c"]
    assert len(contents["a"]) == 4


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["pop"], r"unknown texture 'pop' (did you mean 'pops'?); known: pops, wind"),
        (["pops", "--vary", "rat"], "unknown parameter 'rat' (did you mean 'rate'?); known: rate"),
        (["pops", "--set", "centre=20"], "--set centre=20: it must be 300 to 2000 (Hz)"),
        (["pops", "--set", "centre=nan"], "--set centre=nan: it must be 300 to 2000 (Hz)"),
        (["pops", "--set", "centre"], "--set centre: it must be NAME=VALUE, with a number"),
        (["pops", "--set", "rate=0.5"], "--set rate: that parameter varies (--vary)"),
        (["pops", "--held_out", "rate=2"], "--held_out rate=2: it must be 0 to 1"),
        (["pops", "--held_out", "rate=0", "--glide"], "--held_out cannot be used with --glide"),
        (["pops", "--files", "1", "--held_out", "rate=0"], "all values are held out"),
        (["pops", "--files", "0"], "--files is 0; it must be above 0"),
        (["pops", "--files", "2", "3"], "--files 2 3: give one number, or one for each of rate"),
        (["pops", "--seconds", "0"], "--seconds is 0.0; it must be above 0"),
        (["pops", "--seconds", "nan"], "argument --seconds: invalid number value: 'nan'"),
        (["pops", "--seconds", "1e-6"], "--seconds 1e-06 is less than one sample at 16000 Hz"),
        (["pops", "--seconds", "1e300"], "--seconds 1e+300 is too long for one file at 16000 Hz: at most 625"),
        (["pops", "--sample_rate", "0"], "--sample_rate is 0; it must be 1000 to 768000 Hz"),
        (["pops", "--sample_rate", "9" * 400], "it must be 1000 to 768000 Hz"),
        (["pops", "--files", "100001"], "--files 100001 makes 100,001 files; at most 100,000"),
        (["pops", "--files", "100000", "--held_out", "rate=0"], "--files 100000 makes 100,001 files; at most 100,000"),
        (["fm", "--vary", "index", "carrier", "--files", "1000"], "--files 1000 makes 1,000,000 files"),
        (["fm", "--vary", "index", "carrier", "--files", "9" * 30, "1"], "files; at most 100,000"),
        (["pops", "--files", "9" * 30, "--random"], "files; at most 100,000"),
        ([], "a texture needs a name and --out FOLDER"),
    ],
)
def test_bad_requests_write_nothing(tmp_path, capsys, words, problem):
    code, _, err = run_cli(capsys, "texture", *words, "--out", tmp_path / "x")
    assert code == 2
    assert problem in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf])
def test_lengths_are_finite(tmp_path, seconds):
    with pytest.raises(InputError, match=r"`seconds` is (nan|-inf); it must be above 0|`seconds` inf is too long"):
        write_texture("pops", tmp_path / "x", seconds=seconds)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        (".", "is not a name for a new folder"),
        ("x/..", "is not a name for a new folder"),
        ("x" * 256, "File name too long"),
        ("x" * 250, "_held_out: File name too long"),
        (("x" * 199 + "/") * 20, "File name too long"),  # a folder, but no file in it, can have such a path
    ],
)
def test_names_that_no_folder_can_have_are_one_line(tmp_path, capsys, monkeypatch, out, problem):
    monkeypatch.chdir(tmp_path)
    words = ["pops", "--files", 2, "--seconds", 0.1, "--held_out", "rate=0.5", "--out"]
    code, _, err = run_cli(capsys, "texture", *words, out)
    assert code == 2
    assert problem in err
    assert not list(tmp_path.iterdir())


def test_a_slash_at_the_end_changes_nothing(tmp_path, capsys):
    code, _, err = run_cli(
        capsys, "texture", "pops", "--files", 3, "--seconds", 0.1, "--held_out", "rate=0.5", "--out", f"{tmp_path}/x/"
    )
    assert code == 0, err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x", "x_held_out"]


def test_folders_that_exist_are_left_alone(tmp_path, capsys):
    (tmp_path / "there_held_out").mkdir()
    code, _, err = run_cli(capsys, "texture", "pops", "--out", tmp_path / "there", "--held_out", "rate=0")
    assert code == 2
    assert "there_held_out already exists" in err
    assert [p.name for p in tmp_path.iterdir()] == ["there_held_out"]


def test_the_list_names_all(capsys):
    _, out, _ = run_cli(capsys, "texture", "--list")
    for name, texture in TEXTURES.items():
        assert f"{name}: {texture.summary}" in out
    assert "  irregularity: 0 to 1 share of the period [0], meter: spread" in out
