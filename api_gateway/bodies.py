"""Bodies of requests, read whole before the routes see them: at most 64 KiB, and not for ever."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.runtime.problems import problem_response
from schemas.errors import ArtStoreError, Malformed, TooLarge

BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS = 20.0


class BoundedBodies:
    """Middleware in front of `app`: what is too large is refused with 413, what does not arrive in time with 400."""

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its whole body, or answer with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _refuse_announced(Headers(scope=scope).get("Content-Length"))
            async with asyncio.timeout(self._seconds):
                body = await _read(receive)
        except ArtStoreError as error:
            await problem_response(error, scope["path"])(scope, receive, send)
        except TimeoutError:
            late = Malformed(f"The body did not arrive within {self._seconds:g} seconds. Send it again.")
            await problem_response(late, scope["path"])(scope, receive, send)
        else:
            if body is not None:
                await self._app(scope, _replayed(body, receive), send)


def _refuse_announced(length: str | None) -> None:
    if length is not None and length.isdecimal() and int(length[:20]) > BODY_BYTES_MAX:
        raise _too_large()


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body; None when the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)


def _too_large() -> TooLarge:
    return TooLarge(f"The body is larger than {BODY_BYTES_MAX} bytes: shorten the description.")


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
