"""The live page's server, and a page without a browser, for the tests."""

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager

import numpy as np
import uvicorn
from websockets.sync.client import connect

from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.live import messages
from mtcrnn.live.models import Models
from mtcrnn.live.pages import Instrument
from mtcrnn.live.server import make_app
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.rendering.stream import Block
from mtcrnn.runs import checkpoint
from mtcrnn.serving.address import listen

RATE = 4000
RANGES = {"hz": Range(10, 90, "Hz"), "gain": Range(0, 1)}


def save_model(folder, seed=3, ranges=RANGES):
    tier = Tier(prop=tuple(ranges), sample_rate=RATE, mulaw_channels=64)
    config = ModelConfig(tier, Net("frame", 8, 1, frame_size=4), ranges)
    checkpoint.save(folder / "model", new_model(config, seed))
    return folder


def save_stereo_model(folder):
    """A net of sub-bands, in stereo, whose first parameter says a period."""
    sound = {"sample_rate": 16000, "mulaw_channels": 63, "bands": 4, "channels": "stereo"}
    tier = Tier(prop=tuple(RANGES), period=("hz=10*hz",), **sound)
    config = ModelConfig(tier, Net("subband", 8, 1, frame_size=4), RANGES, spans=(0.4, 0.2, 0.1, 0.1) * 2)
    checkpoint.save(folder / "model", new_model(config, 3))
    return folder


def ask(address, data=None, host=None):
    """Status, body and headers of the answer to a request."""
    request = urllib.request.Request(address, data, {"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


class Served:
    """A running server; `join()` opens a page's WebSocket."""

    def __init__(self, instrument, port):
        self.instrument, self.port = instrument, port
        self.origin = f"http://127.0.0.1:{port}"

    def url(self, path, token=None, **more):
        query = "&".join(f"{k}={v}" for k, v in {"token": token or self.instrument.token, **more}.items())
        return f"127.0.0.1:{self.port}{path}?{query}"

    def get(self, path, token=None, host=None):
        return ask(f"http://{self.url(path, token)}", host=host)

    def join(self, token=None, origin=None, max_queue=16, **more):
        url = f"ws://{self.url('/play', token, **more)}"
        return connect(url, origin=origin or self.origin, open_timeout=60, max_queue=max_queue, close_timeout=1)

    def raw_page(self, origin=None):
        return raw_page(self.port, self.instrument.token, origin)


@contextmanager
def serve(path, hosts=("127.0.0.1",), playing=None):
    instrument = Instrument(Models(str(path), playing), "secret", margin_ms=20)
    listening = listen("127.0.0.1", 0)
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
    """A page's socket after its WebSocket handshake, which nobody reads, and the server's answer."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # is soon full
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
    """A message as a WebSocket text frame, masked with zeros."""
    text = json.dumps(message).encode()
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def playing(model, state, *options, **environment):
    """`mtcrnn play` on a model, see `command`."""
    return command(state, "play", str(model), *options, **environment)


@contextmanager
def command(state, *words, **environment):
    """A command that serves a page, as a process, and the address that it prints.

    The folder `state` holds its token, and what it logs as `stderr`.
    """
    state.mkdir(exist_ok=True)
    words = [sys.executable, "-m", "mtcrnn", *words, "--port", "0"]
    settings = {"env": {**os.environ, "XDG_STATE_HOME": str(state), **environment}, "text": True}
    with (
        open(state / "stderr", "w") as stderr,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=stderr, **settings) as process,
    ):
        try:
            line = process.stdout.readline()
            assert "http://" in line, f"mtcrnn said {line!r}, {(state / 'stderr').read_text()!r}"
            yield process, line.split(" at ")[1].split()[0]
        finally:
            process.terminate()


def read_block(data):
    """The number of the take and the block in a binary message, the inverse of `messages.pack`."""
    first, take, change = messages.HEADER.unpack_from(data)
    return take, Block(int(first), change, np.frombuffer(data, "<f4", offset=messages.HEADER.size))


class Client:
    """A page without a browser."""

    def __init__(self, socket):
        self.socket = socket
        self.hello = json.loads(socket.recv(timeout=60))
        self.blocks, self.take, self.words = [], 0, []

    def say(self, **message):
        self.socket.send(json.dumps(message))

    def hear(self):
        """The next message or block of the server; a block is reported as played."""
        data = self.socket.recv(timeout=20)
        if isinstance(data, str):
            self.words.append(json.loads(data))
            return self.words[-1]
        take, block = read_block(data)
        self.blocks.append((take, block))
        self.say(type="played", take=take, samples=block.first + len(block.samples))
        return block

    def until(self, condition):
        for _ in range(5000):
            if found := condition(self.hear()):
                return found
        raise AssertionError("it never came")

    def word(self, kind):
        return self.until(lambda heard: isinstance(heard, dict) and heard["type"] == kind and heard)
