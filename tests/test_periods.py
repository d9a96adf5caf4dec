"""Parameters that say a period: expressions, units, what training takes from the data."""

import json

import numpy as np
import pytest

from helpers import run_cli, tone_set, write_params, write_wav
from mtcrnn.config.nets import Net
from mtcrnn.config.periods import NO_EXPRESSION, UNITS, VALUE, Period, expression_of
from mtcrnn.config.presets import complete
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.models.config import ModelConfig
from mtcrnn.textures import TEXTURES
from mtcrnn.training.options import completed


@pytest.mark.parametrize(
    ("expression", "value", "hertz"),
    [
        ("rate", 7, 7),
        ("x/60", 90, 1.5),
        ("2^(2+3*rate)", 0.5, 2**3.5),
        ("4*8**rate", 1, 32),
        ("440*2^((x-69)/12)", 57, 220),
        ("1/x", 0.25, 4),
        ("1/x", 0, 0),
        ("x", -3, 0),
        ("-x", -3, 3),
        ("x", 0, 0),
        ("9^9^9^9", 1, 0),
        ("12", 5, 12),
        ("MIDI", 57, 220),
        ("rpm", 90, 1.5),
    ],
)
def test_an_expression_says_how_often_a_second(expression, value, hertz):
    found = Period("rate", expression).hertz(np.array([[value, 1.0]]))
    assert found.shape == (1, 2)
    assert found[0, 0] == pytest.approx(hertz)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("2*", "that is no expression"),
        ("", "that is no expression"),
        ("2 rate", "that is no expression"),
        ("x\0", "that is no expression"),
        ("y+1", "y is not known"),
        ("__import__('os')", "is not a number, the parameter, or"),
        ("x[0]", "is not a number, the parameter, or"),
        ("True", "is not a number, the parameter, or"),
        ("1j", "is not a number, the parameter, or"),
        ("x%2", "is not a number, the parameter, or"),
        ("x" * 201, "it is longer than 200 characters"),
    ],
)
def test_an_expression_that_cannot_be_read(expression, why):
    with pytest.raises(InputError, match=r"`period` rate=.*" + why):
        Tier(prop=("rate",), period=(f"rate={expression}",))


@pytest.mark.parametrize(
    ("tier", "message"),
    [
        ({"prop": ("a",), "period": ("b=b",)}, "`period` b: not among the conditioning parameters"),
        ({"prop": ("a",), "period": ("a=a", "a=2*a")}, "`period` names a twice"),
        ({"generate": ("p",), "prop": ("a",), "period": ("a=a",)}, "`period` is for audio"),
    ],
)
def test_periods_that_cannot_be(tier, message):
    with pytest.raises(InputError, match=message):
        Tier(**tier)


def test_periods_are_for_framed_nets_and_models_know_their_expressions():
    tier = Tier(prop=("a",), period=("a=a",))
    with pytest.raises(InputError, match="`period` is for the nets frame and subband, not for gru"):
        Net("gru").check_for(tier)
    with pytest.raises(InputError, match="`period` a: a model needs NAME=EXPRESSION"):
        ModelConfig(Tier(prop=("a",), period=("a",)), Net("frame"), {"a": Range(0, 1)})
    assert Tier(prop=("a",), period=("none",)).period == ()


def labelled(folder, units, meta=None):
    """A set of one sound whose parameters have these units, by name."""
    write_wav(folder / "a.wav", np.zeros(100), 8000)
    curve = {"times": [0.0, 1.0], "values": [1.0, 1.0]}
    content = {name: {**curve, **({"units": unit} if unit else {})} for name, unit in units.items()}
    (folder / "a.params").write_text(json.dumps({"meta": meta or {}, **content}))
    return {"data_dir": str(folder)}


@pytest.mark.parametrize(
    ("units", "given", "expected"),
    [
        ({"pitch": "MIDI note"}, {}, (f"pitch={UNITS['midi']}",)),
        ({"pitch": "Hz", "centroid": "Hz", "level": None}, {}, ("pitch=x",)),
        ({"rpm": "RPM", "beat": "bpm"}, {}, ("rpm=x/60", "beat=x/60")),
        ({"rpm": "rpm"}, {"period": ("rpm=rpm/30",)}, ("rpm=rpm/30",)),
        ({"centroid": "Hz"}, {"period": ("centroid",)}, ("centroid=x",)),
        ({"rate": "furlongs"}, {}, ()),
        ({"pitch": "Hz"}, {"period": ("none",)}, ()),
        ({"pitch": "Hz"}, {"mulaw_channels": 255, "onehot": True}, ()),
    ],
)
def test_training_takes_periods_from_units(tmp_path, caplog, units, given, expected):
    tier, _, train = completed({"prop": tuple(units), **given}, {}, labelled(tmp_path, units))
    assert tier.period == expected
    assert train.input_noise == (0.01 if expected else 0)
    said = [line for line in caplog.messages if line.startswith("`period`")]
    assert said == ([] if given else [f"`period` {' '.join(expected) or 'none'}, by the units"])


def test_what_suits_a_period_is_as_given_where_it_is(tmp_path, caplog):
    units = {"pitch": "Hz"}
    _, _, train = completed({"prop": ("pitch",)}, {}, {**labelled(tmp_path, units), "input_noise": 0.0})
    assert train.input_noise == 0
    assert "input_noise" not in caplog.text


@pytest.mark.parametrize(
    ("notes", "still", "expected"),
    [
        ([40, 43, 46], 3, 2),
        ([40, 40.5], 2, 2),
        ([40, 43, 46, 49], 3, 0),  # one moves
        ([40, *range(41, 51)], 10, 2),
        ([40, 40, 40], 3, 0),
        ([40], 1, 0),
    ],
)
def test_copies_glide_where_periods_stand_still(tmp_path, caplog, notes, still, expected):
    for k, note in enumerate(notes):
        write_wav(tmp_path / f"{k}.wav", np.zeros(2000))
        curve = {"times": [0, 2], "values": [note, note + (k >= still)], "units": "MIDI"}
        write_params(tmp_path / f"{k}.params", pitch=curve)
    options = {"data_dir": str(tmp_path), "num_steps": 1}
    assert completed({"prop": ("pitch",)}, {}, options)[2].glides == expected
    assert ("`glides` 2, since the sounds' periods stand still" in caplog.messages) == bool(expected)
    assert completed({"prop": ("pitch",)}, {}, {**options, "glides": 1.0})[2].glides == 1
    assert completed({"prop": ("pitch",), "period": ("none",)}, {}, options)[2].glides == 0


@pytest.mark.parametrize(
    ("period", "expected"), [(["pitch=MIDI"], 0.01), (("none",), None), ([], None), (["auto"], None)]
)
def test_a_recipe_takes_what_suits_a_period(period, expected):
    assert complete({"prop": ["pitch"], "period": period}, {}, {})[2].get("input_noise") == expected


def test_a_texture_says_its_periods(tmp_path, capsys):
    assert run_cli(capsys, "texture", "engine", "--out", tmp_path / "data", "--files", 1, "--seconds", 0.2)[0] == 0
    tier, _, _ = completed({"prop": ("rpm", "roughness")}, {}, {"data_dir": str(tmp_path / "data")})
    assert tier.period == ("rpm=rpm/30",)
    for texture in TEXTURES.values():
        for name, parameter in texture.parameters.items():
            if parameter.hertz and parameter.expected:
                found = Period(name, parameter.hertz).hertz(np.array([parameter.default]))
                assert found == pytest.approx(parameter.expected({name: parameter.default}))


def test_a_carrier_and_a_size_say_a_pitch(tmp_path, capsys):
    """A carrier in Hz, and the size of a bar, which has no unit that says one."""
    for name, prop, expected in (
        ("fm", ("carrier", "modulation"), ("carrier=carrier", "modulation=modulation")),
        ("chimes", ("rate", "size"), ("rate=rate", "size=880/size")),
    ):
        data = tmp_path / name
        assert run_cli(capsys, "texture", name, "--out", data, "--files", 1, "--seconds", 0.2)[0] == 0
        assert completed({"prop": prop}, {}, {"data_dir": str(data)})[0].period == expected


def test_data_can_say_that_a_unit_says_no_period():
    assert expression_of("carrier", "Hz", {}, True) == VALUE
    assert expression_of("carrier", "Hz", {"carrier": NO_EXPRESSION}, True) is None


@pytest.mark.parametrize(
    ("unit", "says"), [("furlongs", "its unit is furlongs, which says no period"), (None, "it has no unit")]
)
def test_a_unit_that_says_no_period(tmp_path, unit, says):
    with pytest.raises(InputError, match=f"`period` speed: {says}; write speed=UNIT"):
        completed({"prop": ("speed",), "period": ("speed",)}, {}, labelled(tmp_path, {"speed": unit}))


def test_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tone_set(tmp_path / "data")
    words = ["--data_dir", "data", "--num_steps", 1, "--seq_len", 64, "--output_dir", "./run", "--prop", "pitch"]
    code, _, error = run_cli(capsys, "train", *words, "--period", "pitch=pitch*")
    assert (code, "--period pitch=pitch*: that is no expression" in error) == (2, True)
    code, _, error = run_cli(capsys, "train", *words, "--period", "pitch")
    assert (code, "--period pitch: it has no unit; write pitch=UNIT" in error) == (2, True)
    assert not (tmp_path / "run").exists()
