"""`mtcrnn play`: from a model and an address to a page in the browser."""

from __future__ import annotations

import gc
import logging
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import platformdirs
import uvicorn

from mtcrnn.config.generate import Generate
from mtcrnn.config.options import require
from mtcrnn.core.errors import InputError
from mtcrnn.live.conductor import Conductor, come_first
from mtcrnn.live.messages import LEAST_MARGIN_MS, MOST_BYTES, MOST_MARGIN_MS
from mtcrnn.live.models import Models
from mtcrnn.live.osc import START, STOP, OscServer
from mtcrnn.live.output import Output
from mtcrnn.live.pages import MARGIN_MS, Instrument
from mtcrnn.live.server import make_app
from mtcrnn.live.tokens import kept_token
from mtcrnn.rendering.stream import TEMPERATURE

log = logging.getLogger(__name__)

LOOPBACK, ANYWHERE = ("127.0.0.1", "localhost", "::1"), ("0.0.0.0", "::", "")
PORTS_TRIED = 20
SWITCH_S = 0.001  # how soon Python's threads take turns: its own 5 ms are half a block
GRACE_S = 2  # at the end, for a page that takes nothing


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
        InputError: nothing to play, a port in use, a number out of range.
    """
    _check(margin_ms, port, osc)
    models = Models(path, options)
    if len(models.names) == 1:
        opened = models.open()
        if opened.rtf >= 1:
            log.warning("%s plays %.1f times faster than real time here", opened.name, opened.rtf)
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(host, port))
        instrument = Instrument(models, kept_token(platformdirs.user_state_path("mtcrnn")), margin_ms)
        stack.callback(instrument.conductor.close)
        if osc is not None:
            remote = OscServer(host, osc, instrument.move, _press_start, _press_start)
            stack.callback(remote.close)
        address = _tell(models, host, listening.getsockname()[1], instrument.token)
        if osc is not None:
            print(f"OSC moves the controls: udp port {remote.port}", flush=True)
        if browser:
            threading.Thread(target=_browse, args=(address,), daemon=True).start()
        app = make_app(instrument, ["127.0.0.1", "localhost", "[::1]"] if host in LOOPBACK else ["*"])
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            ws_max_size=MOST_BYTES,
            ws_per_message_deflate=False,  # sound as numbers does not get smaller
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        with suppress(KeyboardInterrupt), _undisturbed():
            uvicorn.Server(config).run(sockets=[listening])


def play_aloud(path: str, options: Generate, margin_ms: float = MARGIN_MS, osc: int | None = None) -> None:
    """Play through this machine's sound output until Ctrl-C, moved by OSC where a port is given.

    Raises:
        InputError: as `play`; also no sound output.
    """
    _check(margin_ms, 0, osc)
    models = Models(path, options)
    with ExitStack() as stack:
        conductor = Conductor()
        stack.callback(conductor.close)
        output = Output(conductor, models.open(), margin_ms)
        stack.callback(output.close)
        output.open()

        def move(values: dict[str, float], temperature: float | None) -> None:
            conductor.set(output.seat, values, temperature)

        if osc is not None:
            remote = OscServer("127.0.0.1", osc, move, output.start, output.stop)
            stack.callback(remote.close)
            names = " ".join(f"/{name}" for name in (*output.stream.names, TEMPERATURE, START, STOP))
            print(f"OSC moves {names}: udp port {remote.port}", flush=True)
        print(f"playing with seed {output.start()} (Ctrl-C ends)", flush=True)
        with suppress(KeyboardInterrupt), _undisturbed():
            output.ended.wait()
            log.warning("the sound output has ended")
    if output.underruns:
        log.warning("%d times the sound came late: a larger --margin helps", output.underruns)


def _check(margin_ms: float, port: int, osc: int | None) -> None:
    """Raise InputError for numbers out of range."""
    allowed = f"{LEAST_MARGIN_MS:g} to {MOST_MARGIN_MS:g}, in ms"
    require(LEAST_MARGIN_MS <= margin_ms <= MOST_MARGIN_MS, "margin", margin_ms, allowed)
    for name, number in (("port", port), ("osc", osc)):
        require(number is None or 0 <= number <= 65535, name, number, "0 to 65535")


def _tell(models: Models, host: str, port: int, token: str) -> str:
    """Print where to play, and how to from another machine; returns the address."""
    here = socket.gethostname() if host in ANYWHERE else host
    address = f"http://{_bracketed(here)}:{port}/?token={token}"
    if host not in LOOPBACK:
        log.warning(
            "--host %s: everyone who can reach this machine and knows the address can play. Browsers give sound and "
            "MIDI only over https or on the machine itself; on another one: ssh -L %d:%s:%d %s, and open %s there",
            host,
            port,
            "127.0.0.1" if host in ANYWHERE else _bracketed(host),
            port,
            here,
            f"http://127.0.0.1:{port}/?token={token}",
        )
    print(f"playing {', '.join(models.names)} at {address} (Ctrl-C ends)", flush=True)
    return address


def _bracketed(host: str) -> str:
    """A host as addresses have it."""
    return f"[{host}]" if ":" in host else host


def _browse(address: str) -> None:
    """Open the page; a browser for the console comes back only when it is left."""
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


def _press_start(seed: int | None = None) -> None:
    raise InputError("a page starts and stops by its own button: browsers give sound to a hand only")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """While it plays, threads take turns sooner, and what was loaded is no work for the garbage collector.

    Else a full collection, 20 ms for the engine and its compiler, would hold up the sound.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    come_first()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


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
