"""Tiers that play together: alignment, delay, blocks, what does not fit."""

from dataclasses import replace

import numpy as np
import pytest

from helpers import tiny_model
from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.engine import Engine
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.cascade import Cascade, Given

RATE = 1000
UNIT = Range(0.0, 1.0)


class Echo:
    """Generates what its first parameter is."""

    def __init__(self, generate, prop, rate):
        names = [*generate, *prop]
        self.config = ModelConfig(Tier(generate, prop, rate), Net(), {n: UNIT for n in names if n != "audio"})

    def init(self, seed, batch=1):
        return 0

    def prime(self, state, values, parameters=None):
        return state

    def render(self, state, parameters, temperature=None):
        assert parameters.shape[1] > 0
        return parameters[..., :1].astype(np.float32), state + parameters.shape[1]


def echoes(*rates):
    """Tiers a, b, ... at these rates over audio, each passing on what is above; the control is x."""
    above, tiers = "x", {}
    for name, rate in zip("abc", rates, strict=False):
        tiers[name] = Echo((name.upper(),), (above,), rate)
        above = name.upper()
    return Cascade({**tiers, "sound": Echo(("audio",), (above,), RATE)}, ["x"])


def played(cascade, parameters, block, seed=3):
    state = cascade.init(seed, len(parameters))
    out = []
    for first in range(0, parameters.shape[1], block):
        values, state = cascade.render(state, parameters[:, first : first + block])
        out.append(values)
    return np.concatenate(out, axis=1)


@pytest.mark.parametrize("rates", [(100,), (63,), (1000,), (20, 100), (7, 63), (50, 50), (10, 63, 500)])
def test_a_control_arrives_at_most_one_step_of_each_tier_late(rates):
    ramp = np.arange(2000)[None, :, None] / RATE
    out = played(echoes(*rates), ramp, 2000)[0, :, 0]
    late = ramp[0, :, 0] - out
    latest = sum(1 / rate for rate in rates)
    assert late.max() <= latest + 1e-6
    settled = late[int(2 * latest * RATE) :]
    assert settled.min() > -1e-6
    assert np.diff(out).min() > -1e-6
    if len(set(rates)) == 1 and RATE % rates[0] == 0:  # then the delay is the same all the time
        assert settled == pytest.approx(late[-1], abs=1e-6)


@pytest.mark.parametrize("rate", [100, 63, 7, 1000])
def test_values_stand_at_their_own_times_with_straight_lines_between(rate):
    curve = np.random.default_rng(rate).normal(size=(1, 3 * rate, 1))
    cascade = echoes(rate)
    cascade.players["a"] = Given(cascade.players["a"].config, curve)
    out = played(cascade, np.zeros((1, 4 * RATE, 1)), 501)[0, :, 0]
    expected = np.interp(np.arange(4 * RATE) / RATE, np.arange(3 * rate) / rate, curve[0, :, 0])
    assert out == pytest.approx(expected, abs=1e-6)


def real_cascade(temperature=1.0):
    """Two parameter tiers over audio, in the engine, with random weights."""
    ranges = dict.fromkeys(("x", "y", "a", "b"), UNIT)

    def engine(seed, tier, net="gru"):
        model = new_model(ModelConfig(tier, Net(net, 8, 1), ranges), seed)
        weights = {name: 2 * tensor.detach().numpy() for name, tensor in model.module.state_dict().items()}
        return Engine(model.config, weights, temperature, threads=1)

    tiers = {
        "slow": engine(1, Tier(("a",), ("x",), 63)),
        "mid": engine(2, Tier(("b",), ("a", "y"), 250), "mixture"),
        "sound": engine(3, Tier(("audio",), ("b", "x"), RATE, 16)),
    }
    return Cascade(tiers, ["x", "y"])


def test_blocks_of_any_size_are_the_same_bits():
    cascade = real_cascade()
    controls = np.random.default_rng(5).random((2, 4000, 2))
    whole = played(cascade, controls, 4000)
    assert len(np.unique(whole)) > 4
    assert (whole[0] != whole[1]).any()
    for block in (1, 64, 999):
        assert (played(cascade, controls, block) == whole).all(), block
    assert (played(cascade, controls, 4000, seed=4) != whole).any()


def test_a_state_can_be_gone_back_to_and_tells_what_the_tiers_made():
    cascade = real_cascade()
    controls = np.full((1, 500, 2), 0.5)
    made, state = cascade.render_all(cascade.init(1), controls)
    assert {name: values.shape for name, values in made.items()} == {
        "slow": (1, 33, 1),  # the last sample lies between values 31 and 32, at 31.4
        "mid": (1, 126, 1),
        "sound": (1, 500, 1),
    }
    once, _ = cascade.render(state, controls)
    again, _ = cascade.render(state, controls)
    assert (once == again).all()
    assert sum(part.values.size for part in state.parts.values()) < 10  # a state does not grow


def test_priming_changes_what_follows():
    cascade = real_cascade()
    controls = np.full((1, 300, 2), 0.5)
    plain, _ = cascade.render(cascade.init(1), controls)
    primed = cascade.prime(cascade.init(1), {"slow": (np.ones((1, 20, 1)), np.zeros((1, 20, 1)))})
    assert (cascade.render(primed, controls)[0] != plain).any()


def test_what_it_is_as_one_tier():
    cascade = real_cascade()
    assert cascade.order == ["slow", "mid", "sound"]
    assert cascade.config.tier == replace(cascade.tiers["sound"], prop=("x", "y"))
    assert cascade.config.ranges == {"x": UNIT, "y": UNIT}


def test_parameters_of_the_wrong_shape():
    cascade = real_cascade()
    with pytest.raises(InputError, match=r"parameters \(x, y\): the shape is \[1, 5, 1\]; it must be \[1, steps, 2\]"):
        cascade.render(cascade.init(0), np.zeros((1, 5, 1)))


def test_tiers_that_do_not_fit():
    slow, sound = Echo(("a",), ("x",), 10), Echo(("audio",), ("a",), RATE)
    with pytest.raises(InputError, match="no tier generates audio; the tiers are m, n"):
        Cascade({"m": slow, "n": Echo(("b",), ("a",), 20)}, ["x"])
    with pytest.raises(InputError, match="the tier n generates b, but no tier is conditioned on it"):
        Cascade({"m": slow, "n": Echo(("b",), ("a",), 20), "s": sound}, ["x"])
    sound.config.ranges["a"] = Range(0.0, 2.0)
    with pytest.raises(
        InputError, match="a is 0 to 1 for the tier m, but 0 to 2 for s: train both on the same param f"
    ):
        Cascade({"m": slow, "s": sound}, ["x"])
    sound.config.ranges["a"] = Range(0.0, 1.0, "Hz")
    with pytest.raises(InputError, match="a is 0 to 1 for the tier m, but 0 to 1 Hz for s"):
        Cascade({"m": slow, "s": sound}, ["x"])


def test_one_tier_alone_is_itself_but_for_its_seed():
    model = tiny_model()
    weights = {name: tensor.numpy() for name, tensor in model.module.state_dict().items()}
    engine = Engine(model.config, weights, threads=1)
    cascade = Cascade({"only": engine}, ["pitch"])
    controls = np.full((1, 200, 1), 70.0)
    state = cascade.init(9)
    assert (cascade.render(state, controls)[0] == engine.render(state.parts["only"].state, controls)[0]).all()
