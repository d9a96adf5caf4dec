"""The server's side of each open page: its stream, the messages that it sends and is sent over its WebSocket."""

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
from mtcrnn.live.messages import Margin, Message, Played, Set, Start, Stop
from mtcrnn.live.models import Models, Opened
from mtcrnn.live.scheduler import Scheduler
from mtcrnn.live.sound_output import FADE_S
from mtcrnn.rendering.stream import MOST_LIVE_TEMPERATURE, TEMPERATURE, Block, Stream, clamp_temperature

MARGIN_MS = 30.0
SEND_S = 5.0  # a page that reads nothing for so long is disconnected,
MOST_WAITING = 1000  # and so is one for which so many messages wait: 10 s of blocks
MOST_BAD = 100  # bad messages in a row
QUANTUM = 128  # samples that a browser's audio graph processes at once, so its playing begins with at least as many
BAD_DATA = 1003  # a close code of RFC 6455


class Instrument:
    """What all pages share: the models, the token, the scheduler; and the open pages by id.

    Args:
        models: what can be played.
        token: who knows it may play.
        margin_ms: how far to render ahead, unless a page asks for another margin.
    """

    def __init__(self, models: Models, token: str, margin_ms: float = MARGIN_MS) -> None:
        self.models, self.token, self.margin_ms = models, token, margin_ms
        self.scheduler = Scheduler()
        self.pages: dict[str, Page] = {}

    def move(self, values: dict[str, float], temperature: float | None) -> None:
        """Move parameters on all pages that have them; may be called in any thread.

        Raises:
            InputError: no page has a parameter of that name.
        """
        pages = list(self.pages.values())
        having = [page for page in pages if set(values) <= set(page.stream.names)]
        for page in having:
            page.move(values, temperature)
        if pages and not having:
            pages[0].stream.check(values)


class Page:
    """One open page: its stream and its WebSocket.

    Args:
        instrument: what it shares with the other pages.
        opened: the model.
        socket: its WebSocket.
    """

    def __init__(self, instrument: Instrument, opened: Opened, socket: WebSocket) -> None:
        self.id = secrets.token_urlsafe(9)
        self.socket, self.scheduler = socket, instrument.scheduler
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[str | bytes] = asyncio.Queue(MOST_WAITING)
        self._full = asyncio.Event()
        self.stream = Stream(opened.player, fresh_seed())
        margin = self._margin(instrument.margin_ms)
        self.playback = self.scheduler.add(self.stream, 1 / opened.rtf, self._deliver, margin)
        self._send_json(
            {
                "type": "hello",
                "id": self.id,
                **opened.describe(),
                "block": self.stream.block_size,
                "control_rate": self.stream.control_rate,
                "margin_ms": instrument.margin_ms,
                "fade_s": FADE_S,
                "values": self.stream.values,
                "temperature": self.stream.temperature,
                "most_temperature": MOST_LIVE_TEMPERATURE,
            }
        )

    async def serve(self) -> None:
        """Send and receive until the page is gone or has to be disconnected.

        Raises:
            WebSocketDisconnect: it is gone, or sent too many bad messages (`BAD_DATA`).
            TimeoutError: it does not read what it is sent.
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
            self.scheduler.remove(self.playback)

    async def _send(self) -> None:
        while True:
            data = await self._waiting.get()
            try:
                async with asyncio.timeout(SEND_S):
                    await (self.socket.send_text(data) if isinstance(data, str) else self.socket.send_bytes(data))
            except RuntimeError as error:  # the server has closed it: a message was too long
                raise WebSocketDisconnect from error

    async def _overflow(self) -> None:
        await self._full.wait()
        raise TimeoutError

    async def _receive(self) -> None:
        bad = 0
        while True:
            await asyncio.sleep(0)  # let the answers be sent before the next message is read
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
                self._send_json({"type": "error", "text": str(error)})
                if bad >= MOST_BAD:
                    raise WebSocketDisconnect(BAD_DATA, "too many bad messages") from error

    def _handle(self, message: Message) -> None:
        match message:
            case Start():
                seed = fresh_seed() if message.seed is None else message.seed
                take = self.scheduler.start(self.playback, seed)
                self._send_json({"type": "started", "seed": seed, "take": take})
            case Stop():
                self.scheduler.stop(self.playback)
                self._send_json({"type": "stopped"})
            case Played():
                self.scheduler.played(self.playback, message.take, message.samples)
            case Margin():
                ms = min(max(message.ms, messages.LEAST_MARGIN_MS), messages.MOST_MARGIN_MS)
                self.scheduler.set_margin(self.playback, self._margin(ms))
                self._send_json({"type": "margin", "ms": ms})
            case Set():
                self._set(message)

    def _margin(self, ms: float) -> int:
        """How many samples to render ahead."""
        return max(self.stream.samples(ms), QUANTUM)

    def _set(self, message: Set) -> None:
        """Move parameters at the next block; the page is sent the values that were out of range, clamped."""
        self.scheduler.set(self.playback, message.values, message.temperature, message.change)
        if clamped := self._clamped(message.values, message.temperature):
            self._send_json({"type": "clamped", "values": clamped})

    def move(self, values: dict[str, float], temperature: float | None) -> None:
        """Move parameters from outside the page, which is sent their values; may be called in any thread."""
        self.scheduler.set(self.playback, values, temperature)
        own = {} if temperature is None else {TEMPERATURE: temperature}
        moved = {**values, **own, **self._clamped(values, temperature)}
        self._put_from_thread(json.dumps({"type": "moved", "values": moved}))

    def _clamped(self, values: dict[str, float], temperature: float | None) -> dict[str, float]:
        """The values that are out of range, as `Stream.set` clamps them, the temperature's among them."""
        clamped = self.stream.clamped(values)
        if temperature is not None and (inside := clamp_temperature(temperature)) != temperature:
            clamped[TEMPERATURE] = inside
        return clamped

    def _deliver(self, take: int, block: Block | None) -> None:
        """Send the next block, or an error if rendering has failed (in the scheduler's thread)."""
        failed = json.dumps({"type": "error", "text": "rendering failed: the sound has stopped"})
        self._put_from_thread(messages.pack(take, block) if block else failed)

    def _put_from_thread(self, data: str | bytes) -> None:
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._put, data)

    def _send_json(self, message: dict[str, Any]) -> None:
        self._put(json.dumps(message))

    def _put(self, data: str | bytes) -> None:
        try:
            self._waiting.put_nowait(data)
        except asyncio.QueueFull:
            self._full.set()
