"""Health, metrics, spans and access lines are the same in every program."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from infra.runtime.http import operational_routes, traced
from infra.runtime.lifecycle import STOPPING
from infra.runtime.metrics import Metrics
from infra.runtime.places import AtMost
from tests.serving import served


async def _fine() -> str | None:
    return None


async def _away() -> str | None:
    return "no broker answered"


async def _silent() -> str | None:
    await asyncio.sleep(60)
    return None


def _client(**checks: Callable[[], Awaitable[str | None]]) -> TestClient:
    return TestClient(Starlette(routes=operational_routes("gateway", checks, Metrics())))


def test_a_program_is_ready_when_every_check_is_fine() -> None:
    answer = _client(kafka=_fine).get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "program": "gateway", "checks": {"kafka": "ok"}}


def test_a_failing_check_is_503_with_its_reason() -> None:
    answer = _client(kafka=_away, postgres=_fine).get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"kafka": "no broker answered", "postgres": "ok"}


def test_what_a_program_can_do_without_is_told_and_does_not_make_it_unready() -> None:
    routes = operational_routes("gateway", {"postgres": _fine}, Metrics(), {"kafka": _away, "other": _fine})
    answer = TestClient(Starlette(routes=routes)).get("/health/ready")
    assert answer.status_code == 200
    degraded = {"postgres": "ok", "kafka": "degraded: no broker answered", "other": "ok"}
    assert answer.json()["checks"] == degraded


def test_a_silent_check_has_two_seconds() -> None:
    answer = _client(kafka=_silent).get("/health/ready")
    assert answer.json()["checks"] == {"kafka": "no answer in 2 s"}


def test_live_asks_no_check() -> None:
    assert _client(kafka=_away).get("/health/live").status_code == 200


@pytest.mark.parametrize("name", ["traceparent", "tracestate", "baggage", "user-agent", "host", "anything"])
@pytest.mark.parametrize("value", [b"\xff", b"\xad\\x", b'\xad\\\xcf\xbf"f'])
async def test_headers_and_queries_that_are_no_text_fail_no_request(name: str, value: bytes) -> None:
    told: list[Message] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/health",
        "headers": [(name.encode(), value), (b"\xad\\x", b"1")],
        "query_string": b"q=" + value.replace(b'"', b""),
        "http_version": "1.1",
    }

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(Request(scope).query_params["q"])(scope, receive, send)

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    await traced(answer)(scope, receive, send)
    assert told[0]["status"] == 200


def test_a_stopping_program_is_not_ready() -> None:
    app = Starlette(routes=operational_routes("gateway", {}, Metrics()))
    stopping = asyncio.Event()
    stopping.set()

    async def stopping_app(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, STOPPING: stopping}, receive, send)

    answer = TestClient(stopping_app).get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"lifecycle": "stopping"})


async def _hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


def test_requests_are_counted_by_route_and_strangers_under_one_label() -> None:
    metrics = Metrics()
    app = Starlette(routes=[Route("/documents/{id}", _hello), *operational_routes("gateway", {}, metrics)])
    client = TestClient(traced(app, metrics))
    client.get("/documents/1")
    client.get("/documents/2")
    client.get("/nowhere")
    text = client.get("/metrics").text
    assert 'artstore_http_requests_total{method="GET",route="/documents/{id}",status="200"} 2.0' in text
    assert 'artstore_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text


def test_the_route_of_a_request_is_told_from_outside_the_bound_on_requests_too() -> None:
    metrics = Metrics()
    app = Starlette(routes=[Route("/documents/{id}", _hello), *operational_routes("gateway", {}, metrics)])
    with served(traced(AtMost(app, 10), metrics)) as port:
        httpx2.get(f"http://127.0.0.1:{port}/documents/1")
    assert b'artstore_http_requests_total{method="GET",route="/documents/{id}",status="200"} 1.0' in metrics.render()


def test_two_processes_in_one_test_have_separate_metrics() -> None:
    first, second = Metrics(), Metrics()
    first.saga_deadlines.inc()
    assert b"artstore_saga_deadlines_total 1.0" in first.render()
    assert b"artstore_saga_deadlines_total 0.0" in second.render()
