"""HTTP that every program has: health, metrics, one server span and one access line per request."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.runtime.exchange import ZERO_COPY
from infra.runtime.lifecycle import STOPPING
from infra.runtime.metrics import Metrics
from infra.runtime.telemetry import HEADER, span

CHECK_SECONDS = 2.0
QUIET = ("/health/live", "/health/ready", "/metrics")
TRACEPARENT = HEADER.encode()
NOT_ASCII = re.compile(rb"[\x80-\xff]")
FAILED = 500

Check = Callable[[], Awaitable[str | None]]


def operational_routes(
    name: str, checks: Mapping[str, Check], metrics: Metrics, notes: Mapping[str, Check] | None = None
) -> list[Route]:
    """Routes /health/live, /health/ready and /metrics.

    A check returns None when its part is fine, else the reason in words; it has two seconds. Live says only that the
    event loop turns; ready is 503 while any check has a reason, and from the moment the process begins to stop. `notes`
    are checks of what the program can do without for much of its work: they are told, and do not make it unready.
    """

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "program": name, "checks": {}})

    async def ready(request: Request) -> Response:
        stopping: asyncio.Event | None = request.scope.get(STOPPING)
        found, degraded = await asyncio.gather(_asked(checks), _asked(notes or {}))
        if stopping is not None and stopping.is_set():
            found["lifecycle"] = "stopping"
        status = 503 if any(found.values()) else 200
        told = {key: reason or "ok" for key, reason in found.items()}
        told |= {key: f"degraded: {reason}" if reason else "ok" for key, reason in degraded.items()}
        body = {"status": "ok" if status == 200 else "unavailable", "program": name, "checks": told}  # noqa: PLR2004
        return JSONResponse(body, status_code=status, headers={"Cache-Control": "no-store"})

    async def numbers(_request: Request) -> Response:
        return Response(metrics.render(), headers={"Content-Type": Metrics.CONTENT_TYPE})

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", numbers)]


def traced(app: ASGIApp, metrics: Metrics | None = None) -> ASGIApp:
    """`app` with a server span per request (W3C traceparent taken in), an access line, and HTTP metrics when given."""
    return _Readable(_Told(app, metrics))


async def _asked(checks: Mapping[str, Check]) -> dict[str, str | None]:
    answers = await asyncio.gather(*(_one(check) for check in checks.values()))
    return dict(zip(checks, answers, strict=True))


async def _one(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer in {CHECK_SECONDS:g} s"


@dataclass
class _Readable:
    """Writes raw bytes of a query as a client should have."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["query_string"].isascii():
            query = NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], scope["query_string"])
            scope = {**scope, "query_string": query}
        await self.app(scope, receive, send)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unmatched"))


@dataclass
class _Answer:
    """What was sent so far: 500 stands for an app that failed before its answer began."""

    status: int = FAILED
    body_bytes: int = 0


class _Told:
    """Tells of each request: a span, an access line, metrics. Of health and metrics only the last two, the line low."""

    def __init__(self, app: ASGIApp, metrics: Metrics | None) -> None:
        self._app = app
        self._metrics = metrics
        self._log = structlog.get_logger("artstore.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in QUIET:
            await self._passed_on(scope, receive, send, INVALID_SPAN)
        else:
            parent = _header(scope, TRACEPARENT)
            with span(scope["method"], parent=parent, kind=SpanKind.SERVER) as current:
                if current.is_recording():
                    current.set_attributes(_asked_of(scope))
                await self._passed_on(scope, receive, send, current)

    async def _passed_on(self, scope: Scope, receive: Receive, send: Send, current: Span) -> None:
        answer = _Answer()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                if current.is_recording():
                    _name(current, scope, answer.status)
            elif message["type"] == "http.response.body":
                answer.body_bytes += len(message.get("body", b""))
            elif message["type"] == ZERO_COPY:
                answer.body_bytes += message["count"]
            await send(message)

        started = time.monotonic()
        try:
            await self._app(scope, receive, noting)
        finally:
            self._tell(scope, answer, time.monotonic() - started)

    def _tell(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        route = _route(scope)
        if self._metrics is not None:
            self._metrics.answered(scope["method"], route, answer.status, seconds)
        # The query is left out: it may hold a ticket.
        (self._log.debug if scope["path"] in QUIET else self._log.info)(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=answer.status,
            body_bytes=answer.body_bytes,
            seconds=round(seconds, 6),
        )


def _asked_of(scope: Scope) -> dict[str, str]:
    """Return what a span tells of a request, by the names of OpenTelemetry; no query, which may hold a ticket."""
    told = {
        "http.request.method": scope["method"],
        "url.path": scope["path"],
        "url.scheme": scope.get("scheme", "http"),
    }
    client, agent = scope.get("client"), _header(scope, b"user-agent")
    if client is not None:
        told["client.address"] = client[0]
    if agent is not None:
        told["user_agent.original"] = agent
    return told


def _name(current: Span, scope: Scope, status: int) -> None:
    """Name a span once the routing is known: which of few names a request has, while its path may hold any id."""
    route = _route(scope)
    current.update_name(f"{scope['method']} {route}")
    current.set_attributes({"http.route": route, "http.response.status_code": status})
    if status >= FAILED:
        current.set_status(StatusCode.ERROR)


def _header(scope: Scope, wanted: bytes) -> str | None:
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value, "latin-1")
    return None
