"""Who may ask a page's server: those who know the token; and the headers of every answer."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeAlias

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

NO_TOKEN = "This address lacks its token: use the address that the mtcrnn command printed."
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "connect-src 'self' ws: wss:; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def has_token(connection: HTTPConnection, token: str) -> bool:
    """Whether the address of a request has the token."""
    return secrets.compare_digest(connection.query_params.get("token", "").encode(), token.encode())


def guarded(token: str, endpoint: Endpoint) -> Endpoint:
    """An endpoint that answers only those who know the token, and everyone else with 403; with `HEADERS`."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        if not has_token(request, token):
            return PlainTextResponse(NO_TOKEN, 403)
        response = await endpoint(request)
        response.headers.update(HEADERS)
        return response

    return answer
