"""One request and its answer, as an application sees them: ASGI, and the two ways past it."""

from typing import Protocol, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from infra.runtime.intake import WORTH_BYTES, Intake, Lender
from infra.runtime.outlet import Outlet

# In `scope["extensions"]`: `receive` inside it gives a body in large pieces, whose memory is used again as soon as two
# more have been asked for.
PIECES = "artstore.pieces"
# "Zero Copy Send" of the ASGI specification: a message with `file` (a handle), `offset`, `count`.
ZERO_COPY = "http.response.zerocopysend"


class Carrier(Lender, Protocol):
    """The connection that carries an exchange."""

    given: int
    outlet: Outlet | None

    @property
    def body_left(self) -> int:
        """Return how many bytes of the body have not come yet, if that is known."""
        ...


class Exchange:
    """An application in front of one request."""

    def __init__(self, carrier: Carrier, cycle: RequestResponseCycle, app: ASGIApp) -> None:
        self._carrier = carrier
        self._cycle = cycle
        self._app = app
        self._intake: Intake | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, which may use the ways that this connection has."""
        del send
        extensions: dict[str, dict[str, object]] = {PIECES: {"receive": self._piece}}
        if self._carrier.outlet is not None:
            extensions[ZERO_COPY] = {}
        try:
            await self._app({**scope, "extensions": extensions}, receive, self._send)
        finally:
            if self._intake is not None:
                self._intake.close()

    async def _piece(self) -> Message:
        if self._intake is not None:
            return await self._intake.receive()
        # The first piece comes the plain way, which also tells a client to go on that asked whether it may.
        message = cast("Message", await self._cycle.receive())
        if message.get("more_body") and self._carrier.body_left >= WORTH_BYTES:
            self._intake = Intake(self._carrier, self._cycle, self._carrier.body_left)
        return message

    async def _send(self, message: Message) -> None:
        if self._cycle.disconnected or self._cycle.transport.is_closing():
            # The client has gone, and the loop has not yet come to say so; or it was refused in the middle of its body.
            self._cycle.disconnected = True
            return
        if message["type"] == ZERO_COPY:
            await self._send_file(message)
            return
        self._carrier.given += len(message.get("body", b""))
        await self._cycle.send(message)  # type: ignore[arg-type] # the same messages under other names

    async def _send_file(self, message: Message) -> None:
        cycle, outlet = self._cycle, self._carrier.outlet
        end: Message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        if cycle.scope["method"] == "HEAD":
            # Bytes behind its head would be taken for the next answer.
            await cycle.send(end)  # type: ignore[arg-type] # as above
            return
        if outlet is None or not cycle.response_started or message["count"] > cycle.expected_content_length:
            msg = "A file may be sent on a plain connection, behind a head that announces its bytes."
            raise RuntimeError(msg)
        offset, left = message["offset"], message["count"]
        while left and not cycle.disconnected:
            sent = await outlet.send(message["file"], offset, left)
            if not sent:
                return
            self._carrier.given += sent
            offset, left = offset + sent, left - sent
        if cycle.disconnected or cycle.transport.is_closing():
            return
        cycle.expected_content_length -= message["count"]
        await cycle.send(end)  # type: ignore[arg-type] # as above
