"""Level 4: the server of the live page: static files, and one WebSocket for each page that plays."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any
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

from mtcrnn.errors import InputError
from mtcrnn.files import array_bytes
from mtcrnn.live import messages
from mtcrnn.live.conductor import Conductor, Seat
from mtcrnn.live.messages import Margin, Message, Played, Set, Start, Stop
from mtcrnn.live.models import Models, Opened
from mtcrnn.rng import fresh_seed
from mtcrnn.stream import MOST_TEMPERATURE, Block, Stream, clamp_temperature

log = logging.getLogger(__name__)

MARGIN_MS = 30.0
SEND_S = 5.0  # a page that takes nothing for so long is gone
MOST_BAD = 100  # bad messages in a row
POLICY, TRY_LATER, BAD_DATA = 1008, 1013, 1003  # close codes of RFC 6455
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Instrument:
    """What the routes share: the models, the conductor, the pages that play.

    Args:
        models: what can be played.
        token: who knows it may play.
        margin_ms: how far is rendered ahead where a page does not say otherwise.
    """

    def __init__(self, models: Models, token: str, margin_ms: float = MARGIN_MS) -> None:
        self.models, self.token, self.margin_ms = models, token, margin_ms
        self.conductor = Conductor()
        self.pages: dict[str, Page] = {}

    def move(self, values: dict[str, float], temperature: float | None) -> None:
        """Move controls of all pages that have them, in any thread.

        Raises:
            InputError: no page has a control of that name.
        """
        pages = list(self.pages.values())
        having = [page for page in pages if set(values) <= set(page.stream.names)]
        for page in having:
            page.move(values, temperature)
        if pages and not having:
            pages[0].stream.check(values)

    def allows(self, token: str | None) -> bool:
        """Whether this is the token."""
        return token is not None and secrets.compare_digest(token.encode(), self.token.encode())


class Page:
    """One page: its stream, and what it is sent.

    Args:
        instrument: what it plays on.
        opened: the model.
        socket: the way to it.
    """

    def __init__(self, instrument: Instrument, opened: Opened, socket: WebSocket) -> None:
        self.id = secrets.token_urlsafe(9)
        self.socket, self.conductor = socket, instrument.conductor
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.stream = Stream(opened.player, fresh_seed())
        self.seat: Seat = self.conductor.join(
            self.stream, 1 / opened.rtf, self._deliver, self.stream.samples(instrument.margin_ms)
        )
        self._say(
            {
                "type": "hello",
                "id": self.id,
                **opened.describe(),
                "block": self.stream.block_size,
                "control_rate": self.stream.control_rate,
                "margin_ms": instrument.margin_ms,
                "values": self.stream.values,
                "temperature": self.stream.temperature,
                "most_temperature": MOST_TEMPERATURE,
            }
        )

    async def serve(self) -> None:
        """Send and receive until the page is gone or has to go."""
        sending = asyncio.create_task(self._send())
        receiving = asyncio.create_task(self._receive())
        try:
            done, _ = await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)
            self.conductor.leave(self.seat)

    async def _send(self) -> None:
        while True:
            data = await self._waiting.get()
            try:
                async with asyncio.timeout(SEND_S):
                    await (self.socket.send_text(data) if isinstance(data, str) else self.socket.send_bytes(data))
            except RuntimeError as error:  # the server closed it already: a message that was too long
                raise WebSocketDisconnect from error

    async def _receive(self) -> None:
        bad = 0
        while True:
            received = await self.socket.receive()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code", 1000))
            try:
                text = received.get("text")
                if text is None:
                    raise InputError("message: it must be text, not binary")
                self._handle(messages.read(text))
                bad = 0
            except InputError as error:
                bad += 1
                self._say({"type": "error", "text": str(error)})
                if bad >= MOST_BAD:
                    raise WebSocketDisconnect(BAD_DATA, "too many bad messages") from error

    def _handle(self, message: Message) -> None:
        match message:
            case Start():
                seed = fresh_seed() if message.seed is None else message.seed
                take = self.conductor.start(self.seat, seed)
                self._say({"type": "started", "seed": seed, "take": take})
            case Stop():
                self.conductor.stop(self.seat)
                self._say({"type": "stopped"})
            case Played():
                self.conductor.played(self.seat, message.take, message.samples)
            case Margin():
                ms = min(max(message.ms, messages.LEAST_MARGIN_MS), messages.MOST_MARGIN_MS)
                self.seat.margin = self.stream.samples(ms)
                self._say({"type": "margin", "ms": ms})
            case Set():
                self._set(message)

    def _set(self, message: Set) -> None:
        """Take over a change of controls at the next block."""
        self.stream.check(message.values)
        temperature, clamped = message.temperature, self.stream.clamped(message.values)
        if temperature is not None and temperature != clamp_temperature(temperature):
            clamped["temperature"] = clamp_temperature(temperature)
        if clamped:
            self._say({"type": "clamped", "values": clamped})
        self.conductor.change(self.seat, lambda stream: stream.set(message.values, temperature, message.change))

    def move(self, values: dict[str, float], temperature: float | None) -> None:
        """Move controls from outside the page, in any thread; the page is told."""
        told = {**values, **self.stream.clamped(values)}
        if temperature is not None:
            told["temperature"] = clamp_temperature(temperature)
        self.conductor.change(self.seat, lambda stream: stream.set(values, temperature))
        self._loop.call_soon_threadsafe(self._say, {"type": "moved", "values": told})

    def _deliver(self, take: int, block: Block | None) -> None:
        """A block is there, or none will come (in the conductor's thread)."""
        data = messages.pack(take, block) if block else json.dumps({"type": "error", "text": "the sound broke off"})
        self._loop.call_soon_threadsafe(self._waiting.put_nowait, data)

    def _say(self, message: dict[str, Any]) -> None:
        self._waiting.put_nowait(json.dumps(message))


def make_app(instrument: Instrument, hosts: list[str]) -> Starlette:
    """The application.

    Args:
        instrument: what is played.
        hosts: names under which this machine may be called; ["*"] for any. A page from elsewhere is refused.
    """
    page = files("mtcrnn.live") / "page"

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        instrument.conductor.close()

    async def index(request: Request) -> Response:
        if not instrument.allows(request.query_params.get("token")):
            return PlainTextResponse("This address lacks its token: take the one that mtcrnn play printed.", 403)
        return Response((page / "index.html").read_bytes(), media_type="text/html", headers=HEADERS)

    async def models(request: Request) -> Response:
        if not instrument.allows(request.query_params.get("token")):
            return PlainTextResponse("no token", 403)
        return JSONResponse({"models": instrument.models.names}, headers=HEADERS)

    async def gesture(request: Request) -> Response:
        """What a page has played so far, as .npy."""
        playing = instrument.pages.get(request.path_params["id"])
        if playing is None or not instrument.allows(request.query_params.get("token")):
            return PlainTextResponse("no such sound", 404)
        return Response(array_bytes(playing.stream.gesture()), media_type="application/octet-stream", headers=HEADERS)

    async def play(socket: WebSocket) -> None:
        await _play(instrument, socket)

    routes = [
        Route("/", index),
        Route("/models", models),
        Route("/gesture/{id}.npy", gesture),
        WebSocketRoute("/play", play),
        Mount("/page", StaticFiles(directory=str(page))),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, hosts)], lifespan=lifespan)


async def _play(instrument: Instrument, socket: WebSocket) -> None:
    """Serve one page, from its first word to its last."""
    origin = urlsplit(socket.headers.get("origin", "")).netloc
    if origin != socket.headers.get("host") or not instrument.allows(socket.query_params.get("token")):
        await socket.close(POLICY)  # before it was accepted: HTTP 403
        return
    await socket.accept()
    try:
        opened = await run_in_threadpool(instrument.models.open, socket.query_params.get("model"))
        page = Page(instrument, opened, socket)
    except InputError as error:
        await socket.send_text(json.dumps({"type": "refused", "text": str(error)}))
        await socket.close(TRY_LATER)
        return
    instrument.pages[page.id] = page
    try:
        await page.serve()
    except WebSocketDisconnect as error:
        if error.code == BAD_DATA:
            await socket.close(BAD_DATA, error.reason)
    except TimeoutError:
        log.warning("a page took nothing for %g s: its sound ends", SEND_S)
    finally:
        del instrument.pages[page.id]
