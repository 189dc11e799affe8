"""The body of a PUT as it arrives: pieces with a deadline each, broken connections, and answers that get through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infra.runtime.clock import Clock
from infra.runtime.exchange import PIECES
from schemas.errors import ConnectionBroken, UploadAbandonedError

IDLE_SECONDS = 30.0
LINGER_SECONDS = 5.0
LINGER_BYTES = 8 * 1024 * 1024


class ArrivingBody:
    """The body of one request. `idle_seconds`: longest wait for the next byte."""

    def __init__(self, request: Request, clock: Clock, idle_seconds: float = IDLE_SECONDS) -> None:
        extensions = request.scope.get("extensions", {})
        self._receive: Receive = extensions.get(PIECES, {}).get("receive", request.receive)
        self._clock = clock
        self._idle_seconds = idle_seconds
        # A client that asked first (RFC 9110 section 10.1.1) sends nothing before it is told to.
        self._held_back = "100-continue" in request.headers.get("expect", "").lower()
        self._complete = False

    async def pieces(self, until: datetime) -> AsyncIterator[bytes | memoryview]:
        """Yield the body as it comes; nothing of it is kept here, and of a piece nothing once two more have come.

        ConnectionBroken when the client goes away or falls silent; UploadAbandonedError at `until`.
        """
        self._held_back = False
        while not self._complete:
            piece = await self._next(until)
            if piece:
                yield piece

    def answered(self, answer: Response) -> Response:
        """Return `answer` in a form that reaches the client, also when the body has not been read to its end."""
        return answer if self._complete else EarlyAnswer(answer, None if self._held_back else self._receive)

    async def _next(self, until: datetime) -> bytes | memoryview:
        left = (until - self._clock.now()).total_seconds()
        try:
            async with asyncio.timeout(max(0.0, min(self._idle_seconds, left))):
                message = await self._receive()
        except TimeoutError as error:
            if left <= self._idle_seconds:
                raise UploadAbandonedError from error
            msg = (
                f"Nothing arrived for {self._idle_seconds:g} seconds. Nothing is kept; send it again with this ticket."
            )
            raise ConnectionBroken(msg) from error
        if message["type"] == "http.disconnect":
            self._complete = True
            raise ConnectionBroken
        self._complete = not message.get("more_body", False)
        body: bytes | memoryview = message.get("body", b"")
        return body


class EarlyAnswer(Response):
    """An answer that goes out while the body may still be arriving.

    Closing at once would make the client's system throw the answer away together with what it could not send; so the
    rest is read and dropped for a moment, and then the connection ends.
    """

    def __init__(self, answer: Response, rest: Receive | None) -> None:
        super().__init__(answer.body, answer.status_code)
        self.raw_headers = [*answer.raw_headers, (b"connection", b"close")]
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole answer, then let the client finish or go."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        if self._rest is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    await _drop(self._rest)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(receive: Receive) -> None:
    dropped = 0
    while dropped < LINGER_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
        dropped += len(message.get("body", b""))
