"""The scheduler: which stream is due, which changes and calls wait, what a stream costs; and the sound output."""

import random
import threading
import time
import tracemalloc
from concurrent.futures import CancelledError
from types import SimpleNamespace

import numpy as np
import pytest

from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.engine import Engine
from mtcrnn.live import models
from mtcrnn.live.models import Opened, speed
from mtcrnn.live.playback import STEP, Playback
from mtcrnn.live.scheduler import Scheduler
from mtcrnn.live.sound_output import SoundOutput
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
    """Collects blocks."""

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
def scheduler():
    """Its clock stands still, so only the listeners' reports decide what is due."""
    scheduler = Scheduler(clock=lambda: 0.0)
    yield scheduler
    scheduler.close()
    assert not scheduler._thread.is_alive()


def test_the_scheduler_renders_as_far_ahead_as_the_margin(player, scheduler):
    listener, stream = Listener(), Stream(player, 1)
    playback = scheduler.add(stream, 0.1, listener, margin=25)
    assert scheduler.start(playback, 4) == 1
    listener.wait(3)  # 30 samples: the margin is full
    time.sleep(0.05)
    assert len(listener.blocks) == 3
    scheduler.played(playback, 1, 10)
    listener.wait(4)
    scheduler.played(playback, 0, 1000)  # of another take
    scheduler.played(playback, 1, 5)  # fewer than it reported before
    time.sleep(0.05)
    assert len(listener.blocks) == 4
    scheduler.played(playback, 1, 10**9)  # more than were rendered: counts as all that were
    listener.wait(7)
    scheduler.set_margin(playback, 45)
    listener.wait(9)
    expected = Stream(player, 4)
    np.testing.assert_array_equal(listener.samples(1), np.concatenate([expected.render().samples for _ in range(9)]))


def test_a_late_report_does_not_stop_the_rendering(player):
    """Margin 30 ms; at 5.0 s the listener reported 20 ms as played, and 60 ms were rendered: 10 to spare."""
    playback = Playback(Stream(player, 1), 0.1, Listener(), margin=30)
    assert playback.due == np.inf  # it does not play
    playback.start(1, now=4.0)
    assert (playback.spare, playback.due) == (-30, pytest.approx(3.971))
    playback.rendered = 30
    assert playback.due == np.inf  # its listener has not begun, so it lacks nothing
    playback.rendered = 60
    playback.played(20, now=5.0)
    assert (playback.spare, playback.due) == (10, pytest.approx(5.011))
    playback.played(20, now=5.005)  # nothing new
    assert playback.due == pytest.approx(5.011)
    playback.rendered = 70
    assert playback.due == pytest.approx(5.021)
    playback.rendered = 80  # a margin beyond the margin: the listener has stopped
    assert playback.due == np.inf
    playback.played(55, now=5.04)
    assert (playback.spare, playback.due) == (-5, pytest.approx(5.036))


def test_a_listener_that_stops_costs_nothing_after_a_margin(player):
    scheduler, listener = Scheduler(), Listener()
    playback = scheduler.add(Stream(player, 1), 0.1, listener, margin=40)
    scheduler.start(playback, 1)
    listener.wait(4)
    scheduler.played(playback, 1, 10)
    listener.wait(9)  # 10 + 2 * 40 samples
    time.sleep(0.2)
    scheduler.close()
    assert len(listener.blocks) == 9


def test_changes_act_on_the_next_block_and_a_new_take_starts_from_the_beginning(player, scheduler):
    listener, stream = Listener(), Stream(player, 1)
    playback = scheduler.add(stream, 0.1, listener, margin=10)
    scheduler.start(playback, 4)
    listener.wait(1)
    scheduler.set(playback, {"hz": 20.0}, change=3)
    scheduler.played(playback, 1, 10)
    listener.wait(2)
    assert [block.change for _, block in listener.blocks] == [0, 3]
    scheduler.stop(playback)
    scheduler.played(playback, 1, 20)
    time.sleep(0.05)
    assert len(listener.blocks) == 2
    assert scheduler.start(playback, 4) == 2
    listener.wait(3)
    assert (listener.blocks[2][0], listener.blocks[2][1].first) == (2, 0)
    with pytest.raises(InputError, match="unknown parameter 'pitch'"):
        scheduler.set(playback, {"pitch": 1.0})


def test_merged_changes_do_what_each_of_them_would(player):
    """Moves and restarts in any order, then blocks: the same as if each change had been made at once."""
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    for _ in range(50):
        merged, plain = Stream(player, 0), Stream(player, 0)
        playback = Playback(merged, 0.1, Listener(), 10)
        for _ in range(rng.randrange(1, 9)):
            if rng.random() < 0.3:
                plain.restart(number := rng.randrange(100))
                playback.start(number, 0.0)
            else:
                values = {name: rng.uniform(-1, 99) for name in rng.sample(["hz", "gain"], rng.randrange(3))}
                moves = (values, rng.choice([None, rng.uniform(0, 4)]), rng.choice([None, rng.randrange(100)]))
                plain.set(*moves)
                playback.move(*moves)
        playback.changes().apply(merged)
        for _ in range(3):
            one, other = merged.render(), plain.render()
            assert (one.first, one.change) == (other.first, other.change), seed
            np.testing.assert_array_equal(one.samples, other.samples)
        np.testing.assert_array_equal(merged.gesture(), plain.gesture())


@pytest.mark.slow
def test_a_million_moves_of_a_stream_that_does_not_play_take_no_memory(player, scheduler):
    playback = scheduler.add(Stream(player, 1), 0.1, Listener(), margin=0)

    def move(times):
        for k in range(times):
            scheduler.set(playback, {"hz": float(k), "gain": 0.5}, 1.0, k)
            if k % 1000 == 0:
                scheduler.start(playback, k)

    move(1000)
    tracemalloc.start()
    move(20_000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    move(1_000_000 - 21_000)
    assert after < 10_000  # bytes; each move kept would take 500 or more
    assert scheduler.submit(playback, lambda stream: stream.values).result(20)["gain"] == 0.5


def test_calls_while_a_stream_plays(player, scheduler):
    """Another thread reads gestures while thousands of blocks are rendered: each is the beginning of the last one."""

    class Greedy(Listener):
        def __call__(self, take, block):
            super().__call__(take, block)
            scheduler.played(playback, take, block.first + len(block.samples))

    listener, stop, found = Greedy(), threading.Event(), []
    playback = scheduler.add(Stream(player, 1), 0.1, listener, margin=30)

    def ask():
        while not stop.is_set():
            found.append(scheduler.submit(playback, Stream.gesture).result(20))

    asking = threading.Thread(target=ask)
    asking.start()
    scheduler.start(playback, 1)
    for k in range(1, 31):
        listener.wait(100 * k)
        scheduler.set(playback, {"hz": 10.0 + k})
    deadline = time.monotonic() + 20
    while len(found) <= 100 and time.monotonic() < deadline:  # how many turns a thread gets is up to the system
        time.sleep(0.01)
    stop.set()
    asking.join(20)
    scheduler.stop(playback)
    last = scheduler.submit(playback, Stream.gesture).result(20)
    assert last.shape[1] > 3000
    assert len(found) > 100
    for gesture in found[found[0].shape[1] == 1 and 1 :]:
        np.testing.assert_array_equal(gesture, last[:, : gesture.shape[1]])


def test_calls_while_a_stream_does_not_play(player):
    """Waiting changes are made first; the caller gets the error; a call that comes too late is cancelled at once."""
    scheduler = Scheduler()
    playback = scheduler.add(Stream(player, 1), 0.1, Listener(), margin=0)
    scheduler.set(playback, {"hz": 20.0, "gain": 1.0}, temperature=0.5)
    scheduler.start(playback, 7)
    scheduler.set(playback, {"hz": 30.0})
    seed, gesture = scheduler.submit(playback, lambda stream: (stream.seed, stream.gesture())).result(20)
    assert (seed, gesture.tolist()) == (7, [[[20.0, 1.0, 0.5]]])
    assert scheduler.submit(playback, lambda stream: stream.values["hz"]).result(20) == 30
    with pytest.raises(ZeroDivisionError):
        scheduler.submit(playback, lambda stream: 1 / 0).result(20)
    begun, go_on = threading.Event(), threading.Event()
    scheduler.submit(playback, lambda stream: (begun.set(), go_on.wait(20)))
    assert begun.wait(20)
    waiting = scheduler.submit(playback, lambda stream: 1)
    threading.Timer(0.05, go_on.set).start()
    scheduler.close()
    for answer in (waiting, scheduler.submit(playback, lambda stream: 1)):
        with pytest.raises(CancelledError):
            answer.result(20)


def test_streams_share_the_time_and_one_too_many_is_refused(player, scheduler):
    """But the first one plays, however slow it is."""
    alone = scheduler.add(Stream(player, 3), 5.0, Listener(), margin=10)
    scheduler.remove(alone)
    listeners = [Listener(), Listener()]
    playbacks = [scheduler.add(Stream(player, k), 0.4, listener, margin=10) for k, listener in enumerate(listeners)]
    for playback in playbacks:
        scheduler.start(playback, 1)
    for listener in listeners:
        listener.wait(1)
    playbacks[1].cost = 0.4
    playbacks[0].cost = 0.4
    with pytest.raises(InputError, match="this CPU plays 2 at once, 80% of a core's time, and one more would take 40%"):
        scheduler.add(Stream(player, 3), 0.4, Listener(), margin=10)
    scheduler.remove(playbacks[0])
    scheduler.add(Stream(player, 3), 0.4, Listener(), margin=10)


def test_stalls_hardly_change_the_cost(player):
    """Blocks that take 20 to 40 percent of the time, and every tenth stalls: the cost is about 30."""
    playback, rng = Playback(Stream(player, 1), 2.0, Listener(), 10), np.random.default_rng(1)
    for k in range(2000):
        playback.follow(50.0 if k % 10 == 0 else rng.uniform(0.2, 0.4))
    assert 0.25 < playback.cost < 0.35
    before = playback.cost
    playback.follow(1e9)
    assert playback.cost == pytest.approx(before * (1 + STEP))


def test_one_stream_that_fails_does_not_end_the_others(player, scheduler, caplog):
    class Broken(Stream):
        def render(self):
            raise ZeroDivisionError

    class Gone(Listener):
        def __call__(self, take, block):
            super().__call__(take, block)
            raise RuntimeError("the listener is gone")

    broken, gone, well = Listener(), Gone(), Listener()
    scheduler.start(scheduler.add(Broken(player, 1), 0.1, broken, margin=10), 1)
    broken.wait(1)
    assert broken.blocks == [(1, None)]
    scheduler.start(scheduler.add(Stream(player, 1), 0.1, gone, margin=100), 1)
    gone.wait(2)
    scheduler.start(scheduler.add(Stream(player, 1), 0.1, well, margin=10), 1)
    well.wait(1)
    assert caplog.text.count("a stream ended") == 2
    assert [block and block.first for _, block in gone.blocks] == [0, None]


@pytest.mark.parametrize(
    ("seconds", "blocks", "expected"),
    [
        ([0.001] * 50, 50, 10.0),
        ([0.9, *[0.001] * 49], 50, 10.0),  # another program took the core for a moment
        ([0.3] * 5, 4, 1 / 30),  # very slow: few blocks are measured
        ([7.0], 1, 1 / 700),
    ],
)
def test_speed_is_that_of_the_median_block(player, monkeypatch, seconds, blocks, expected):
    now, rendered = [0.0], iter(seconds)
    monkeypatch.setattr(models, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    render = Stream.render

    def slowly(stream):
        now[0] += next(rendered)
        return render(stream)

    monkeypatch.setattr(Stream, "render", slowly)
    assert speed(player) == pytest.approx(expected)
    assert len(list(rendered)) == len(seconds) - blocks


def test_the_sound_output_fades_on_an_underrun(player, scheduler):
    """Blocks at full gain; on an underrun the last sample fades out: no step is larger than a fade's."""
    stream = Stream(player, 3)  # before the scheduler uses the player: only one thread may
    expected = np.concatenate([stream.render().samples for _ in range(20)])
    output = SoundOutput(scheduler, Opened("x", player, 10.0, ""), margin_ms=40)
    assert output.start(3) == 3
    deadline = time.monotonic() + 20
    while output._buffered < output._margin and time.monotonic() < deadline:
        time.sleep(0.01)
    first = np.empty((20, 1), np.float32)
    output.fill(first)
    step = 1 / (0.004 * RATE)
    gains = np.minimum(step * np.arange(1, 21), 1)
    np.testing.assert_allclose(first, expected[:20] * gains[:, None], rtol=1e-6)
    scheduler.stop(output.playback)
    time.sleep(0.05)
    rest = np.empty((200, 1), np.float32)
    output.fill(rest)
    assert output.underruns == 1
    waited = int(np.flatnonzero(rest == 0)[0])
    assert (rest[waited:] == 0).all()
    np.testing.assert_allclose(rest[:15], expected[20:35], rtol=1e-6)
    output.close()


def test_a_sound_output_that_takes_more_at_once_than_the_margin_plays(player, scheduler):
    output = SoundOutput(scheduler, Opened("x", player, 10.0, ""), margin_ms=10)
    output.start(3)
    out = np.empty((64, 1), np.float32)
    deadline = time.monotonic() + 20
    while not output._played and time.monotonic() < deadline:
        output.fill(out)
        time.sleep(0.01)
    assert output._played == 64
    assert np.abs(out).max() > 0
    output.close()
