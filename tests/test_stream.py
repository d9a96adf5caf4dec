"""One sound that is played live: its controls, its blocks, its gesture."""

import numpy as np
import pytest
import soundfile

from helpers import run_cli
from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.engine import Engine
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.stream import Stream, replay
from mtcrnn.runs import checkpoint

RATE = 1010  # a block of 10 samples is not quite 10 ms


def make_model():
    tier = Tier(prop=("hz", "gain"), sample_rate=RATE, mulaw_channels=64)
    return new_model(ModelConfig(tier, Net("frame", 8, 1, frame_size=4), {"hz": Range(10, 90), "gain": Range(0, 1)}), 3)


@pytest.fixture
def player():
    model = make_model()
    return Engine(model.config, {name: tensor.numpy() for name, tensor in model.module.state_dict().items()})


def test_a_gesture_renders_to_the_samples_that_were_played(player, tmp_path, capsys):
    """Live, in blocks, with moves in between; then from the gesture, by function and by command."""
    stream, played = Stream(player, 5), []
    assert (stream.block_size, stream.control_rate) == (10, 101.0)
    assert stream.values == {"hz": 50, "gain": 0.5}
    rng = np.random.default_rng(0)
    for k in range(300):
        if k % 3 == 0:
            stream.set({"hz": rng.uniform(10, 90)})
        if k % 50 == 20:
            stream.set({}, temperature=rng.uniform(0.2, 1.5))
        block = stream.render()
        assert block.first == 10 * k
        played.append(block.samples)
    played = np.concatenate(played)
    gesture = stream.gesture()
    assert gesture.shape == (1, 301, 3)
    again, other = (np.concatenate([*replay(Stream(player, seed), gesture)], axis=1)[0] for seed in (5, 6))
    np.testing.assert_array_equal(again, played)
    assert not np.array_equal(other, played)

    checkpoint.save(tmp_path / "run" / "model", make_model())
    np.save(tmp_path / "take.npy", gesture)
    words = [
        "generate",
        "--model_dir",
        tmp_path / "run",
        "--gesture",
        tmp_path / "take.npy",
        "--out",
        tmp_path / "again",
    ]
    code, _, error = run_cli(capsys, *words, "--rand_seed", "5")
    assert code == 0, error
    again, _ = soundfile.read(tmp_path / "again.wav", dtype="int32")
    soundfile.write(tmp_path / "live.wav", played, RATE, subtype="PCM_24")
    np.testing.assert_array_equal(again, soundfile.read(tmp_path / "live.wav", dtype="int32")[0])
    for more, message in (
        ([], "--gesture needs --rand_seed, the seed that it was played with"),
        (["--rand_seed", "5", "--temp", "0.5"], "--gesture cannot be combined with --temp"),
        (["--rand_seed", "5", "--set", "hz=20"], "--gesture cannot be combined with --set"),
    ):
        assert run_cli(capsys, *words, *more)[::2] == (2, f"mtcrnn: error: {message}")
    np.save(tmp_path / "take.npy", gesture[..., :2])
    code, _, error = run_cli(capsys, *words, "--rand_seed", "5")
    assert (code, "it must be [1, length, 3] (hz, gain, @temperature)" in error) == (2, True)


def test_controls_are_clamped_and_checked(player):
    stream = Stream(player, 1)
    assert stream.clamped({"hz": 5.0, "gain": 0.2}) == {"hz": 10}
    stream.set({"hz": 500.0}, change=7)
    assert stream.values["hz"] == 90
    assert stream.render().change == 7
    with pytest.raises(InputError, match=r"unknown parameter 'hertz'.*known: hz, gain"):
        stream.check(["hertz"])


def test_long_gestures_are_kept_in_part(player, monkeypatch):
    monkeypatch.setattr("mtcrnn.rendering.stream.MOST_SECONDS", 0.1)
    stream = Stream(player, 1)
    for _ in range(30):
        stream.render()
    assert stream.gesture().shape == (1, 11, 3)


def test_a_parameter_tier_has_no_sound(tmp_path, capsys):
    ranges = {"loudness": Range(0, 1), "note": Range(0, 1)}
    config = ModelConfig(Tier(("loudness",), ("note",), 100), Net(hidden_size=4, n_layers=1), ranges)
    checkpoint.save(tmp_path / "slow" / "model", new_model(config, 1))
    code, _, error = run_cli(capsys, "play", tmp_path / "slow", "--no-browser")
    assert (code, "generates loudness, no sound: it plays as a tier of a recipe" in error) == (2, True)
