"""A server of the live page without a browser, for the tests of what plays."""

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import uvicorn
from websockets.sync.client import connect

from mtcrnn.config.generate import Generate
from mtcrnn.config.net import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.live import messages
from mtcrnn.live.models import Models
from mtcrnn.live.pages import Instrument
from mtcrnn.live.play import _listen
from mtcrnn.live.server import make_app
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.runs import checkpoint

RATE = 4000
RANGES = {"hz": Range(10, 90, "Hz"), "gain": Range(0, 1)}


def save_model(folder, seed=3, ranges=RANGES):
    tier = Tier(prop=tuple(ranges), sample_rate=RATE, mulaw_channels=64)
    config = ModelConfig(tier, Net("frame", 8, 1, frame_size=4), ranges)
    checkpoint.save(folder / "model", new_model(config, seed))
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

    def raw_page(self, origin=None):
        return raw_page(self.port, self.instrument.token, origin)


@contextmanager
def serve(path, hosts=("127.0.0.1",)):
    instrument = Instrument(Models(str(path), Generate(str(path))), "secret", margin_ms=20)
    listening = _listen("127.0.0.1", 0)
    app = make_app(instrument, list(hosts))
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


def raw_page(port, token, origin=None):
    """A page's socket after it asked to be let in, and what the server answered. Nobody reads on."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # soon full
    raw.settimeout(2)
    raw.connect(("127.0.0.1", port))
    lines = (
        f"GET /play?token={token} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Origin: {origin or f'http://127.0.0.1:{port}'}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return raw, raw.recv(200)


def frame(**message):
    """A message as a WebSocket's frame of text, masked with zeros."""
    text = json.dumps(message).encode()
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


@contextmanager
def playing(model, state, *options, **environment):
    """`mtcrnn play` on a model, as a process, and the address that it prints.

    In the folder `state` its token is kept, and `stderr` is what it says.
    """
    state.mkdir(exist_ok=True)
    words = [sys.executable, "-m", "mtcrnn", "play", str(model), "--port", "0", *options]
    told = {"env": {**os.environ, "XDG_STATE_HOME": str(state), **environment}, "text": True}
    with (
        open(state / "stderr", "w") as stderr,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=stderr, **told) as process,
    ):
        try:
            line = process.stdout.readline()
            assert "http://" in line, f"mtcrnn play said {line!r}, {(state / 'stderr').read_text()!r}"
            yield process, line.split(" at ")[1].split()[0]
        finally:
            process.terminate()


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
