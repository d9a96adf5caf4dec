"""Ranges of parameters, and sliders that move by ratios."""

import math

import numpy as np
import pytest

from helpers import run_cli, tiny_config, tiny_train, tone_set, write_params
from mtcrnn.config.ranges import Range, normalise, restore
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.runs import folders
from mtcrnn.training.run import train


@pytest.mark.parametrize("seed", range(5))
def test_a_slider_of_ratios_moves_by_them_and_the_net_reads_values(seed):
    rng = np.random.default_rng(seed)
    low = 10.0 ** rng.uniform(-6, 4)
    high = low * 10.0 ** rng.uniform(0.2, 6)
    scale, plain = Range(low, high, log=True), Range(low, high)
    shares = rng.random(20)
    np.testing.assert_allclose(np.diff(np.log(scale.at(np.linspace(0, 1, 9)))), math.log(high / low) / 8, rtol=1e-6)
    assert [scale.at(share) for share in (0, 1)] == pytest.approx([low, high])
    assert scale.at(0.5) == pytest.approx(scale.middle) == pytest.approx(math.sqrt(low * high))
    np.testing.assert_allclose(plain.at(shares), plain.restore(shares), rtol=1e-5, err_msg=f"seed {seed}")
    assert (scale.normalise(plain.at(shares)) == plain.normalise(plain.at(shares))).all(), seed


def test_normalising_and_back():
    ranges = {"a": Range(0.0, 4.0), "b": Range(7.0, 7.0)}
    values = np.array([[1.0, 7.0], [4.0, 7.0]])
    shares = normalise(values, ranges, ["a", "b"])
    assert shares.tolist() == [[0.25, 0], [1, 0]]
    assert restore(shares, ranges, ["a", "b"]).tolist() == values.tolist()
    assert (ranges["a"].at(0.25), ranges["a"].middle) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("low", "high", "units", "ratios"),
    [
        (400, 1600, "Hz", True),
        (400, 800, "Hz", False),
        (600, 6000, "turns/min", True),
        (5, 400, "drops/s", True),
        (0, 400, "drops/s", False),
        (21, 108, "MIDI note", False),
        (1, 12, None, False),
        (0.001, 1, None, True),
        (-60, -6, "dB", False),
        (3, 3, "Hz", False),
    ],
)
def test_what_counts_as_a_ratio(low, high, units, ratios):
    assert Range.of(low, high, units) == Range(low, high, units, log=ratios)


def test_what_has_no_logarithm():
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (2.0, 2.0), (3.0, 2.0)):
        with pytest.raises(InputError, match=r"cannot have a log scale: above 0, and rising|does not rise"):
            Range(low, high, log=True)


def test_the_scale_is_kept_in_the_model(tmp_path, capsys):
    data = tone_set(tmp_path / "data", files=1)
    write_params(data / "tone0.params", pitch={"times": [0, 1], "values": [40, 130], "units": "Hz"})
    tier = Tier(prop=("pitch",), sample_rate=1000, mulaw_channels=16)
    saved = train(tier, tiny_config().net, tiny_train(data, tmp_path / "run"))
    assert folders.read_config(saved).ranges["pitch"] == Range(40, 130, "Hz", log=True)
    code, out, _ = run_cli(capsys, "info", tmp_path / "run")
    assert code == 0
    assert "pitch: 40 to 130 Hz, log scale" in out
