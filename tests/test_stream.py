"""What is played live: streams, their gestures, the conductor that renders them all."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from helpers import run_cli
from mtcrnn import checkpoint
from mtcrnn.config import Net, Tier
from mtcrnn.engine import Engine
from mtcrnn.errors import InputError
from mtcrnn.live import conductor as conducting
from mtcrnn.live.conductor import Conductor, speed
from mtcrnn.live.messages import pack, unpack
from mtcrnn.live.models import Opened
from mtcrnn.live.output import Output
from mtcrnn.model import new_model
from mtcrnn.modelconfig import ModelConfig
from mtcrnn.params import Range
from mtcrnn.stream import Block, Stream, replay

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
    np.testing.assert_array_equal(replay(player, gesture, 5)[:, 0], played)
    other = replay(player, gesture, 6)[:, 0]
    assert not np.array_equal(other, played)

    checkpoint.save(tmp_path / "run" / "model", make_model(), {})
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
        ([], "--gesture needs --rand_seed, the seed that was played"),
        (["--rand_seed", "5", "--temp", "0.5"], "--gesture goes without --temp"),
        (["--rand_seed", "5", "--set", "hz=20"], "--gesture goes without --set"),
    ):
        assert run_cli(capsys, *words, *more)[::2] == (2, f"mtcrnn: error: {message}")
    np.save(tmp_path / "take.npy", gesture[..., :2])
    code, _, error = run_cli(capsys, *words, "--rand_seed", "5")
    assert (code, "it must be [1, length, 3] (hz, gain, temperature)" in error) == (2, True)


def test_controls_are_clamped_and_checked(player):
    stream = Stream(player, 1)
    assert stream.clamped({"hz": 5.0, "gain": 0.2}) == {"hz": 10}
    stream.set({"hz": 500.0}, change=7)
    assert stream.values["hz"] == 90
    assert stream.render().change == 7
    with pytest.raises(InputError, match=r"unknown control 'hertz'.*known: hz, gain"):
        stream.check(["hertz"])


def test_long_gestures_are_kept_in_part(player, monkeypatch):
    monkeypatch.setattr("mtcrnn.stream.MOST_SECONDS", 0.1)
    stream = Stream(player, 1)
    for _ in range(30):
        stream.render()
    assert stream.gesture().shape == (1, 11, 3)


def test_blocks_travel_as_bytes():
    take, block = unpack(pack(3, Block(160, 9, np.float32([0.5, -1]))))
    assert (take, block.first, block.change, block.samples.tolist()) == (3, 160, 9, [0.5, -1.0])


class Listener:
    """Collects blocks; plays them at once, or when told."""

    def __init__(self):
        self.blocks, self.arrived = [], threading.Condition()

    def __call__(self, take, block):
        with self.arrived:
            self.blocks.append((take, block))
            self.arrived.notify()

    def wait(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.blocks) >= count, 20), len(self.blocks)

    def samples(self, take):
        return np.concatenate([block.samples for number, block in self.blocks if number == take])


@pytest.fixture
def conductor():
    conductor = Conductor()
    yield conductor
    conductor.close()
    assert not conductor._thread.is_alive()


def test_the_conductor_renders_as_far_ahead_as_it_may(player, conductor):
    listener, stream = Listener(), Stream(player, 1)
    seat = conductor.join(stream, 0.1, listener, margin=25)
    assert conductor.start(seat, 4) == 1
    listener.wait(3)  # 30 samples: the margin is full
    time.sleep(0.05)
    assert len(listener.blocks) == 3
    conductor.played(seat, 1, 10)
    listener.wait(4)
    conductor.played(seat, 0, 1000)  # of another take
    conductor.played(seat, 1, 5)  # less than it said before
    time.sleep(0.05)
    assert len(listener.blocks) == 4
    conductor.played(seat, 1, 10**9)  # more than was rendered: as much as was
    listener.wait(7)
    expected = Stream(player, 4)
    np.testing.assert_array_equal(listener.samples(1), np.concatenate([expected.render().samples for _ in range(7)]))


def test_changes_act_on_the_next_block_and_a_new_take_begins_anew(player, conductor):
    listener, stream = Listener(), Stream(player, 1)
    seat = conductor.join(stream, 0.1, listener, margin=10)
    conductor.start(seat, 4)
    listener.wait(1)
    conductor.change(seat, lambda s: s.set({"hz": 20.0}, change=3))
    conductor.played(seat, 1, 10)
    listener.wait(2)
    assert [block.change for _, block in listener.blocks] == [0, 3]
    conductor.stop(seat)
    conductor.played(seat, 1, 20)
    time.sleep(0.05)
    assert len(listener.blocks) == 2
    assert conductor.start(seat, 4) == 2
    listener.wait(3)
    assert (listener.blocks[2][0], listener.blocks[2][1].first) == (2, 0)


def test_streams_share_the_time_and_too_many_are_refused(player, conductor):
    listeners = [Listener(), Listener()]
    seats = [conductor.join(Stream(player, k), 0.4, listener, margin=10) for k, listener in enumerate(listeners)]
    for seat in seats:
        conductor.start(seat, 1)
    for listener in listeners:
        listener.wait(1)
    seats[1].cost = 0.4
    seats[0].cost = 0.4
    with pytest.raises(InputError, match="this CPU plays 2 at once, 80% of a core's time, and one more would take 40%"):
        conductor.join(Stream(player, 3), 0.4, Listener(), margin=10)
    conductor.leave(seats[0])
    conductor.join(Stream(player, 3), 0.4, Listener(), margin=10)


def test_one_streams_trouble_is_not_the_others(player, conductor, caplog):
    class Broken(Stream):
        def render(self):
            raise ZeroDivisionError

    broken, well = Listener(), Listener()
    conductor.start(conductor.join(Broken(player, 1), 0.1, broken, margin=10), 1)
    broken.wait(1)
    assert broken.blocks == [(1, None)]
    conductor.start(conductor.join(Stream(player, 1), 0.1, well, margin=10), 1)
    well.wait(1)
    assert "a stream ended" in caplog.text


def test_speed_is_that_of_rendering(player, monkeypatch):
    now = iter([0.0, 0.25])
    monkeypatch.setattr(conducting, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    assert speed(player) == pytest.approx(50 / 101 / 0.25)


def test_the_output_fades_where_blocks_are_late(player, conductor):
    """Full blocks at full gain; a gap fades out from the last sample and in again: no step is larger than a fade's."""
    stream = Stream(player, 3)  # before the conductor takes the player: it is for one thread at a time
    expected = np.concatenate([stream.render().samples for _ in range(20)])
    output = Output(conductor, Opened("x", player, 10.0), margin_ms=40)
    assert output.start(3) == 3
    deadline = time.monotonic() + 20
    while output._waiting < output._margin and time.monotonic() < deadline:
        time.sleep(0.01)
    first = np.empty(20, np.float32)
    output.fill(first)
    step = 1 / (0.004 * RATE)
    gains = np.minimum(step * np.arange(1, 21), 1)
    np.testing.assert_allclose(first, expected[:20] * gains, rtol=1e-6)
    conductor.stop(output.seat)
    time.sleep(0.05)
    rest = np.empty(200, np.float32)
    output.fill(rest)
    assert output.underruns == 1
    waited = int(np.flatnonzero(rest == 0)[0])
    assert (rest[waited:] == 0).all()
    np.testing.assert_allclose(rest[:15], expected[20:35], rtol=1e-6)
    output.close()


def test_a_parameter_tier_has_no_sound(tmp_path, capsys):
    ranges = {"loudness": Range(0, 1), "note": Range(0, 1)}
    config = ModelConfig(Tier(("loudness",), ("note",), 100), Net(hidden_size=4, n_layers=1), ranges)
    checkpoint.save(tmp_path / "slow" / "model", new_model(config, 1), {})
    code, _, error = run_cli(capsys, "play", tmp_path / "slow", "--no-browser")
    assert (code, "generates loudness, no sound: it plays as a tier of a recipe" in error) == (2, True)
