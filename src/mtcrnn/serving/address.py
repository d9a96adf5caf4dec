"""Where a page is served: the port, the address that is printed and opened; serving until Ctrl-C."""

from __future__ import annotations

import socket
import threading
import webbrowser
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette

from mtcrnn.core.errors import InputError

LOOPBACK, ANYWHERE = ("127.0.0.1", "localhost", "::1"), ("0.0.0.0", "::", "")
PORTS_TRIED = 20
SHUTDOWN_S = 2  # the longest wait, at the end, for a page that does not read what it is sent


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InputError if that is not possible, with the next free port if there is one."""
    try:
        return _bind(host, port)
    except OSError as error:
        free = next((p for p in range(port + 1, port + PORTS_TRIED) if _is_free(host, p)), None)
        offer = f"; `port` {free} is free" if free else ""
        raise InputError(f"cannot listen on {host}, port {port}: {error.strerror or error}{offer}") from error


def bracketed(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def allowed_hosts(host: str) -> list[str]:
    """The Host headers that are answered when listening on a host."""
    return [bracketed(name) for name in LOOPBACK] if host in LOOPBACK else ["*"]


def serve(app: Starlette, listening: socket.socket, **options: Any) -> None:
    """Serve an application until Ctrl-C; `options` are uvicorn's."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        **options,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def browse(address: str) -> None:
    """Open a page, and do not wait: a browser for the console returns only after the user quits it."""
    threading.Thread(target=_browse, args=(address,), daemon=True).start()


def _browse(address: str) -> None:
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port).close()
    except (OSError, OverflowError):
        return False
    return True


def _bind(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
