"""Open Sound Control: what its messages move, and packets that are not OSC."""

import json
import random
import socket
import struct
import time

import pytest
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient

from live_driver import Client, save_model, serve
from mtcrnn.config.ranges import Range
from mtcrnn.core.errors import InputError
from mtcrnn.live import osc
from mtcrnn.live.osc import OscServer, messages


def message(address, *values):
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()


def bundle(*content, at=1):
    builder = OscBundleBuilder(at)
    for each in content:
        builder.add_content(each)
    return builder.build()


class Remote:
    """A server, what it did, and a way to send it packets."""

    def __init__(self):
        self.done = []
        note = self.done.append
        self.server = OscServer(
            "127.0.0.1",
            0,
            lambda values, temperature: note((values, temperature)),
            lambda seed: note(("start", seed)),
            lambda: note(("stop",)),
        )
        self.client = SimpleUDPClient("127.0.0.1", self.server.port, family=socket.AF_INET)

    def send(self, *packets):
        for packet in packets:
            self.client._sock.sendto(packet, ("127.0.0.1", self.server.port))

    def until(self, count):
        deadline = time.monotonic() + 20
        while len(self.done) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.done


@pytest.fixture
def remote():
    remote = Remote()
    yield remote
    remote.client._sock.close()
    remote.server.close()


def test_every_kind_of_number_is_read():
    """The packets that python-osc builds."""
    for value, number in ((0.25, 0.25), (-3, -3.0), (True, 1.0), (False, 0.0), ("loud", None), (b"1", None)):
        assert messages(message("/a/b", value).dgram) == [("/a/b", number)]
    for value, kind, number in ((0.1, "d", 0.1), (2**40, "h", 2.0**40), (float("inf"), "f", None)):
        builder = OscMessageBuilder("/wide")
        builder.add_arg(value, kind)
        assert messages(builder.build().dgram) == [("/wide", number)]
    assert messages(message("/none").dgram) == [("/none", None)]
    assert messages(b"/old\0\0\0\0") == [("/old", None)]  # from before there were type tags
    assert messages(message("/several", 1.5, 2.5).dgram) == [("/several", 1.5)]
    nested = bundle(message("/one", 1), bundle(message("/two", 2), message("/three", 3)))
    assert messages(nested.dgram) == [("/one", 1.0), ("/two", 2.0), ("/three", 3.0)]


@pytest.mark.slow
def test_a_bundle_for_tomorrow_takes_effect_at_once(remote):
    tomorrow = time.time() + 86400
    remote.send(bundle(message("/rate", 0.5), at=tomorrow).dgram, message("/rate", 0.25).dgram)
    assert remote.until(2) == [({"rate": 0.5}, None), ({"rate": 0.25}, None)]


@pytest.mark.slow
def test_the_instruments_own_names_and_the_parameters(remote):
    sent = ("/temperature", 50.0), ("/@temperature", 0.5), ("/start", 1.0), ("/@start", 7), ("/stop", 0.0)
    remote.send(*(message(*each).dgram for each in sent), message("/@start").dgram, message("/@stop").dgram)
    assert remote.until(7) == [
        ({"temperature": 50.0}, None),
        ({}, 0.5),
        ({"start": 1.0}, None),
        ("start", 7),
        ({"stop": 0.0}, None),
        ("start", None),
        ("stop",),
    ]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0" * 8,
        b"rate\0\0\0\0,f\0\0\0\0\0\0",
        b"/rate",
        b"/\xff\xfe\0,f\0\0\0\0\0\0",
        b"/rate\0\0\0,f\0\0\0",
        b"/rate\0\0\0f\0\0\0",
        b"#bundle\0" + bytes(8) + struct.pack(">i", -4) + bytes(4),  # python-osc 1.10 reads it for ever
        b"#bundle\0" + bytes(8) + struct.pack(">i", 0),
        b"#bundle\0" + bytes(8) + struct.pack(">i", 2**31 - 1) + bytes(40),
        b"#bundle\0" + bytes(10),
    ],
)
def test_packets_that_are_not_osc(packet):
    with pytest.raises(InputError, match=rf"a packet of {len(packet)} bytes is not OSC"):
        messages(packet)


def test_bundles_nested_too_deep():
    packet = message("/rate", 1.0).dgram
    for _ in range(2000):
        packet = b"#bundle\0" + bytes(8) + struct.pack(">i", len(packet)) + packet
    with pytest.raises(InputError, match="the sizes in a bundle are wrong"):
        messages(packet)


@pytest.mark.slow
def test_noise_is_logged_once_a_second_and_ends_nothing(remote, caplog):
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    good = bundle(message("/rate", 1.0), message("/stop")).dgram
    for _ in range(2000):
        broken = bytearray(good)
        broken[rng.randrange(len(good))] = rng.randrange(256)
        remote.send(rng.randbytes(rng.randrange(100)), bytes(broken[: rng.randrange(len(good) + 1)]))
    deadline = time.monotonic() + 20
    while ({"last": 1.0}, None) not in remote.done and time.monotonic() < deadline:
        remote.send(message("/last", 1.0).dgram)
        time.sleep(0.01)
    assert ({"last": 1.0}, None) in remote.done, seed
    logged = [record for record in caplog.records if record.getMessage().startswith("OSC: ")]
    assert 1 <= len(logged) <= 10, seed  # one a second
    assert not any(record.exc_info for record in logged)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """A model whose parameters have the names of the instrument's own settings."""
    ranges = {name: Range(0, 100) for name in ("temperature", "start", "stop", "seed", "model")}
    with serve(save_model(tmp_path_factory.mktemp("names") / "names", ranges=ranges)) as served:
        yield served


@pytest.mark.slow
def test_osc_moves_parameters_of_any_name(names, monkeypatch, caplog):
    monkeypatch.setattr(osc, "WARN_S", 0.0)
    remote = OscServer("127.0.0.1", 0, names.instrument.move, lambda seed: None, lambda: None)
    client = SimpleUDPClient("127.0.0.1", remote.port, family=socket.AF_INET)
    with names.join() as ws:
        page = Client(ws)
        for name in ("temperature", "start", "stop", "seed", "model"):
            client.send_message(f"/{name}", 25.0)
            assert page.word("moved")["values"] == {name: 25}
        client.send_message("/temperature", 1000.0)
        assert page.word("moved")["values"] == {"temperature": 100}
        client.send_message("/@temperature", 1000.0)
        assert page.word("moved")["values"] == {"@temperature": 3}
        (playback,) = names.instrument.scheduler._playbacks
        values, own = names.instrument.scheduler.submit(playback, lambda s: (dict(s.values), s.temperature)).result(20)
        assert values == {"temperature": 100, "start": 25, "stop": 25, "seed": 25, "model": 25}
        assert own == 3
        client.send_message("/rate", float("nan"))
        client.send_message("/rate\n", 1.0)
        client.send_message("/stop", 1.0)
        assert page.word("moved")["values"] == {"stop": 1}
    assert "OSC: '/rate' takes a finite number\n" in caplog.text
    assert r"OSC: unknown parameter 'rate\n'; known: temperature, start, stop, seed, model" in caplog.text
    client._sock.close()
    remote.close()


def test_the_page_moves_parameters_of_any_name(names):
    with names.join() as ws:
        page = Client(ws)
        assert [control["name"] for control in page.hello["controls"]] == list(page.hello["values"])
        page.say(type="set", values={"temperature": 1e9, "start": 3.0}, temperature=1e9, change=1)
        assert page.word("clamped")["values"] == {"temperature": 100, "@temperature": 3}
        page.say(type="start", seed=1)
        page.until(lambda heard: not isinstance(heard, dict))
        status, content, headers = names.get(f"/gesture/{page.hello['id']}.npy")
        assert (status, headers["Rand-Seed"]) == (200, "1")
        assert content.startswith(b"\x93NUMPY")
    with names.join() as ws:
        ws.recv(timeout=20)
        ws.send(json.dumps({"type": "set", "values": {"@temperature": 1.0}}))
        assert "unknown parameter '@temperature'" in ws.recv(timeout=20)


@pytest.mark.slow
def test_the_old_addresses_are_explained(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(osc, "WARN_S", 0.0)
    with serve(save_model(tmp_path / "tones")) as served:
        remote = OscServer("127.0.0.1", 0, served.instrument.move, lambda seed: None, lambda: None)
        client = SimpleUDPClient("127.0.0.1", remote.port, family=socket.AF_INET)
        with served.join() as ws:
            page = Client(ws)
            client.send_message("/temperature", 0.5)
            client.send_message("/start", [])
            client.send_message("/pitch", 1)
            client.send_message("/gain", 0)
            assert page.word("moved")["values"] == {"gain": 0}
        client._sock.close()
        with pytest.raises(InputError, match="cannot listen for OSC on"):
            OscServer("127.0.0.1", remote.port, served.instrument.move, print, print)
        remote.close()
    known = "known: hz, gain"
    assert f"OSC: unknown parameter 'temperature'; {known} (for the instrument itself: /@temperature)\n" in caplog.text
    assert "OSC: '/start' takes a finite number (for the instrument itself: /@start)\n" in caplog.text
    assert f"OSC: unknown parameter 'pitch'; {known}\n" in caplog.text
