"""What renders all that is played: who is due, what waits, what is asked, and how much it costs."""

import random
import threading
import time
import tracemalloc
from concurrent.futures import CancelledError
from types import SimpleNamespace

import numpy as np
import pytest

from mtcrnn.config.net import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.engine import Engine
from mtcrnn.live import conductor as conducting
from mtcrnn.live.conductor import Conductor, speed
from mtcrnn.live.models import Opened
from mtcrnn.live.output import Output
from mtcrnn.live.seat import STEP, Pending, Seat
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.stream import Stream

RATE = 1000  # a block is 10 samples


@pytest.fixture
def player():
    tier = Tier(prop=("hz", "gain"), sample_rate=RATE, mulaw_channels=64)
    config = ModelConfig(tier, Net("frame", 8, 1, frame_size=4), {"hz": Range(10, 90), "gain": Range(0, 1)})
    weights = new_model(config, 3).module.state_dict()
    return Engine(config, {name: tensor.numpy() for name, tensor in weights.items()}, threads=1)


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
    """Its time stands still: what is due is due by what listeners say alone."""
    conductor = Conductor(clock=lambda: 0.0)
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
    conductor.margin(seat, 45)
    listener.wait(9)
    expected = Stream(player, 4)
    np.testing.assert_array_equal(listener.samples(1), np.concatenate([expected.render().samples for _ in range(9)]))


def test_a_late_report_does_not_stop_the_rendering(player):
    """Margin 30 ms; at 5.0 s the listener said that it had played 20 ms, and 60 ms were rendered: 10 to spare."""
    seat = Seat(Stream(player, 1), 0.1, Listener(), margin=30)
    assert seat.due == np.inf  # it does not play
    seat.start(1, now=4.0)
    assert (seat.spare, seat.due) == (-30, pytest.approx(3.971))
    seat.rendered = 30
    assert seat.due == np.inf  # its listener has not begun: it waits for nothing
    seat.rendered = 60
    seat.played(20, now=5.0)
    assert (seat.spare, seat.due) == (10, pytest.approx(5.011))
    seat.played(20, now=5.005)  # nothing new
    assert seat.due == pytest.approx(5.011)
    seat.rendered = 70
    assert seat.due == pytest.approx(5.021)
    seat.rendered = 80  # a margin beyond the margin: it fell silent
    assert seat.due == np.inf
    seat.played(55, now=5.04)
    assert (seat.spare, seat.due) == (-5, pytest.approx(5.036))


def test_a_listener_that_falls_silent_costs_nothing_after_a_margin(player):
    conductor, listener = Conductor(), Listener()
    seat = conductor.join(Stream(player, 1), 0.1, listener, margin=40)
    conductor.start(seat, 1)
    listener.wait(4)
    conductor.played(seat, 1, 10)
    listener.wait(9)  # 10 + 2 * 40 samples
    time.sleep(0.2)
    conductor.close()
    assert len(listener.blocks) == 9


def test_changes_act_on_the_next_block_and_a_new_take_begins_anew(player, conductor):
    listener, stream = Listener(), Stream(player, 1)
    seat = conductor.join(stream, 0.1, listener, margin=10)
    conductor.start(seat, 4)
    listener.wait(1)
    conductor.set(seat, {"hz": 20.0}, change=3)
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
    with pytest.raises(InputError, match="unknown control 'pitch'"):
        conductor.set(seat, {"pitch": 1.0})


def test_merged_changes_do_what_each_of_them_would(player):
    """Moves and restarts in any order, then blocks: as if each had been done at once."""
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    for _ in range(50):
        merged, plain, pending = Stream(player, 0), Stream(player, 0), Pending()
        seat = Seat(merged, 0.1, Listener(), 10)
        for _ in range(rng.randrange(1, 9)):
            if rng.random() < 0.3:
                plain.restart(number := rng.randrange(100))
                seat.start(number, 0.0)
            else:
                values = {name: rng.uniform(-1, 99) for name in rng.sample(["hz", "gain"], rng.randrange(3))}
                moves = (values, rng.choice([None, rng.uniform(0, 4)]), rng.choice([None, rng.randrange(100)]))
                plain.set(*moves)
                seat.move(*moves)
        pending = seat.changes()
        pending.apply(merged)
        for _ in range(3):
            one, other = merged.render(), plain.render()
            assert (one.first, one.change) == (other.first, other.change), seed
            np.testing.assert_array_equal(one.samples, other.samples)
        np.testing.assert_array_equal(merged.gesture(), plain.gesture())


def test_a_million_moves_of_what_does_not_play_take_no_memory(player, conductor):
    seat = conductor.join(Stream(player, 1), 0.1, Listener(), margin=0)

    def move(times):
        for k in range(times):
            conductor.set(seat, {"hz": float(k), "gain": 0.5}, 1.0, k)
            if k % 1000 == 0:
                conductor.start(seat, k)

    move(1000)
    tracemalloc.start()
    move(20_000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    move(1_000_000 - 21_000)
    assert after < 10_000  # bytes; each move kept would take 500 or more
    assert conductor.ask(seat, lambda stream: stream.values).result(20)["gain"] == 0.5


def test_what_is_asked_while_it_plays(player, conductor):
    """Gestures asked for from another thread while thousands of blocks go by: each is how the last one begins."""

    class Greedy(Listener):
        def __call__(self, take, block):
            super().__call__(take, block)
            conductor.played(seat, take, block.first + len(block.samples))

    listener, stop, found = Greedy(), threading.Event(), []
    seat = conductor.join(Stream(player, 1), 0.1, listener, margin=30)

    def ask():
        while not stop.is_set():
            found.append(conductor.ask(seat, Stream.gesture).result(20))

    asking = threading.Thread(target=ask)
    asking.start()
    conductor.start(seat, 1)
    for k in range(1, 31):
        listener.wait(100 * k)
        conductor.set(seat, {"hz": 10.0 + k})
    stop.set()
    asking.join(20)
    conductor.stop(seat)
    last = conductor.ask(seat, Stream.gesture).result(20)
    assert last.shape[1] > 3000
    assert len(found) > 100
    for gesture in found[found[0].shape[1] == 1 and 1 :]:
        np.testing.assert_array_equal(gesture, last[:, : gesture.shape[1]])


def test_what_is_asked_while_it_does_not_play(player):
    """All that waits is done before; an error is the asker's; who asks too late gets no answer, and does not wait."""
    conductor = Conductor()
    seat = conductor.join(Stream(player, 1), 0.1, Listener(), margin=0)
    conductor.set(seat, {"hz": 20.0, "gain": 1.0}, temperature=0.5)
    conductor.start(seat, 7)
    conductor.set(seat, {"hz": 30.0})
    seed, gesture = conductor.ask(seat, lambda stream: (stream.seed, stream.gesture())).result(20)
    assert (seed, gesture.tolist()) == (7, [[[20.0, 1.0, 0.5]]])
    assert conductor.ask(seat, lambda stream: stream.values["hz"]).result(20) == 30
    with pytest.raises(ZeroDivisionError):
        conductor.ask(seat, lambda stream: 1 / 0).result(20)
    begun, go_on = threading.Event(), threading.Event()
    conductor.ask(seat, lambda stream: (begun.set(), go_on.wait(20)))
    assert begun.wait(20)
    waiting = conductor.ask(seat, lambda stream: 1)
    threading.Timer(0.05, go_on.set).start()
    conductor.close()
    for answer in (waiting, conductor.ask(seat, lambda stream: 1)):
        with pytest.raises(CancelledError):
            answer.result(20)


def test_streams_share_the_time_and_too_many_are_refused(player, conductor):
    """But the first one plays, however slow."""
    alone = conductor.join(Stream(player, 3), 5.0, Listener(), margin=10)
    conductor.leave(alone)
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


def test_a_stall_is_not_what_a_stream_costs(player):
    """Blocks that take 20 to 40 percent of the time, every tenth of them a stall: about 30 is believed."""
    seat, rng = Seat(Stream(player, 1), 2.0, Listener(), 10), np.random.default_rng(1)
    for k in range(2000):
        seat.follow(50.0 if k % 10 == 0 else rng.uniform(0.2, 0.4))
    assert 0.25 < seat.cost < 0.35
    before = seat.cost
    seat.follow(1e9)
    assert seat.cost == pytest.approx(before * (1 + STEP))


def test_one_streams_trouble_is_not_the_others(player, conductor, caplog):
    class Broken(Stream):
        def render(self):
            raise ZeroDivisionError

    class Gone(Listener):
        def __call__(self, take, block):
            super().__call__(take, block)
            raise RuntimeError("nobody is there")

    broken, gone, well = Listener(), Gone(), Listener()
    conductor.start(conductor.join(Broken(player, 1), 0.1, broken, margin=10), 1)
    broken.wait(1)
    assert broken.blocks == [(1, None)]
    conductor.start(conductor.join(Stream(player, 1), 0.1, gone, margin=100), 1)
    gone.wait(2)
    conductor.start(conductor.join(Stream(player, 1), 0.1, well, margin=10), 1)
    well.wait(1)
    assert caplog.text.count("a stream ended") == 2
    assert [block and block.first for _, block in gone.blocks] == [0, None]


@pytest.mark.parametrize(
    ("seconds", "blocks", "expected"),
    [
        ([0.001] * 50, 50, 10.0),
        ([0.9, *[0.001] * 49], 50, 10.0),  # something else took the core for a moment
        ([0.3] * 5, 4, 1 / 30),  # hopelessly slow: soon known
        ([7.0], 1, 1 / 700),
    ],
)
def test_speed_is_that_of_the_usual_block(player, monkeypatch, seconds, blocks, expected):
    now, rendered = [0.0], iter(seconds)
    monkeypatch.setattr(conducting, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    render = Stream.render

    def slowly(stream):
        now[0] += next(rendered)
        return render(stream)

    monkeypatch.setattr(Stream, "render", slowly)
    assert speed(player) == pytest.approx(expected)
    assert len(list(rendered)) == len(seconds) - blocks


def test_the_output_fades_where_blocks_are_late(player, conductor):
    """Full blocks at full gain; a gap fades out from the last sample and in again: no step is larger than a fade's."""
    stream = Stream(player, 3)  # before the conductor takes the player: it is for one thread at a time
    expected = np.concatenate([stream.render().samples for _ in range(20)])
    output = Output(conductor, Opened("x", player, 10.0, ""), margin_ms=40)
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


def test_an_output_that_takes_more_at_once_than_the_margin_sounds_all_the_same(player, conductor):
    output = Output(conductor, Opened("x", player, 10.0, ""), margin_ms=10)
    output.start(3)
    out = np.empty(64, np.float32)
    deadline = time.monotonic() + 20
    while not output._played and time.monotonic() < deadline:
        output.fill(out)
        time.sleep(0.01)
    assert output._played == 64
    assert np.abs(out).max() > 0
    output.close()
