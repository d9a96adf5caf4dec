"""The live page's server: token and origin, valid and invalid messages, pages that misbehave or read nothing."""

import io
import json
import random
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from helpers import run_cli
from live_driver import RATE, Client, frame, read_block, save_model, serve
from mtcrnn.config.generate import Playing
from mtcrnn.core.errors import InputError
from mtcrnn.live import messages, pages
from mtcrnn.live.rtpysynth import Generator
from mtcrnn.rendering.stream import Block


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serve(save_model(tmp_path_factory.mktemp("models") / "tones")) as served:
        yield served


def test_a_gesture_renders_to_the_samples_that_were_played(served, tmp_path, capsys):
    with served.join() as ws:
        page = Client(ws)
        hello = page.hello
        assert (hello["name"], hello["sample_rate"], hello["block"], hello["control_rate"]) == ("tones", RATE, 40, 100)
        assert hello["controls"][0] == {"name": "hz", "low": 10, "high": 90, "units": "Hz", "log": False}
        assert hello["rtf"] > 1
        page.say(type="start", seed=9)
        started = page.word("started")
        assert (started["seed"], started["take"]) == (9, 1)
        rng = np.random.default_rng(1)
        for change in range(1, 21):
            page.say(type="set", values={"hz": rng.uniform(10, 90)}, temperature=rng.uniform(0.5, 1.5), change=change)
            page.until(lambda heard, change=change: not isinstance(heard, dict) and heard.change == change)
        page.say(type="stop")
        page.word("stopped")
        status, content, _ = served.get(f"/gesture/{hello['id']}.npy")
        assert status == 200
        (tmp_path / "take.npy").write_bytes(content)
    played = np.concatenate([block.samples for _, block in page.blocks])
    assert [block.first for _, block in page.blocks] == list(range(0, len(played), 40))
    folder = save_model(tmp_path / "same")
    words = ["generate", "--model_dir", folder, "--gesture", tmp_path / "take.npy", "--rand_seed", "9", "--save"]
    assert run_cli(capsys, *words, "--out", tmp_path / "again")[0] == 0
    again = np.load(tmp_path / "again.npy").reshape(-1)
    assert 0 <= len(again) - len(played) <= 80  # rendered but not sent when the page stopped
    np.testing.assert_array_equal(again[: len(played)], played)


def test_a_page_is_sent_the_model_that_it_plays(served, tmp_path):
    status, body, headers = served.get("/voice/tones")
    (model,) = json.loads(body)["models"]
    assert (status, model["name"], model["sample_rate"]) == (200, "tones", RATE)
    assert model["command"].startswith("mtcrnn generate --model_dir ")
    assert headers["Cache-Control"] == "no-store"
    assert served.get("/voice/tones", token="wrong")[0] == 403
    assert served.get("/voice/other")[:2] == (409, b"no model 'other'; there are tones")
    for path, playing, why in (
        (write_recipe(tmp_path), Playing(), b"a recipe plays on the server"),
        (save_model(tmp_path / "tones"), Playing(precision="int8"), b"weights are used as int8, on the server"),
    ):
        with serve(path, playing=playing) as other:
            assert other.get(f"/voice/{other.instrument.models.names[0]}")[:2] == (409, why)


def write_recipe(folder):
    """A recipe of one trained tier."""
    path, out = folder / "recipe.toml", folder / "out"
    lines = (
        f'data_dir = "none"\noutput_dir = "{out}"\ncontrols = ["hz", "gain"]\n[tiers.sound]',
        'prop = ["hz", "gain"]\nsample_rate = 4000\nmulaw_channels = 64\nnet = "frame"\nhidden_size = 8\nn_layers = 1',
        "frame_size = 4",
    )
    path.write_text("\n".join(lines))
    save_model(out / "sound")
    return path


def test_the_token_the_host_and_the_origin_are_checked(served):
    assert served.get("/")[0] == 200
    status, body, _ = served.get("/page/remote.js")
    assert (status, b"Connection" in body) == (200, True)
    assert "default-src 'self'" in served.get("/")[2]["Content-Security-Policy"]
    assert served.get("/", token="wrong")[0] == 403
    assert served.get("/models", token="wrong")[0] == 403
    assert served.get("/", host="evil.example")[0] == 400
    assert served.get("/gesture/none.npy")[0] == 404
    assert served.get("/page/../server.py")[0] == 404
    for wrong in ({"token": "wrong"}, {"origin": "http://evil.example"}):
        with pytest.raises(InvalidStatus, match="403"):
            served.join(**wrong)
    for origin in ("http://[::1", "http://[", "null", "//", "http://[::1]:x"):
        raw, answer = served.raw_page(origin)
        raw.close()
        assert answer.startswith(b"HTTP/1.1 403 "), origin
    with served.join(model="nothing") as ws:
        assert json.loads(ws.recv(timeout=20)) == {"type": "refused", "text": "no model 'nothing'; there are tones"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"type":"set","values":{"hz":NaN}}', "set.values.hz: Input should be a finite number"),
        ('{"type":"set","values":{"hz":"1"}}', "set.values.hz: Input should be a valid number"),
        ('{"type":"set","values":{"x":1}}', "unknown parameter 'x'; known: hz, gain"),
        ('{"type":"start","seed":-1}', "start.seed: Input should be greater than or equal to 0"),
        ('{"type":"dance"}', "message: Input tag 'dance' found using 'type' does not match"),
        ("{", "message: Invalid JSON"),
        ("[]", "message: Input should be"),
        (b"\x00\x01", "message: it must be text, not binary"),
    ],
)
def test_invalid_messages(served, text, answer):
    with served.join() as ws:
        page = Client(ws)
        ws.send(text)
        assert page.word("error")["text"].startswith(answer)
        page.say(type="start")
        page.word("started")  # the connection goes on


def test_values_out_of_range_are_clamped_and_reported(served):
    with served.join() as ws:
        page = Client(ws)
        page.say(type="set", values={"hz": 1e9, "gain": 0.5}, temperature=-1)
        assert page.word("clamped")["values"] == {"hz": 90, "@temperature": 0}
        page.say(type="margin", ms=1e9)
        assert page.word("margin")["ms"] == messages.MOST_MARGIN_MS


def test_a_page_gets_at_least_one_render_quantum(served):
    """128 samples, however small the margin."""
    with served.join() as ws:
        page = Client(ws)
        page.say(type="margin", ms=10)  # 40 samples
        page.word("margin")
        page.say(type="start", seed=1)
        page.word("started")
        assert sum(len(read_block(ws.recv(timeout=20))[1].samples) for _ in range(4)) == 160


def test_blocks_travel_as_bytes():
    take, block = read_block(messages.pack(3, Block(160, 9, np.float32([[0.5, -1]]))))
    assert (take, block.first, block.change, block.samples.tolist()) == (3, 160, 9, [0.5, -1.0])


def test_a_page_that_sends_only_bad_messages_is_disconnected(served):
    with served.join() as ws:
        Client(ws)
        for _ in range(pages.MOST_BAD):
            ws.send("?")
        with pytest.raises(ConnectionClosed, match="too many bad messages"):
            until_closed(ws)


def until_closed(socket):
    while True:
        socket.recv(timeout=20)


def random_message(rng):
    """A message: valid, nearly valid, or anything."""
    kind = rng.randrange(8)
    number = rng.choice([0, 1, -1, 0.5, 1e308, -1e308, 2**53, 1e-320, True, None, "1", [], {}])
    if kind == 0:
        return json.dumps({"type": "set", "values": {rng.choice(["hz", "gain", "x", ""]): number}, "change": number})
    if kind == 1:
        return json.dumps({"type": rng.choice(["start", "stop", "margin", "played"]), "seed": number})
    if kind == 2:
        return json.dumps({"type": "played", "take": rng.randrange(5), "samples": rng.randrange(10**9)})
    if kind == 3:
        return rng.randbytes(rng.randrange(200))
    if kind == 4:
        return "".join(chr(rng.randrange(32, 0x2FF)) for _ in range(rng.randrange(50)))
    if kind == 5:
        return "[" * rng.randrange(1, 3000)
    if kind == 6:
        return json.dumps({"type": "margin", "ms": number})
    return json.dumps({"type": "start", "seed": rng.randrange(2**31)})


def drain(ws):
    with suppress(TimeoutError):
        while True:
            ws.recv(timeout=0)


@pytest.mark.slow
def test_ten_thousand_messages_of_all_kinds(served):
    """The server does not crash, and another page plays on without a gap."""
    seed = random.randrange(2**32)
    rng, sent, lost = random.Random(seed), 0, 0
    stop, playing, well = threading.Event(), threading.Event(), []

    def listen():
        with served.join() as ws:
            page = Client(ws)
            page.say(type="start", seed=1)
            while not stop.is_set():
                page.hear()
                if page.blocks:
                    playing.set()
            well.extend(block.first for _, block in page.blocks)

    listener = threading.Thread(target=listen)
    listener.start()
    assert playing.wait(20), seed
    while sent < 10_000:
        with suppress(ConnectionClosed), served.join(max_queue=None) as ws:
            while sent < 10_000:
                sent += 1
                ws.send("x" * 5000 if sent % 2000 == 0 else random_message(rng))  # 5000 bytes are more than is allowed
                if sent % 2000 == 0:
                    until_closed(ws)
                if sent % 20 == 0:
                    drain(ws)
        lost += 1
    stop.set()
    listener.join(20)
    assert not listener.is_alive(), seed
    assert well == list(range(0, 40 * len(well), 40)), seed
    assert len(well) > 10, seed
    assert lost >= 5, seed
    assert served.instrument.scheduler._thread.is_alive()


def test_nothing_is_left_of_pages_that_were_closed(served):
    for _ in range(5):
        with served.join() as ws:
            page = Client(ws)
            page.say(type="start")
            page.until(lambda heard: not isinstance(heard, dict))
    deadline = time.monotonic() + 10
    while served.instrument.pages and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not served.instrument.pages
    assert not served.instrument.scheduler._playbacks


def test_one_page_too_many_is_refused(served, monkeypatch):
    with served.join() as ws:
        Client(ws)  # it does not play: its blocks would change its cost
        for playback in served.instrument.scheduler._playbacks:
            playback.cost = 0.9
        with served.join() as other:
            refused = json.loads(other.recv(timeout=20))
    assert refused["type"] == "refused"
    assert "this CPU plays 1 at once" in refused["text"]


@pytest.mark.slow
def test_playing_needs_no_torch(tmp_path):
    folder = save_model(tmp_path / "tones")
    code = (
        "import sys\nfrom mtcrnn.live import play, rtpysynth\nfrom mtcrnn.live.models import Models\n"
        "from mtcrnn.config.generate import Generate\n"
        f"Models({str(folder)!r}).open('tones')\nprint('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_a_generator_for_other_hosts(tmp_path):
    """The samples do not depend on the block size; at another rate it makes as many as were asked for."""
    folder = str(save_model(tmp_path / "tones"))
    synth = Generator(folder, [0.25, 2.0], seed=5)
    assert (synth.param_labels, synth.norm_params) == (["hz", "gain"], [0.25, 1.0])
    assert synth.formatted_readouts() == ["30 Hz", "1"]
    whole = np.concatenate([synth.generate(n, RATE) for n in (1, 64, 300)])
    other = Generator(folder, [0.25, 1.0], seed=5)
    np.testing.assert_array_equal(other.generate(365, RATE), whole)
    for frames in (7, 512):
        samples = other.generate(frames, 48000)
        assert (samples.shape, samples.dtype) == ((frames,), np.float32)
        assert np.isfinite(samples).all()
    with pytest.raises(InputError, match="set_params takes 2 numbers from 0 to 1"):
        synth.set_params([0.5])


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "waiting"), [(0.5, 10**9), (60.0, 50)])
def test_a_page_that_reads_nothing_is_disconnected(served, monkeypatch, caplog, seconds, waiting):
    """It sends and reads no answer: after a while, or when too much waits, it is disconnected, and no other page is."""
    monkeypatch.setattr(pages, "SEND_S", seconds)
    monkeypatch.setattr(pages, "MOST_WAITING", waiting)
    with served.join() as ws:
        page = Client(ws)
        deaf, answer = served.raw_page()
        assert b"101" in answer
        deadline = time.monotonic() + 60
        with suppress(OSError):
            while time.monotonic() < deadline and "a page does not read" not in caplog.text:
                deaf.sendall(frame(type="set", values={"hz": 1e9}) * 100)
        deaf.close()
        assert "a page does not read what it is sent: its sound ends" in caplog.text
        page.say(type="start")
        page.word("started")
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.slow
def test_a_gesture_is_saved_while_it_plays(served):
    """Many times; each one is the beginning of the last one."""
    saved, stop = [], threading.Event()
    with served.join() as ws:
        page = Client(ws)

        def save():
            while not stop.is_set():
                saved.append(served.get(f"/gesture/{page.hello['id']}.npy"))

        page.say(type="start", seed=1)
        page.until(lambda heard: not isinstance(heard, dict))
        saving = threading.Thread(target=save)
        saving.start()
        page.until(lambda heard: len(page.blocks) > 2000)
        stop.set()
        saving.join(20)
    assert len(saved) > 10
    assert {status for status, _, _ in saved} == {200}
    gestures = [np.load(io.BytesIO(content)) for _, content, _ in saved]
    for gesture in gestures:
        np.testing.assert_array_equal(gesture, gestures[-1][:, : gesture.shape[1]])


def test_a_gesture_after_the_scheduler_has_ended(tmp_path):
    with serve(save_model(tmp_path / "tones")) as served, served.join() as ws:
        page = Client(ws)
        served.instrument.scheduler.close()
        assert served.get(f"/gesture/{page.hello['id']}.npy")[:2] == (503, b"the sound does not answer")


def test_any_host_header_is_allowed_if_others_may_play(tmp_path):
    with serve(save_model(tmp_path / "tones"), hosts=("*",)) as served:
        for host in ("lan.example:8765", "[::1", "[", "x y", "\xff"):
            assert served.get("/", host=host)[0] in (200, 400), host
            assert served.get("/", token="wrong", host=host)[0] in (403, 400), host
