"""Level 4: `mtcrnn play`: from a model and an address to a page in the browser."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import webbrowser
from contextlib import ExitStack, suppress

import uvicorn

from mtcrnn.config import Generate
from mtcrnn.errors import InputError
from mtcrnn.live.conductor import Conductor
from mtcrnn.live.messages import MOST_BYTES
from mtcrnn.live.models import Models
from mtcrnn.live.osc import OscServer
from mtcrnn.live.output import Output
from mtcrnn.live.server import MARGIN_MS, Instrument, make_app

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORTS_TRIED = 20


def play(
    path: str,
    options: Generate,
    host: str = "127.0.0.1",
    port: int = 8765,
    browser: bool = True,
    margin_ms: float = MARGIN_MS,
    osc: int | None = None,
) -> None:
    """Serve the live page until Ctrl-C.

    Args:
        path: a recipe, a model or run, or a folder of runs.
        options: how to play: precision, temperature, step.
        host: the address to listen on.
        port: likewise; 0 takes any free one.
        browser: open the page.
        margin_ms: how far to render ahead.
        osc: a UDP port on which to take Open Sound Control messages, that move the controls of all pages.

    Raises:
        InputError: nothing to play, a model slower than real time, a port in use.
    """
    models = Models(path, options)
    if len(models.names) == 1:
        opened = models.open()
        log.warning("%s plays %.1f times faster than real time here", opened.name, opened.rtf)
    listening = _listen(host, port)
    instrument = Instrument(models, secrets.token_urlsafe(16), margin_ms)
    loopback = host in LOOPBACK
    if not loopback:
        log.warning("--host %s: everyone who can reach this machine and knows the address can play", host)
    shown = host if host != "0.0.0.0" else socket.gethostname()
    address = f"http://{shown}:{listening.getsockname()[1]}/?token={instrument.token}"
    print(f"playing {', '.join(models.names)} at {address} (Ctrl-C ends)", flush=True)
    if browser:
        webbrowser.open(address)
    app = make_app(instrument, ["127.0.0.1", "localhost", "[::1]"] if loopback else ["*"])
    config = uvicorn.Config(app, log_level="warning", access_log=False, ws_max_size=MOST_BYTES, server_header=False)
    with ExitStack() as stack:
        stack.callback(listening.close)
        if osc is not None:
            remote = OscServer(host, osc, instrument.move, lambda seed: None, lambda: None)
            stack.callback(remote.close)
            print(f"OSC moves the controls: udp port {remote.port}", flush=True)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def play_aloud(path: str, options: Generate, margin_ms: float = MARGIN_MS, osc: int | None = None) -> None:
    """Play through this machine's sound output until Ctrl-C, moved by OSC where a port is given.

    Raises:
        InputError: as `play`; also no sound output.
    """
    models = Models(path, options)
    with ExitStack() as stack:
        conductor = Conductor()
        stack.callback(conductor.close)
        output = Output(conductor, models.open(), margin_ms)
        stack.callback(output.close)
        output.open()

        def move(values: dict[str, float], temperature: float | None) -> None:
            output.stream.check(values)
            conductor.change(output.seat, lambda stream: stream.set(values, temperature))

        if osc is not None:
            remote = OscServer("127.0.0.1", osc, move, output.start, output.stop)
            stack.callback(remote.close)
            names = " ".join(f"/{name}" for name in (*output.stream.names, "temperature", "start", "stop"))
            print(f"OSC moves {names}: udp port {remote.port}", flush=True)
        print(f"playing with seed {output.start()} (Ctrl-C ends)", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    if output.underruns:
        log.warning("%d times the sound came late: a larger --margin helps", output.underruns)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises InputError where that is not possible; a port in use offers the next."""
    try:
        return _bound(host, port)
    except OSError as error:
        free = next((p for p in range(port + 1, port + PORTS_TRIED) if _is_free(host, p)), None)
        offer = f"; --port {free} is free" if free else ""
        raise InputError(f"cannot listen on {host}, port {port}: {error.strerror or error}{offer}") from error


def _is_free(host: str, port: int) -> bool:
    try:
        _bound(host, port).close()
    except (OSError, OverflowError):
        return False
    return True


def _bound(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
