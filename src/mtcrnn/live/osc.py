"""Open Sound Control (OSC): moves the parameters of everything that plays, from Max, Pd, SuperCollider or a synth rack.

/NAME value moves a parameter, in the user's units. The addresses of the instrument itself begin with @, as no
parameter's name does: /@temperature value, /@start [seed], /@stop.
"""

from __future__ import annotations

import logging
import math
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from mtcrnn.core.errors import InputError
from mtcrnn.rendering.stream import TEMPERATURE

log = logging.getLogger(__name__)

START, STOP = "@start", "@stop"
WARN_S = 1.0  # between two warnings: a sender may be wrong a thousand times a second
MOST_NESTED = 8  # bundles within bundles
BUNDLE = b"#bundle\0"  # a time tag of 8 bytes follows, which is ignored: messages take effect on arrival
NUMBERS = {"f": ">f", "i": ">i", "d": ">d", "h": ">q"}

Move = Callable[[dict[str, float], float | None], None]


class OscServer:
    """Listens for OSC messages over UDP, in a thread of its own.

    Args:
        host: the address to listen on.
        port: the UDP port; 0 takes any free one.
        move: called with parameters by name and the temperature (or None).
        start: called with a seed or None.
        stop: called at /@stop.

    Raises:
        InputError: a port in use.
    """

    def __init__(
        self, host: str, port: int, move: Move, start: Callable[[int | None], object], stop: Callable[[], object]
    ) -> None:
        self._move, self._start, self._stop = move, start, stop
        self._quiet_until = 0.0
        try:
            self._server = _Server(host, port, self._receive)
        except (OSError, OverflowError) as error:
            raise InputError(f"cannot listen for OSC on {host}, port {port}: {error}") from error
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="osc", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _receive(self, packet: bytes) -> None:
        """Handle the messages of a packet in order; no packet ends the thread."""
        try:
            for address, number in messages(packet):
                self._handle(address, number)
        except Exception as error:
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + WARN_S
                log.warning("OSC: %s", error)

    def _handle(self, address: str, number: float | None) -> None:
        name = address.removeprefix("/")
        if name == STOP:
            self._stop()
        elif name == START:
            self._start(None if number is None else int(number) % 2**31)
        elif number is None:
            raise InputError(f"{address[:40]!r} takes a finite number{_hint(name)}")
        elif name == TEMPERATURE:
            self._move({}, number)
        else:
            try:
                self._move({name: number}, None)
            except InputError as error:
                raise InputError(f"{error}{_hint(name)}") from error


class _Server(socketserver.UDPServer):
    """Calls a function with each packet."""

    max_packet_size = 1 << 16

    def __init__(self, host: str, port: int, receive: Callable[[bytes], None]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._receive = receive
        super().__init__((host, port), socketserver.BaseRequestHandler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handle one packet."""
        self._receive(request[0])


def _hint(name: str) -> str:
    """A hint for users of the old addresses, which had no @."""
    own = f"@{name}"
    return f" (for the instrument itself: /{own})" if own in (TEMPERATURE, START, STOP) else ""


def messages(packet: bytes) -> list[tuple[str, float | None]]:
    """Address and first value of each message in an OSC packet, None for a value that is not a finite number.

    Source: The Open Sound Control 1.0 Specification (Wright, 2002).

    Raises:
        InputError: the packet is not OSC.
    """
    try:
        return list(_messages(packet, 0))
    except (ValueError, struct.error) as error:
        raise InputError(f"a packet of {len(packet)} bytes is not OSC: {error}") from error


def _messages(data: bytes, nested: int) -> Iterator[tuple[str, float | None]]:
    """The messages of a packet: one, or those of a bundle and of the bundles in it."""
    if not data.startswith(BUNDLE):
        yield _message(data)
        return
    at = len(BUNDLE) + 8
    while at < len(data):
        (size,) = struct.unpack_from(">i", data, at)
        if not 0 < size <= len(data) - at - 4 or nested == MOST_NESTED:
            raise ValueError("the sizes in a bundle are wrong")
        yield from _messages(data[at + 4 : at + 4 + size], nested + 1)
        at += 4 + size


def _message(data: bytes) -> tuple[str, float | None]:
    """One message; all values but the first are ignored."""
    address, at = _text(data, 0)
    tags, at = _text(data, at) if at < len(data) else (",", at)
    if not address.startswith("/") or not tags.startswith(","):
        raise ValueError("it has no address, or no type tags")
    kind = tags[1:2]
    if kind in ("T", "F"):
        return address, float(kind == "T")
    number = struct.unpack_from(NUMBERS[kind], data, at)[0] if kind in NUMBERS else math.nan
    return address, float(number) if math.isfinite(number) else None


def _text(data: bytes, at: int) -> tuple[str, int]:
    """The string at an offset, and the offset after it: zeros end it and pad it to a multiple of four bytes."""
    end = data.index(b"\0", at)
    return data[at:end].decode(), end // 4 * 4 + 4
