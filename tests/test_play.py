"""`mtcrnn play`: its options, the address that it prints, its start and its end; also through the sound output."""

import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.parse
import urllib.request
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import run_cli
from live_driver import frame, playing, raw_page, save_model
from mtcrnn.config.generate import Playing
from mtcrnn.core.errors import InputError
from mtcrnn.live import play


@pytest.fixture
def model(tmp_path):
    return save_model(tmp_path / "tones")


@pytest.mark.parametrize("way", [[], ["--audio"]])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--margin", "9"], "--margin is 9.0; it must be 10 to 500, in ms"),
        (["--margin", "501"], "--margin is 501.0; it must be 10 to 500, in ms"),
        (["--margin", "-30"], "--margin is -30.0; it must be 10 to 500, in ms"),
        (["--osc", "65536"], "--osc is 65536; it must be 0 to 65535"),
        (["--osc", "-1"], "--osc is -1; it must be 0 to 65535"),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_opened(capsys, way, words, message):
    error = f"mtcrnn: error: {message}"
    assert run_cli(capsys, "play", "no/model", "--no-browser", *way, *words)[::2] == (2, error)


@pytest.mark.parametrize("margin", [float("nan"), float("inf"), -float("inf")])
def test_a_margin_that_is_not_finite(margin):
    for start in (play.play, play.play_aloud):
        with pytest.raises(InputError, match=rf"`margin` is {margin}; it must be 10 to 500, in ms"):
            start("no/model", Playing(), margin_ms=margin)


def test_bad_input(tmp_path, capsys, model):
    (tmp_path / "empty").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, message in (
            ([tmp_path / "none"], f"{tmp_path / 'none'}: no such model folder"),
            ([tmp_path / "empty"], "holds no models"),
            ([model, "--port", "70000"], "--port is 70000; it must be 0 to 65535"),
            ([model, "--port", port], f"cannot listen on 127.0.0.1, port {port}: "),
        ):
            code, _, error = run_cli(capsys, "play", *words, "--no-browser")
            assert (code, message in error) == (2, True), error
    assert "is free" in error


@pytest.mark.parametrize(
    ("host", "address", "tunnel"),
    [
        ("127.0.0.1", "http://127.0.0.1:8765/?token=t", None),
        ("::1", "http://[::1]:8765/?token=t", None),
        ("0.0.0.0", "http://studio:8765/?token=t", "ssh -L 8765:127.0.0.1:8765 studio"),
        ("::", "http://studio:8765/?token=t", "ssh -L 8765:127.0.0.1:8765 studio"),
        ("10.0.0.2", "http://10.0.0.2:8765/?token=t", "ssh -L 8765:10.0.0.2:8765 10.0.0.2"),
        ("fd00::2", "http://[fd00::2]:8765/?token=t", "ssh -L 8765:[fd00::2]:8765 fd00::2"),
    ],
)
def test_the_address_is_printed(host, address, tunnel, monkeypatch, capsys, caplog):
    monkeypatch.setattr(socket, "gethostname", lambda: "studio")
    assert play._print_address(SimpleNamespace(names=["a", "b"]), host, 8765, "t") == address
    assert capsys.readouterr().out == f"playing a, b at {address} (Ctrl-C to stop)\n"
    if tunnel:
        assert "everyone who can reach this machine and knows the address can play" in caplog.text
        assert f"on another one: {tunnel}, and open http://127.0.0.1:8765/?token=t there" in caplog.text
    else:
        assert not caplog.text


def get(address):
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.read()


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ends(process):
    """Ctrl-C, and the seconds until it has ended."""
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    return time.monotonic() - begun


@pytest.mark.slow
def test_a_bookmark_works_the_next_time_also_over_ipv6(model, tmp_path):
    tokens = []
    for host in ("127.0.0.1", "::1"):
        with playing(model, tmp_path / "state", "--no-browser", "--host", host) as (process, address):
            assert b"<title>mtcrnn</title>" in get(address)
            tokens.append(urllib.parse.urlsplit(address).query)
            assert ends(process) < 5
    assert tokens[0] == tokens[1]
    assert (tmp_path / "state" / "mtcrnn" / "token").read_text() == tokens[0].removeprefix("token=")


@pytest.mark.slow
def test_a_browser_that_blocks_does_not_block_the_server(model, tmp_path):
    """Such as w3m or lynx. It opens the address that is printed."""
    browser, seen = tmp_path / "browser.py", tmp_path / "seen"
    browser.write_text(
        f"import os, pathlib, sys, time\npathlib.Path({str(seen)!r}).write_text(f'{{os.getpid()}} {{sys.argv[1]}}')\n"
        "time.sleep(60)\n"
    )
    with playing(model, tmp_path, BROWSER=f"{sys.executable} {browser} %s") as (process, address):
        assert b"<title>mtcrnn</title>" in get(address)
        until(lambda: seen.exists() and seen.read_text())
        pid, opened = seen.read_text().split()
        assert opened == address
        assert ends(process) < 5
        os.kill(int(pid), signal.SIGKILL)


@pytest.mark.slow
def test_a_page_that_reads_nothing_does_not_keep_it_from_ending(model, tmp_path):
    with playing(model, tmp_path, "--no-browser") as (process, address):
        parts = urllib.parse.urlsplit(address)
        deaf, answer = raw_page(parts.port, parts.query.removeprefix("token="))
        assert b"101" in answer
        logged = tmp_path / "stderr"
        deaf.sendall(frame(type="margin", ms=500))
        with suppress(OSError):  # the sound fills all buffers
            while "a page does not read" not in logged.read_text():
                deaf.sendall(frame(type="start"))
                time.sleep(0.001)
        until(lambda: "a page does not read" in logged.read_text())
        assert ends(process) < 10
        deaf.close()


@pytest.mark.slow
def test_aloud_until_the_output_ends(model, monkeypatch, capsys, caplog):
    """A sound card that is unplugged after a while; the addresses that OSC takes are printed."""
    heard = []

    class Card:
        def __init__(self, samplerate, callback, finished_callback, **_):
            self.samplerate, self.callback, self.finished = samplerate, callback, finished_callback

        def start(self):
            threading.Thread(target=self.play).start()

        def play(self):
            while sum(np.abs(each).max() > 0 for each in heard) < 5:
                out = np.empty((64, 1), np.float32)
                self.callback(out, 64, None, None)
                heard.append(out)
                time.sleep(64 / self.samplerate)
            self.finished()

        def close(self):
            heard.append(np.zeros((1, 1)))

    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(OutputStream=Card, PortAudioError=OSError))
    playing = threading.Thread(target=play.play_aloud, args=(str(model), Playing(), 0, 30.0, 0))
    playing.start()  # a thread, since it raises its priority
    playing.join(30)
    assert not playing.is_alive()
    assert heard[-1].shape == (1, 1)  # it was closed
    assert re.search(r"OSC on UDP port \d+ takes /hz /gain /@temperature /@start /@stop\n", capsys.readouterr().out)
    assert "the sound output has ended" in caplog.text
