"""The server of the live page: static files, and one WebSocket for each page that plays."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import array_bytes
from mtcrnn.live.pages import BAD_DATA, Instrument, Page

log = logging.getLogger(__name__)

ANSWER_S = 5.0  # a gesture comes between two blocks, or there is something wrong
POLICY, TRY_LATER = 1008, 1013  # close codes of RFC 6455
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def make_app(instrument: Instrument, hosts: list[str]) -> Starlette:
    """The application.

    Args:
        instrument: what is played.
        hosts: names under which this machine may be called; ["*"] for any. A page from elsewhere is refused.
    """
    static = files("mtcrnn.live") / "page"

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        instrument.conductor.close()

    async def index(request: Request) -> Response:
        if not instrument.allows(request.query_params.get("token")):
            return PlainTextResponse("This address lacks its token: take the one that mtcrnn play printed.", 403)
        return Response((static / "index.html").read_bytes(), media_type="text/html", headers=HEADERS)

    async def models(request: Request) -> Response:
        if not instrument.allows(request.query_params.get("token")):
            return PlainTextResponse("no token", 403)
        return JSONResponse({"models": instrument.models.names}, headers=HEADERS)

    async def gesture(request: Request) -> Response:
        """What a page has played so far, as .npy, and its seed."""
        page = instrument.pages.get(request.path_params["id"])
        if page is None or not instrument.allows(request.query_params.get("token")):
            return PlainTextResponse("no such sound", 404)
        answer = asyncio.wrap_future(instrument.conductor.ask(page.seat, lambda s: (s.seed, s.gesture())))
        await asyncio.wait({answer}, timeout=ANSWER_S)
        if not answer.done() or answer.cancelled():
            answer.cancel()
            return PlainTextResponse("the sound does not answer", 503)
        seed, rows = answer.result()
        content = await run_in_threadpool(array_bytes, rows)
        return Response(content, media_type="application/octet-stream", headers={**HEADERS, "Rand-Seed": str(seed)})

    async def play(socket: WebSocket) -> None:
        await _play(instrument, socket)

    routes = [
        Route("/", index),
        Route("/models", models),
        Route("/gesture/{id}.npy", gesture),
        WebSocketRoute("/play", play),
        Mount("/page", StaticFiles(directory=str(static))),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, hosts)], lifespan=lifespan)


async def _play(instrument: Instrument, socket: WebSocket) -> None:
    """Serve one page, from its first word to its last."""
    if not (_from_here(socket) and instrument.allows(socket.query_params.get("token"))):
        await socket.close(POLICY)  # before it was accepted: HTTP 403
        return
    await socket.accept()
    try:
        opened = await run_in_threadpool(instrument.models.open, socket.query_params.get("model"))
        page = Page(instrument, opened, socket)
    except InputError as error:
        with suppress(WebSocketDisconnect, RuntimeError):  # it is gone already
            await socket.send_text(json.dumps({"type": "refused", "text": str(error)}))
            await socket.close(TRY_LATER)
        return
    instrument.pages[page.id] = page
    try:
        await page.serve()
    except WebSocketDisconnect as error:
        if error.code == BAD_DATA:
            with suppress(WebSocketDisconnect, RuntimeError):
                await socket.close(BAD_DATA, error.reason)
    except TimeoutError:
        log.warning("a page takes nothing: its sound ends")
    finally:
        del instrument.pages[page.id]


def _from_here(socket: WebSocket) -> bool:
    """Whether a page was served by us: a browser says truly where it comes from."""
    try:
        return urlsplit(socket.headers.get("origin", "")).netloc == socket.headers.get("host")
    except ValueError:  # no address at all
        return False
