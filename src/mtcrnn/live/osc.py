"""Level 4: Open Sound Control: moves the controls of all that plays, from Max, Pd, SuperCollider or a synth rack.

/NAME value (in the user's units), /temperature value, /start [seed], /stop.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from typing import Any

from mtcrnn.errors import InputError

log = logging.getLogger(__name__)

Move = Callable[[dict[str, float], float | None], None]


class OscServer:
    """Listens for OSC messages over UDP, in a thread of its own.

    Args:
        host: the address to listen on.
        port: likewise.
        move: called with controls by name and the temperature (or None).
        start: called with a seed or None.
        stop: called at /stop.

    Raises:
        InputError: the extra `osc` is not installed, a port in use.
    """

    def __init__(
        self, host: str, port: int, move: Move, start: Callable[[int | None], object], stop: Callable[[], None]
    ) -> None:
        try:
            from pythonosc.dispatcher import Dispatcher
            from pythonosc.osc_server import BlockingOSCUDPServer
        except ImportError as error:
            raise InputError("--osc needs the package python-osc: pip install 'mtcrnn[osc]'") from error
        self._move, self._start, self._stop = move, start, stop
        dispatcher = Dispatcher()
        dispatcher.set_default_handler(self._handle)
        try:
            self._server = BlockingOSCUDPServer((host, port), dispatcher)
        except (OSError, OverflowError) as error:
            raise InputError(f"cannot listen for OSC on {host}, port {port}: {error}") from error
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="osc", daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, address: str, *values: Any) -> None:
        name, value = address.lstrip("/"), values[0] if values else math.nan
        number = float(value) if isinstance(value, (int, float)) else math.nan
        known = math.isfinite(number)
        try:
            if name == "stop":
                self._stop()
            elif name == "start":
                self._start(int(number) % 2**31 if known else None)
            elif not known:
                raise InputError(f"/{name} takes a number, not {value!r}")
            elif name == "temperature":
                self._move({}, number)
            else:
                self._move({name: number}, None)
        except InputError as error:
            log.warning("OSC: %s", error)
