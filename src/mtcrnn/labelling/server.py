"""The server of the page that labels recordings: its routes."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import array_bytes
from mtcrnn.labelling.session import Session
from mtcrnn.labelling.tiles import COLUMNS, SCALES, excerpt, tile
from mtcrnn.listening import moments, overview
from mtcrnn.listening.recordings import Recording
from mtcrnn.serving.access import Endpoint, guarded

MOST_BYTES = 1_000_000  # of an edit
PRESENT_S = 10.0  # after its last question, a page counts as gone


class Pages:
    """Which pages are open."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def count(self, page: str) -> int:
        """How many there are, `page` among them, which has just asked."""
        now = time.monotonic()
        self._seen = {one: seen for one, seen in self._seen.items() if now - seen < PRESENT_S} | {page: now}
        return len(self._seen)


def make_app(session: Session, token: str, hosts: list[str]) -> Starlette:
    """The application.

    Args:
        session: what is labelled.
        token: who knows it may label.
        hosts: the allowed Host headers; ["*"] for any.
    """
    static, shared = files("mtcrnn.labelling") / "page", files("mtcrnn.web") / "page"
    pages = Pages()

    async def index(_: Request) -> Response:
        return Response((static / "index.html").read_bytes(), media_type="text/html")

    async def recordings(_: Request) -> Response:
        return JSONResponse(_recordings(session))

    async def state(request: Request) -> Response:
        """What is shown; with `version`, only whether that is still the newest."""
        count = pages.count(request.query_params.get("page", ""))
        if request.query_params.get("version") == str(session.version):
            return JSONResponse({"version": session.version, "pages": count})
        return JSONResponse(await run_in_threadpool(session.state) | {"pages": count})

    async def edit(request: Request) -> Response:
        body = await request.body()
        if len(body) > MOST_BYTES:
            raise InputError("that edit is too long")
        try:
            asked = await request.json()
            change, version = asked["edit"], asked["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError("that is no edit") from error
        kinds = {"undo": session.undo, "redo": session.redo}
        kind = change.get("type") if isinstance(change, dict) else None
        if kind in kinds:
            await run_in_threadpool(kinds[kind])
        else:
            await run_in_threadpool(session.edit, change, version)
        return JSONResponse(await run_in_threadpool(session.state))

    async def curve(request: Request) -> Response:
        """The curve of a parameter and its uncertainty, .npy [2, N]; infinity where nothing is known."""
        found = await run_in_threadpool(session.learned, request.path_params["name"])
        if found.values is None:
            return Response(array_bytes(np.zeros((2, 0), np.float32)), media_type="application/octet-stream")
        unsure = np.zeros(len(found.values)) if found.curve is None else found.curve.uncertainty
        both = np.stack([found.values, unsure]).astype("<f4")
        return Response(array_bytes(both), media_type="application/octet-stream")

    async def axes(_: Request) -> Response:
        """The first two principal axes of all moments, .npy [2, N]."""
        both = await run_in_threadpool(lambda: np.stack([session.axis(0), session.axis(1)]).astype("<f4"))
        return Response(array_bytes(both), media_type="application/octet-stream")

    async def columns(request: Request) -> Response:
        asked = request.path_params
        found = await run_in_threadpool(tile, _recording(session, asked["i"]), asked["scale"], asked["number"])
        return Response(found, media_type="application/octet-stream")

    async def sound(request: Request) -> Response:
        start, seconds = (_number(request, name) for name in ("from", "seconds"))
        found = await run_in_threadpool(excerpt, _recording(session, request.path_params["i"]), start, seconds)
        return Response(found, media_type="audio/wav")

    async def write(_: Request) -> Response:
        return JSONResponse({"said": await run_in_threadpool(session.write)})

    def route(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except InputError as error:
                return PlainTextResponse(str(error), 409)

        return Route(path, guarded(token, answer), methods=[method])

    routes = [
        route("/", index),
        route("/recordings", recordings),
        route("/state", state),
        route("/edit", edit, "POST"),
        route("/curve/{name:path}", curve),
        route("/axes", axes),
        route("/tile/{i:int}/{scale:int}/{number:int}", columns),
        route("/sound/{i:int}", sound),
        route("/write", write, "POST"),
        Mount("/page/shared", StaticFiles(directory=str(shared))),
        Mount("/page", StaticFiles(directory=str(static))),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, hosts)])


def _recordings(session: Session) -> dict[str, Any]:
    """The recordings, and what the numbers of tiles and curves mean."""
    return {
        "recordings": [
            {
                "name": name,
                "seconds": recording.seconds,
                "moments": int(session.listened.offsets[i + 1] - session.listened.offsets[i]),
                "silent": recording.silent,
                "clipped": recording.clipped,
            }
            for i, (name, recording) in enumerate(zip(session.names, session.recordings, strict=True))
        ],
        "moments_hz": moments.RATE,
        "columns_hz": overview.RATE,
        "tile": COLUMNS,
        "scales": list(SCALES),
        "bands": overview.BANDS,
    }


def _recording(session: Session, i: int) -> Recording:
    if not 0 <= i < len(session.recordings):
        raise InputError("there is no such recording")
    return session.recordings[i]


def _number(request: Request, name: str) -> float:
    try:
        return float(request.query_params[name])
    except (KeyError, ValueError) as error:
        raise InputError(f"{name} must be a number") from error
