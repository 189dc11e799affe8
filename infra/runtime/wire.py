"""The server's side of one connection: uvicorn's own, with limits that hold, and two ways past it for large bodies.

Applications find the ways in `scope["extensions"]`: `PIECES` to take a body, `ZERO_COPY` to give a file. Who asks for
neither has plain ASGI.
"""

import asyncio
import contextlib
import resource
import socket
from typing import Any, cast

import httptools
import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from infra.runtime.exchange import Exchange
from infra.runtime.intake import Intake
from infra.runtime.outlet import Outlet
from infra.runtime.pace import Pace
from infra.runtime.problems import problem_response
from schemas.errors import ArtStoreError, Busy, BusyWithYou, HeadersTooLarge, Malformed

HEAD_SECONDS = 10.0
LINGER_SECONDS = 1.0
HEAD_BYTES_MAX = 64 * 1024
HEADERS_MAX = 100
TOO_LONG = f"The head of a request may have {HEAD_BYTES_MAX} bytes."
PIPELINED_MAX = 16
VERSIONS = frozenset({"1.0", "1.1"})
HANDLES_WANTED = 16_384
# Of the places; the rest is for everybody else. A proxy in front has one address for all its clients.
SHARE_OF_AN_ADDRESS = 0.75


class Wire(HttpToolsProtocol):
    """One connection. `taken` and `given`: bytes that came, and that were handed on to go out."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.taken = 0
        self.given = 0
        self.outlet: Outlet | None = None
        self._intake: Intake | None = None
        self._pace = Pace()
        # Since when a head is waited for; None while none has begun to come.
        self._head_since: float | None = None
        self._is_in_head = False
        self._head_bytes = 0
        self._unended_bytes = 0
        self._length = 0
        # Of the request that is being read; empty between two, and before its target has begun.
        self._method = b""
        self._body_bytes = 0
        self._fault: ArtStoreError | None = None
        # Nothing more is read; it is said when all that was asked before is answered.
        self._last_words: ArtStoreError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or say that there are too many."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        if self.scheme == "http":
            self.outlet = Outlet(transport, self.flow)
        if self._is_one_too_many():
            self._end_with(Busy("As many connections are open as this program takes at once. Come back in a moment."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let everybody who waits for this client know."""
        super().connection_lost(exc)
        if self.outlet is not None:
            self.outlet.wake()

    def data_received(self, data: bytes) -> None:
        """Parse what came. Nothing is read behind what cannot be parsed, or behind a wish for another protocol."""
        if self._last_words is not None or self.transport.is_closing():
            return
        self.taken += len(data)
        self._unset_keepalive_if_required()
        was_in_head = self._is_in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # RFC 9110 section 7.8 lets a server answer as if nobody had wished.
            self._last_words = Malformed("This program speaks HTTP/1.1 only.")
            self.cycle.keep_alive = False
            return
        except httptools.HttpParserError:
            self._refuse(self._fault or Malformed("This is no HTTP request that can be read in one way only."))
            return
        if was_in_head and self._is_in_head:
            # A field that has not ended is kept in the parser, and seen only here.
            self._unended_bytes += len(data)
            if self._unended_bytes > HEAD_BYTES_MAX:
                self._refuse(HeadersTooLarge(TOO_LONG))
        if self._head_since is None and self._is_idle():
            self._head_since = self.loop.time()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head_since = self._head_since or self.loop.time()
        self._is_in_head = True
        self._head_bytes = self._unended_bytes = self._length = self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take the target."""
        super().on_url(url)
        self._method = bytes(self.parser.get_method())
        if len(self.pipeline) >= PIPELINED_MAX:
            # Not before the method is known: a HEAD is refused without a body, too.
            self._stop(
                BusyWithYou("Too many requests were sent before the first of them was answered. Send fewer at once.")
            )
        self._require_short(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; fields behind a body are let go, the request has begun without them."""
        self._require_short(len(name) + len(value))
        if not self._is_in_head:
            return
        super().on_header(name, value)
        if len(self.headers) > HEADERS_MAX:
            self._stop(HeadersTooLarge(f"A request may have {HEADERS_MAX} header fields."))
        if self.headers[-1][0] == b"content-length":
            # Digits, and once: the parser has seen to it.
            self._length = int(value)

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head can be understood in two ways."""
        self._is_in_head, self._head_since = False, None
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        hosts = names.count(b"host")
        if version not in VERSIONS:
            self._stop(Malformed("This program speaks HTTP/1.1 only."))
        if hosts > 1 or (version == "1.1" and not hosts):
            self._stop(Malformed("A request has to name one Host."))
        if version == "1.0":
            self.expect_100_continue = False
            if b"transfer-encoding" in names:
                self._stop(Malformed("HTTP/1.0 has no Transfer-Encoding."))
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body that goes the plain way, or the beginning of one that does not."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        super().on_message_complete()
        self._method = b""

    def on_response_complete(self) -> None:
        """Go on with the next request, or end a connection on which none can follow."""
        if self._intake is not None:
            self.transport.close()
        is_last = not self.pipeline
        super().on_response_complete()
        if self._last_words is not None and is_last:
            self._end_with(self._last_words)

    @property
    def body_left(self) -> int:
        """Return how many bytes of a body with a length have not come yet; 0 for one without."""
        return max(self._length - self._body_bytes, 0)

    def give_way(self, intake: Intake) -> None:
        """Let `intake` have what comes, until its body is whole."""
        self._intake = intake
        self.transport.set_protocol(intake)

    def take_back(self) -> None:
        """Read requests again, the body being whole."""
        self._intake = None
        # The old one still waits for the body that went past it.
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.transport.set_protocol(self)
        self.on_message_complete()

    def look(self, now: float) -> None:
        """Cut the connection when its client is too slow."""
        if self._head_since is not None and self.cycle is not None and not self.cycle.response_complete:
            # Its turn comes behind the answer that is under way, and reading may be paused until then.
            self._head_since = now
        elif self._head_since is not None and now - self._head_since > HEAD_SECONDS:
            self.transport.abort()
            return
        held = self.transport.get_write_buffer_size()
        is_behind = held > 0 or (self.outlet is not None and self.outlet.is_waiting)
        if self._pace.is_too_slow(now, self.taken + self.given - held, is_awaited=is_behind or self._owes_body()):
            path = "" if self.cycle is None else self.cycle.scope["path"]
            structlog.get_logger("artstore.access").warning("client_stalled", path=path)
            cut(self.transport)

    def _owes_body(self) -> bool:
        cycle = self.cycle
        if cycle is None or not cycle.more_body or cycle.response_complete:
            return False
        return not (cycle.waiting_for_100_continue or self.flow.read_paused)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - as in uvicorn
        super()._start_asgi_task(cycle, cast("Any", Exchange(self, cycle, app)))

    def _is_idle(self) -> bool:
        return not self._is_in_head and (self.cycle is None or self.cycle.response_complete)

    def _is_one_too_many(self) -> bool:
        places = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        share = int(places * SHARE_OF_AN_ADDRESS)
        if len(self.connections) <= share or self.client is None:
            return len(self.connections) > places
        others = (other.client for other in self.connections if isinstance(other, Wire))
        of_this = sum(client is not None and client[0] == self.client[0] for client in others)
        return len(self.connections) > places or of_this > share

    def _require_short(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES_MAX:
            self._stop(HeadersTooLarge(TOO_LONG))

    def _stop(self, fault: ArtStoreError) -> None:
        """Stop the parser, which tells `data_received`."""
        self._fault = fault
        raise fault

    def _refuse(self, error: ArtStoreError) -> None:
        cycle = self.cycle
        is_in_body = cycle is not None and cycle.scope is self.scope and cycle.more_body
        if not is_in_body:
            self._last_words = error
            if cycle is None or cycle.response_complete:
                self._end_with(error)
        elif self.pipeline:
            # It waits for its turn, and never has it; those before it are answered.
            self.pipeline.popleft()
            cycle.response_complete = True
            self._last_words = error
        elif cycle.response_complete:
            self._last_words = error
            self._linger()
        elif cycle.response_started:
            # Its answer comes to its end, and nothing behind it.
            self._last_words = error
            cycle.keep_alive = False
        else:
            # Nothing else was answered yet on this request, and nothing will be, nor is anybody told to go on.
            cycle.disconnected = True
            cycle.waiting_for_100_continue = False
            cycle.message_event.set()
            self._end_with(error)

    def _end_with(self, error: ArtStoreError) -> None:
        self._last_words = error
        if self.transport.is_closing():
            return
        answer = problem_response(error, "")
        lines = [STATUS_LINE[answer.status_code], *(b"%s: %s\r\n" % pair for pair in answer.raw_headers)]
        body = b"" if self._method == b"HEAD" else bytes(answer.body)
        self.transport.write(b"".join([*lines, b"connection: close\r\n\r\n", body]))
        self._linger()

    def _linger(self) -> None:
        if self.transport.can_write_eof():
            # Closing at once would take the answer away from a client that is still sending; what it sends is dropped.
            self.transport.write_eof()
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()


def cut(transport: asyncio.Transport) -> None:
    """End a connection at once, also for a thread that sends on a handle of its own; one that is gone is no error."""
    with (
        contextlib.suppress(OSError),
        socket.socket(fileno=socket.dup(transport.get_extra_info("socket").fileno())) as own,
    ):
        own.shutdown(socket.SHUT_RDWR)
    transport.abort()


def more_handles() -> None:
    """Let this process have as many open handles as it may, within reason: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < handles():
        resource.setrlimit(resource.RLIMIT_NOFILE, (handles(), hard))


def handles() -> int:
    """Return how many handles this process may have, or will have from its start on, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft, HANDLES_WANTED if hard == resource.RLIM_INFINITY else min(HANDLES_WANTED, hard))
