"""The HTTP server of the live page: its routes, who may use them (token, Host and Origin checks), its WebSocket."""

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
from mtcrnn.serving.access import Endpoint, guarded, has_token
from mtcrnn.web.export import engine_data

log = logging.getLogger(__name__)

GESTURE_S = 5.0  # the longest wait for a gesture, which is read between two blocks
POLICY, TRY_LATER = 1008, 1013  # close codes of RFC 6455


def make_app(instrument: Instrument, hosts: list[str]) -> Starlette:
    """The application.

    Args:
        instrument: what is played.
        hosts: the allowed Host headers; ["*"] for any. A WebSocket of a page from another origin is refused.
    """
    static = files("mtcrnn.web") / "page"

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        instrument.scheduler.close()

    async def index(request: Request) -> Response:
        return Response((static / "index.html").read_bytes(), media_type="text/html")

    async def models(request: Request) -> Response:
        return JSONResponse({"models": instrument.models.names})

    async def voice(request: Request) -> Response:
        """The engine and a model, for a page that makes the sound itself; 409 and why if it cannot."""
        try:
            model = await run_in_threadpool(instrument.models.voice, request.path_params["name"])
        except InputError as error:
            return PlainTextResponse(str(error), 409)
        return JSONResponse({"engine": engine_data(), "models": [model]})

    async def gesture(request: Request) -> Response:
        """The gesture of a page since its start, as .npy, and its seed as a header."""
        page = instrument.pages.get(request.path_params["id"])
        if page is None:
            return PlainTextResponse("no such sound", 404)
        found = asyncio.wrap_future(instrument.scheduler.submit(page.playback, lambda s: (s.seed, s.gesture())))
        await asyncio.wait({found}, timeout=GESTURE_S)
        if not found.done() or found.cancelled():
            found.cancel()
            return PlainTextResponse("the sound does not answer", 503)
        seed, rows = found.result()
        content = await run_in_threadpool(array_bytes, rows)
        return Response(content, media_type="application/octet-stream", headers={"Rand-Seed": str(seed)})

    async def play(socket: WebSocket) -> None:
        await _play(instrument, socket)

    def route(path: str, endpoint: Endpoint) -> Route:
        return Route(path, guarded(instrument.token, endpoint))

    routes = [
        route("/", index),
        route("/models", models),
        route("/voice/{name}", voice),
        route("/gesture/{id}.npy", gesture),
        WebSocketRoute("/play", play),
        Mount("/page", StaticFiles(directory=str(static))),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, hosts)], lifespan=lifespan)


async def _play(instrument: Instrument, socket: WebSocket) -> None:
    """Serve one page until it is gone."""
    if not (_same_origin(socket) and has_token(socket, instrument.token)):
        await socket.close(POLICY)  # before accepting it: the answer is HTTP 403
        return
    await socket.accept()
    try:
        opened = await run_in_threadpool(instrument.models.open, socket.query_params.get("model"))
        page = Page(instrument, opened, socket)
    except InputError as error:
        with suppress(WebSocketDisconnect, RuntimeError):  # the page is gone already
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
        log.warning("a page does not read what it is sent: its sound ends")
    finally:
        del instrument.pages[page.id]


def _same_origin(socket: WebSocket) -> bool:
    """Whether the page was served by this server: browsers send the true origin."""
    try:
        return urlsplit(socket.headers.get("origin", "")).netloc == socket.headers.get("host")
    except ValueError:  # not an address
        return False
