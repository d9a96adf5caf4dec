"""One page that plays: its stream, what it says, and what it is sent."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import fresh_seed
from mtcrnn.live import messages
from mtcrnn.live.conductor import Conductor
from mtcrnn.live.messages import Margin, Message, Played, Set, Start, Stop
from mtcrnn.live.models import Models, Opened
from mtcrnn.rendering.stream import MOST_TEMPERATURE, TEMPERATURE, Block, Stream, clamp_temperature

MARGIN_MS = 30.0
SEND_S = 5.0  # a page that takes nothing for so long is gone,
MOST_WAITING = 1000  # and so is one that has so much to take: 10 s of blocks
MOST_BAD = 100  # bad messages in a row
QUANTUM = 128  # samples that a browser's audio graph takes at once: it begins when so many are there
BAD_DATA = 1003  # a close code of RFC 6455


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
        self._waiting: asyncio.Queue[str | bytes] = asyncio.Queue(MOST_WAITING)
        self._full = asyncio.Event()
        self.stream = Stream(opened.player, fresh_seed())
        self.seat = self.conductor.join(self.stream, 1 / opened.rtf, self._deliver, self._margin(instrument.margin_ms))
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
        """Send and receive until the page is gone or has to go.

        Raises:
            WebSocketDisconnect: it is gone, or said nothing but nonsense (`BAD_DATA`).
            TimeoutError: it takes nothing.
        """
        tasks = {asyncio.create_task(each) for each in (self._send(), self._receive(), self._overflow())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.conductor.leave(self.seat)

    async def _send(self) -> None:
        while True:
            data = await self._waiting.get()
            try:
                async with asyncio.timeout(SEND_S):
                    await (self.socket.send_text(data) if isinstance(data, str) else self.socket.send_bytes(data))
            except RuntimeError as error:  # the server closed it already: a message that was too long
                raise WebSocketDisconnect from error

    async def _overflow(self) -> None:
        await self._full.wait()
        raise TimeoutError

    async def _receive(self) -> None:
        bad = 0
        while True:
            await asyncio.sleep(0)  # what was answered is sent before the next question is read
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
                self.conductor.margin(self.seat, self._margin(ms))
                self._say({"type": "margin", "ms": ms})
            case Set():
                self._set(message)

    def _margin(self, ms: float) -> int:
        """How many samples to render ahead."""
        return max(self.stream.samples(ms), QUANTUM)

    def _set(self, message: Set) -> None:
        """Take over a change of controls at the next block."""
        self.conductor.set(self.seat, message.values, message.temperature, message.change)
        clamped = self.stream.clamped(message.values)
        if message.temperature is not None and message.temperature != clamp_temperature(message.temperature):
            clamped[TEMPERATURE] = clamp_temperature(message.temperature)
        if clamped:
            self._say({"type": "clamped", "values": clamped})

    def move(self, values: dict[str, float], temperature: float | None) -> None:
        """Move controls from outside the page, in any thread; the page is told."""
        self.conductor.set(self.seat, values, temperature)
        told = {**values, **self.stream.clamped(values)}
        if temperature is not None:
            told[TEMPERATURE] = clamp_temperature(temperature)
        self._from_outside(json.dumps({"type": "moved", "values": told}))

    def _deliver(self, take: int, block: Block | None) -> None:
        """A block is there, or none will come (in the conductor's thread)."""
        broken = json.dumps({"type": "error", "text": "the sound broke off"})
        self._from_outside(messages.pack(take, block) if block else broken)

    def _from_outside(self, data: str | bytes) -> None:
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._put, data)

    def _say(self, message: dict[str, Any]) -> None:
        self._put(json.dumps(message))

    def _put(self, data: str | bytes) -> None:
        try:
            self._waiting.put_nowait(data)
        except asyncio.QueueFull:
            self._full.set()
