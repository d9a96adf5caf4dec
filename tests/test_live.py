"""The server of the live page: who may play, what may be said, and that one page's nonsense is not the others'."""

import json
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import uvicorn
from pythonosc.udp_client import SimpleUDPClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from helpers import run_cli
from mtcrnn import checkpoint
from mtcrnn.config import Generate, Net, Tier
from mtcrnn.errors import InputError
from mtcrnn.live import messages, models
from mtcrnn.live import server as serving
from mtcrnn.live.models import Models
from mtcrnn.live.osc import OscServer
from mtcrnn.live.play import _listen
from mtcrnn.live.rtpysynth import Generator
from mtcrnn.live.server import Instrument, make_app
from mtcrnn.model import new_model
from mtcrnn.modelconfig import ModelConfig
from mtcrnn.params import Range

RATE = 4000


def save_model(folder, seed=3):
    tier = Tier(prop=("hz", "gain"), sample_rate=RATE, mulaw_channels=64)
    config = ModelConfig(tier, Net("frame", 8, 1, frame_size=4), {"hz": Range(10, 90, "Hz"), "gain": Range(0, 1)})
    checkpoint.save(folder / "model", new_model(config, seed), {})
    return folder


class Served:
    """A running server; `join()` opens a page's WebSocket."""

    def __init__(self, instrument, port):
        self.instrument, self.port = instrument, port
        self.origin = f"http://127.0.0.1:{port}"

    def url(self, path, token=None, **more):
        query = "&".join(f"{k}={v}" for k, v in {"token": token or self.instrument.token, **more}.items())
        return f"127.0.0.1:{self.port}{path}?{query}"

    def get(self, path, token=None, host=None):
        request = urllib.request.Request(f"http://{self.url(path, token)}", headers={"Host": host} if host else {})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), error.headers

    def join(self, token=None, origin=None, max_queue=16, **more):
        url = f"ws://{self.url('/play', token, **more)}"
        return connect(url, origin=origin or self.origin, open_timeout=60, max_queue=max_queue, close_timeout=1)


@contextmanager
def serve(path):
    instrument = Instrument(Models(str(path), Generate(str(path))), "secret", margin_ms=20)
    listening = _listen("127.0.0.1", 0)
    app = make_app(instrument, ["127.0.0.1"])
    config = uvicorn.Config(app, log_level="warning", ws_max_size=messages.MOST_BYTES)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Served(instrument, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serve(save_model(tmp_path_factory.mktemp("models") / "tones")) as served:
        yield served


class Client:
    """A page without a browser."""

    def __init__(self, socket):
        self.socket = socket
        self.hello = json.loads(socket.recv(timeout=60))
        self.blocks, self.take, self.words = [], 0, []

    def say(self, **message):
        self.socket.send(json.dumps(message))

    def hear(self):
        """One thing that the server says; blocks are played at once."""
        data = self.socket.recv(timeout=20)
        if isinstance(data, str):
            self.words.append(json.loads(data))
            return self.words[-1]
        take, block = messages.unpack(data)
        self.blocks.append((take, block))
        self.say(type="played", take=take, samples=block.first + len(block.samples))
        return block

    def until(self, condition):
        for _ in range(5000):
            if found := condition(self.hear()):
                return found
        raise AssertionError("never heard")

    def word(self, kind):
        return self.until(lambda heard: isinstance(heard, dict) and heard["type"] == kind and heard)


def test_a_page_plays_moves_and_its_gesture_renders_to_the_same(served, tmp_path, capsys):
    with served.join() as ws:
        page = Client(ws)
        hello = page.hello
        assert (hello["name"], hello["sample_rate"], hello["block"], hello["control_rate"]) == ("tones", RATE, 40, 100)
        assert hello["controls"][0] == {"name": "hz", "low": 10, "high": 90, "units": "Hz"}
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
    assert 0 <= len(again) - len(played) <= 80  # what was rendered and not sent when the page stopped
    np.testing.assert_array_equal(again[: len(played)], played)


def test_only_who_has_the_token_and_comes_from_here(served):
    assert served.get("/")[0] == 200
    status, body, _ = served.get("/page/app.js")
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
    with served.join(model="nothing") as ws:
        assert json.loads(ws.recv(timeout=20)) == {"type": "refused", "text": "no model 'nothing'; there are tones"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"type":"set","values":{"hz":NaN}}', "set.values.hz: Input should be a finite number"),
        ('{"type":"set","values":{"hz":"1"}}', "set.values.hz: Input should be a valid number"),
        ('{"type":"set","values":{"x":1}}', "unknown control 'x'; known: hz, gain"),
        ('{"type":"start","seed":-1}', "start.seed: Input should be greater than or equal to 0"),
        ('{"type":"dance"}', "message: Input tag 'dance' found using 'type' does not match"),
        ("{", "message: Invalid JSON"),
        ("[]", "message: Input should be"),
        (b"\x00\x01", "message: it must be text, not binary"),
    ],
)
def test_what_cannot_be_said(served, text, answer):
    with served.join() as ws:
        page = Client(ws)
        ws.send(text)
        assert page.word("error")["text"].startswith(answer)
        page.say(type="start")
        page.word("started")  # it goes on


def test_values_out_of_range_are_clamped_and_told(served):
    with served.join() as ws:
        page = Client(ws)
        page.say(type="set", values={"hz": 1e9, "gain": 0.5}, temperature=-1)
        assert page.word("clamped")["values"] == {"hz": 90, "temperature": 0}
        page.say(type="margin", ms=1e9)
        assert page.word("margin")["ms"] == messages.MOST_MARGIN_MS


def test_a_page_that_sends_nothing_but_nonsense_is_closed(served):
    with served.join() as ws:
        Client(ws)
        for _ in range(serving.MOST_BAD):
            ws.send("?")
        with pytest.raises(ConnectionClosed, match="too many bad messages"):
            until_closed(ws)


def until_closed(socket):
    while True:
        socket.recv(timeout=20)


def nonsense(rng):
    """A message: right, nearly right, or anything."""
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


def test_ten_thousand_messages_of_all_kinds(served):
    """No crash, and a page beside them plays on without a gap."""
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
                ws.send("x" * 5000 if sent % 2000 == 0 else nonsense(rng))  # 5000 is more than is allowed
                if sent % 20 == 0:
                    drain(ws)
        lost += 1
    stop.set()
    listener.join(20)
    assert not listener.is_alive(), seed
    assert well == list(range(0, 40 * len(well), 40)), seed
    assert len(well) > 10, seed
    assert lost >= 5, seed
    assert served.instrument.conductor._thread.is_alive()


def test_pages_that_leave_leave_nothing_behind(served):
    for _ in range(5):
        with served.join() as ws:
            page = Client(ws)
            page.say(type="start")
            page.until(lambda heard: not isinstance(heard, dict))
    deadline = time.monotonic() + 10
    while served.instrument.pages and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not served.instrument.pages
    assert not served.instrument.conductor._seats


def test_one_page_too_many_is_told(served, monkeypatch):
    with served.join() as ws:
        Client(ws)  # it does not play: what it renders would set its cost anew
        for seat in served.instrument.conductor._seats:
            seat.cost = 0.9
        with served.join() as other:
            refused = json.loads(other.recv(timeout=20))
    assert refused["type"] == "refused"
    assert "this CPU plays 1 at once" in refused["text"]


def test_osc_moves_what_plays(served, caplog):
    remote = OscServer("127.0.0.1", 0, served.instrument.move, lambda seed: None, lambda: None)
    client = SimpleUDPClient("127.0.0.1", remote.port, family=socket.AF_INET)
    with served.join() as ws:
        page = Client(ws)
        client.send_message("/hz", 1000.0)
        assert page.word("moved")["values"] == {"hz": 90}
        client.send_message("/temperature", 0.25)
        assert page.word("moved")["values"] == {"temperature": 0.25}
        client.send_message("/hz", float("nan"))
        client.send_message("/hz", "loud")
        client.send_message("/pitch", 1)
        client.send_message("/gain", 0)
        assert page.word("moved")["values"] == {"gain": 0}
    assert "OSC: unknown control 'pitch'; known: hz, gain" in caplog.text
    assert "OSC: /hz takes a number, not 'loud'" in caplog.text
    client._sock.close()
    with pytest.raises(InputError, match="cannot listen for OSC on"):
        OscServer("127.0.0.1", remote.port, served.instrument.move, print, print)
    remote.close()


def test_a_folder_of_models(tmp_path):
    save_model(tmp_path / "one")
    save_model(tmp_path / "two", seed=4)
    (tmp_path / "notes").mkdir()
    with serve(tmp_path) as served:
        assert json.loads(served.get("/models")[1]) == {"models": ["one", "two"]}
        with served.join(model="two") as ws:
            assert Client(ws).hello["name"] == "two"


def test_bad_input(tmp_path, capsys, monkeypatch):
    folder = save_model(tmp_path / "tones")
    (tmp_path / "empty").mkdir()
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    monkeypatch.setattr(models, "speed", lambda player: 0.5)
    for words, message in (
        ([tmp_path / "none"], f"{tmp_path / 'none'}: no such model folder"),
        ([tmp_path / "empty"], "holds no models"),
        ([folder, "--port", "70000"], "--port is 70000; it must be 0 to 65535"),
        ([folder], "tones is slower than real time on this CPU (RTF 0.50): a smaller net helps, or --precision int8"),
    ):
        code, _, error = run_cli(capsys, "play", *words, "--no-browser")
        assert (code, message in error) == (2, True), error
    monkeypatch.setattr(models, "speed", lambda player: 50.0)
    code, _, error = run_cli(capsys, "play", folder, "--no-browser", "--port", port)
    assert (code, f"cannot listen on 127.0.0.1, port {port}: " in error, "is free" in error) == (2, True, True), error
    taken.close()


def test_playing_needs_no_torch(tmp_path):
    folder = save_model(tmp_path / "tones")
    code = (
        "import sys\nfrom mtcrnn.live import play, rtpysynth\nfrom mtcrnn.live.models import Models\n"
        "from mtcrnn.config import Generate\n"
        f"Models({str(folder)!r}, Generate('x')).open('tones')\nprint('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_a_generator_for_other_hosts(tmp_path):
    """At the model's own rate its samples are those of a stream; at another one as many as were asked for."""
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


def test_a_page_that_takes_nothing_is_let_go(served, monkeypatch, caplog):
    """It asks and asks and reads no answer: when its socket is full its stream ends, and nobody else's."""
    monkeypatch.setattr(serving, "SEND_S", 0.5)
    with served.join() as ws:
        page = Client(ws)
        deaf = raw_page(served)
        text = json.dumps({"type": "set", "values": {"hz": 1e9}, "change": 1}).encode()
        frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text  # a text frame, masked with zeros
        deadline = time.monotonic() + 60
        with suppress(OSError):
            while time.monotonic() < deadline and "a page took nothing for 0.5 s" not in caplog.text:
                deaf.sendall(frame * 100)
        deaf.close()
        assert "a page took nothing for 0.5 s: its sound ends" in caplog.text
        page.say(type="start")
        page.word("started")


def raw_page(served):
    """A page's socket after the handshake, of which nobody reads."""
    raw = socket.create_connection(("127.0.0.1", served.port))
    raw.settimeout(2)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    head = f"GET /play?token=secret HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nOrigin: {served.origin}\r\n"
    head += (
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    raw.sendall(head.encode())
    assert b"101" in raw.recv(200)
    return raw
