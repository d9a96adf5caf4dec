"""`mtcrnn play`: opens the port, starts the server, the browser and OSC; or plays through the sound output."""

from __future__ import annotations

import gc
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import platformdirs

from mtcrnn.config.generate import Playing
from mtcrnn.config.options import require
from mtcrnn.core.errors import InputError
from mtcrnn.live.messages import LEAST_MARGIN_MS, MOST_BYTES, MOST_MARGIN_MS
from mtcrnn.live.models import Models
from mtcrnn.live.osc import START, STOP, OscServer
from mtcrnn.live.pages import MARGIN_MS, Instrument
from mtcrnn.live.scheduler import Scheduler, raise_priority
from mtcrnn.live.server import make_app
from mtcrnn.live.sound_output import SoundOutput
from mtcrnn.rendering.stream import TEMPERATURE
from mtcrnn.serving.address import ANYWHERE, LOOPBACK, allowed_hosts, bracketed, browse, listen, serve
from mtcrnn.serving.tokens import kept_token

log = logging.getLogger(__name__)

SWITCH_S = 0.001  # between switches of Python's threads: the default, 5 ms, is half a block


def play(
    path: str,
    playing: Playing,
    step: int = 0,
    host: str = "127.0.0.1",
    port: int = 8765,
    browser: bool = True,
    margin_ms: float = MARGIN_MS,
    osc: int | None = None,
) -> None:
    """Serve the live page until Ctrl-C.

    Args:
        path: a recipe, a model or run, or a folder of runs.
        playing: how it plays.
        step: which saved step; 0 the newest.
        host: the address to listen on.
        port: the port to listen on; 0 takes any free one.
        browser: whether to open the page.
        margin_ms: how far to render ahead.
        osc: the UDP port of Open Sound Control messages, which move the parameters of all pages.

    Raises:
        InputError: nothing to play, a port in use, a number out of range.
    """
    _check(margin_ms, port, osc)
    models = Models(path, playing, step)
    if len(models.names) == 1:
        opened = models.open()
        if opened.rtf >= 1:
            log.info("%s plays %.1f times faster than real time here", opened.name, opened.rtf)
    with ExitStack() as stack:
        listening = stack.enter_context(listen(host, port))
        instrument = Instrument(models, kept_token(platformdirs.user_state_path("mtcrnn")), margin_ms)
        stack.callback(instrument.scheduler.close)
        if osc is not None:
            remote = OscServer(host, osc, instrument.move, _refuse_start, _refuse_start)
            stack.callback(remote.close)
        address = _print_address(models, host, listening.getsockname()[1], instrument.token)
        if osc is not None:
            print(f"OSC on UDP port {remote.port} moves the parameters of all pages", flush=True)
        if browser:
            browse(address)
        app = make_app(instrument, allowed_hosts(host))
        with _low_latency():
            serve(app, listening, ws_max_size=MOST_BYTES, ws_per_message_deflate=False)  # samples hardly compress


def play_aloud(
    path: str, playing: Playing, step: int = 0, margin_ms: float = MARGIN_MS, osc: int | None = None
) -> None:
    """Play through this machine's sound output until Ctrl-C; OSC moves the parameters if a port is given.

    Raises:
        InputError: as `play`; also no sound output.
    """
    _check(margin_ms, 0, osc)
    models = Models(path, playing, step)
    with ExitStack() as stack:
        scheduler = Scheduler()
        stack.callback(scheduler.close)
        output = SoundOutput(scheduler, models.open(), margin_ms)
        stack.callback(output.close)
        output.open()

        def move(values: dict[str, float], temperature: float | None) -> None:
            scheduler.set(output.playback, values, temperature)

        if osc is not None:
            remote = OscServer("127.0.0.1", osc, move, output.start, output.stop)
            stack.callback(remote.close)
            names = " ".join(f"/{name}" for name in (*output.stream.names, TEMPERATURE, START, STOP))
            print(f"OSC on UDP port {remote.port} takes {names}", flush=True)
        print(f"playing with seed {output.start()} (Ctrl-C to stop)", flush=True)
        with suppress(KeyboardInterrupt), _low_latency():
            output.ended.wait()
            log.warning("the sound output has ended")
    if output.underruns:
        log.warning("%d underruns: a larger `margin` helps", output.underruns)


def _check(margin_ms: float, port: int, osc: int | None) -> None:
    """Raise InputError for numbers out of range."""
    allowed = f"{LEAST_MARGIN_MS:g} to {MOST_MARGIN_MS:g}, in ms"
    require(LEAST_MARGIN_MS <= margin_ms <= MOST_MARGIN_MS, "margin", margin_ms, allowed)
    for name, number in (("port", port), ("osc", osc)):
        require(number is None or 0 <= number <= 65535, name, number, "0 to 65535")


def _print_address(models: Models, host: str, port: int, token: str) -> str:
    """Print the page's address, and how to reach it from another machine; returns the address."""
    here = socket.gethostname() if host in ANYWHERE else host
    address = f"http://{bracketed(here)}:{port}/?token={token}"
    if host not in LOOPBACK:
        log.warning(
            "`host` %s: everyone who can reach this machine and knows the address can play. Browsers allow sound and "
            "MIDI only over https or on the machine itself; on another one: ssh -L %d:%s:%d %s, and open %s there",
            host,
            port,
            "127.0.0.1" if host in ANYWHERE else bracketed(host),
            port,
            here,
            f"http://127.0.0.1:{port}/?token={token}",
        )
    print(f"playing {', '.join(models.names)} at {address} (Ctrl-C to stop)", flush=True)
    return address


def _refuse_start(seed: int | None = None) -> None:
    raise InputError("only the page itself can start and stop: browsers allow sound after a click or key there")


@contextmanager
def _low_latency() -> Iterator[None]:
    """While it plays, threads switch sooner, this one has priority, and the garbage collector skips what was loaded.

    Otherwise a full collection, 20 ms because of the engine and its compiler, would cause an underrun.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    raise_priority()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
