"""Requests over a real socket: what can be read in two ways is refused, limits hold, answers come in order."""

import asyncio
import json
import re
import resource
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from infra.runtime import wire
from infra.runtime.exchange import ZERO_COPY, Carrier, Exchange
from infra.runtime.wire import HEAD_BYTES_MAX, HEADERS_MAX, PIPELINED_MAX
from tests.serving import served

WAIT_SECONDS = 5.0
MOMENT_SECONDS = 0.1
HEAD = b"PUT /x HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) ")

seen: list[Scope] = []


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with path and body; `/unread` at once, `/begun` too, and a moment later with the rest."""
    seen.append(scope)
    body = b""
    if scope["path"] == "/begun":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await asyncio.sleep(MOMENT_SECONDS)
        await send({"type": "http.response.body", "body": b"all"})
        return
    while scope["path"] != "/unread":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    answer = scope["path"].encode() + b" " + body
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(echo) as port:
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)


def until_closed(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def said(port: int, sent: bytes) -> bytes:
    """Send and return all that is answered until the server closes, which it has to do by itself."""
    with connected(port) as connection:
        connection.sendall(sent)
        return until_closed(connection)


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in ANSWER.findall(answers)]


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: 3\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
        HEAD + CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        HEAD + b"Content-Length: 3, 3\r\n\r\nabc",
        HEAD + b"Content-Length: +3\r\n\r\nabc",
        HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        HEAD + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"PUT /x HTTP/1.0\r\nHost: a\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
        b"PUT /x HTTP/1.1\nHost: a\nContent-Length: 0\n\n",
        HEAD + b"A: b\nContent-Length: 0\r\n\r\n",
        HEAD + b"A: b\rContent-Length: 0\r\n\r\n",
        HEAD + b"Content-Length : 3\r\n\r\nabc",
        b"PUT /x HTTP/1.1\r\n Host: a\r\n\r\n",
        HEAD + b"A: b\r\n c\r\n\r\n",
        HEAD + b"A: b\0c\r\n\r\n",
        HEAD + CHUNKED + b"\r\n1\na\n0\n\n",
        HEAD + CHUNKED + b"\r\n0x1\r\na\r\n0\r\n\r\n",
        HEAD + CHUNKED + b"\r\n1\r\nab\r\n0\r\n\r\n",
        HEAD + CHUNKED + b"\r\nfffffffffffffffffff\r\nab\r\n0\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /x\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_a_problem_and_the_end_of_its_connection(
    port: int, sent: bytes
) -> None:
    answers = said(port, sent + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    assert statuses(answers) == [400]
    head, _, body = answers.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head.lower()
    assert (json.loads(body)["code"], b"application/problem+json" in head) == ("malformed", True)
    assert "/smuggled" not in {scope["path"] for scope in seen}


def test_a_refusal_reaches_a_client_that_is_still_sending(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD + b"Content-Length: 3, 3\r\n\r\n" + bytes(2 * 1024 * 1024))
        assert statuses(until_closed(connection)) == [400]


def test_requests_sent_at_once_are_answered_in_order_and_what_is_wrong_behind_them_last(port: int) -> None:
    answers = said(port, b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(3)) + b"GET bad\r\n\r\n")
    assert statuses(answers) == [200, 200, 200, 400]
    assert [answers.index(b"/%d " % n) for n in range(3)] == sorted(answers.index(b"/%d " % n) for n in range(3))


@pytest.mark.parametrize("body", [b"no size\r\n", b"0\r\nA: " + b"b" * HEAD_BYTES_MAX + b"\r\n\r\n"])
def test_a_broken_body_of_a_request_that_waits_takes_no_answer_from_those_before_it(port: int, body: bytes) -> None:
    answers = said(port, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" * 3 + HEAD + CHUNKED + b"\r\n" + body)
    assert statuses(answers) in ([200, 200, 200, 400], [200, 200, 200, 431])


def test_an_answer_that_has_begun_comes_to_its_end_whatever_follows_in_the_body(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"PUT /begun HTTP/1.1\r\nHost: a\r\n" + CHUNKED + b"\r\n1\r\na\r\n")
        begun = connection.recv(65536)
        connection.sendall(b"no size\r\n")
        answers = begun + until_closed(connection)
    assert statuses(answers) == [200]
    assert answers.endswith(b"\r\n\r\nall")


def test_a_body_that_breaks_behind_its_answer_is_not_answered_again(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"PUT /unread HTTP/1.1\r\nHost: a\r\n" + CHUNKED + b"\r\n1\r\na\r\n")
        answered = connection.recv(65536)
        connection.sendall(b"no size\r\n")
        assert statuses(answered + until_closed(connection)) == [200]


def test_who_is_refused_is_not_told_to_go_on(port: int, caplog: pytest.LogCaptureFixture) -> None:
    answers = said(port, HEAD + CHUNKED + b"Expect: 100-continue\r\n\r\nno size\r\n")
    assert (statuses(answers), caplog.records) == ([400], [])


async def test_nothing_is_written_behind_a_file_to_a_client_that_went_while_it_was_sent() -> None:
    closing, wrote = [False, True], list[object]()

    async def sent(_file: int, _offset: int, count: int) -> int:
        return count

    async def noted(message: object) -> None:
        wrote.append(message)

    transport = SimpleNamespace(is_closing=lambda: closing.pop(0))
    cycle = SimpleNamespace(disconnected=False, response_started=True, expected_content_length=1, transport=transport)
    cycle.send, cycle.scope = noted, {"method": "GET"}
    carrier = SimpleNamespace(outlet=SimpleNamespace(send=sent), given=0)

    async def give(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": ZERO_COPY, "file": 0, "offset": 0, "count": 1, "more_body": True})

    await Exchange(cast("Carrier", carrier), cast("RequestResponseCycle", cycle), give)(
        {}, cast("Receive", None), cast("Send", None)
    )
    assert (carrier.given, wrote) == (1, [])


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_client_that_is_gone_can_be_cut(is_closed: bool) -> None:  # noqa: FBT001
    gone, ended = socket.socket(), list[bool]()
    if is_closed:
        gone.close()
    with gone:
        transport = SimpleNamespace(get_extra_info=lambda _: gone, abort=lambda: ended.append(True))
        wire.cut(cast("asyncio.Transport", transport))
    assert ended == [True]


async def test_an_application_that_answers_a_request_that_was_refused_meanwhile_says_nothing() -> None:
    transport = SimpleNamespace(is_closing=lambda: False)
    cycle = SimpleNamespace(disconnected=True, response_started=False, expected_content_length=0, transport=transport)

    async def give(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": ZERO_COPY, "file": 0, "offset": 0, "count": 1, "more_body": True})

    carrier = SimpleNamespace(outlet=object(), given=0)
    exchange = Exchange(cast("Carrier", carrier), cast("RequestResponseCycle", cycle), give)
    await exchange({}, cast("Receive", None), cast("Send", None))
    assert carrier.given == 0


@pytest.mark.parametrize(
    "rest", [b"Host: b\r\n\r\n", b"X: " + b"y" * HEAD_BYTES_MAX + b"\r\n\r\n", CHUNKED + b"\r\n0\r\nbad\r\n\r\n"]
)
def test_the_refusal_of_a_head_has_no_body(port: int, rest: bytes) -> None:
    refused = said(port, b"HEAD /x HTTP/1.1\r\nHost: a\r\n" + rest)
    assert refused.startswith(b"HTTP/1.1 4")
    assert refused.partition(b"\r\n\r\n")[2] == b""


def test_what_is_wrong_behind_a_head_is_told_with_a_body(port: int) -> None:
    answers = said(port, b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nNONSENSE\r\n\r\n")
    assert answers.endswith(b"}")


def test_more_requests_at_once_than_are_kept_are_refused_behind_those_that_are(port: int) -> None:
    answers = said(port, b"GET /many HTTP/1.1\r\nHost: a\r\n\r\n" * (PIPELINED_MAX + 5))
    assert statuses(answers) == [200] * (PIPELINED_MAX + 1) + [429]


def test_a_head_that_is_one_too_many_is_refused_without_a_body(port: int) -> None:
    answers = said(port, b"HEAD /many HTTP/1.1\r\nHost: a\r\n\r\n" * (PIPELINED_MAX + 5))
    assert statuses(answers) == [200] * (PIPELINED_MAX + 1) + [429]
    assert answers.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * HEADERS_MAX + b"\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nA: " + b"b" * HEAD_BYTES_MAX + b"\r\n\r\n",
        b"GET /" + b"x" * HEAD_BYTES_MAX + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        # A field that never ends, in more than one packet of any size.
        b"GET /x HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 8 * HEAD_BYTES_MAX,
    ],
    ids=["fields", "field", "target", "endless"],
)
def test_a_head_has_its_limits(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        for start in range(0, len(sent), 10_000):
            try:
                connection.sendall(sent[start : start + 10_000])
            except OSError:
                break
        assert statuses(until_closed(connection)) == [431]


def test_a_head_within_its_limits_is_taken(port: int) -> None:
    fields = b"A: b\r\n" * (HEADERS_MAX - 2) + b"Connection: close\r\n"
    assert statuses(said(port, b"GET /fits HTTP/1.1\r\n" + fields.replace(b"A: b", b"Host: a", 1) + b"\r\n")) == [200]


def test_fields_behind_a_body_do_not_change_the_head_of_a_request_that_has_begun(port: int) -> None:
    trailer = b"\r\n1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n"
    assert statuses(said(port, b"PUT /trailer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + CHUNKED + trailer)) == [
        200
    ]
    [scope] = [scope for scope in seen if scope["path"] == "/trailer"]
    assert b"authorization" not in {name for name, _ in scope["headers"]}


def test_a_wish_for_another_protocol_is_passed_over_and_nothing_behind_it_is_read(port: int) -> None:
    wish = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    answers = said(port, wish + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    assert statuses(answers) == [200]
    assert "/smuggled" not in {scope["path"] for scope in seen}


def test_a_client_that_asks_whether_it_may_send_is_told_so_when_somebody_reads(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert until_closed(connection).endswith(b"/x abc")


@pytest.mark.parametrize(
    "head",
    [
        b"PUT /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n",
        b"PUT /x HTTP/1.0\r\nExpect: 100-continue\r\n",
    ],
    ids=["nobody reads", "HTTP/1.0"],
)
def test_nobody_else_is_told_to_send(port: int, head: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(head + b"Content-Length: 3\r\n\r\n")
        if b"/unread" not in head:
            connection.sendall(b"abc")
        assert statuses(until_closed(connection)) == [200]


def test_beyond_so_many_connections_the_next_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    few = SimpleNamespace(getrlimit=lambda _: (16, 16), RLIMIT_NOFILE=resource.RLIMIT_NOFILE)
    monkeypatch.setattr(wire, "resource", few)
    with served(echo) as port:
        # Six of eight places for one address.
        held = [connected(port) for _ in range(6)]
        for connection in held:
            connection.sendall(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
            assert statuses(connection.recv(65536)) == [200]
        refused = said(port, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert statuses(refused) == [503]
        assert b"\r\nretry-after: 1\r\n" in refused.lower()
        held.pop().close()
        for _ in range(50):
            if statuses(said(port, b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == [200]:
                break
        else:
            pytest.fail("the place was not given to anybody else")
        for connection in held:
            connection.close()
