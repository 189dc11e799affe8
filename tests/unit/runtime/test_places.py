"""Places are taken by work: a client that is waited for leaves its own to others, and all together have a bound."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from infra.runtime.exchange import PIECES, ZERO_COPY
from infra.runtime.http import operational_routes
from infra.runtime.metrics import Metrics
from infra.runtime.places import AtMost
from tests.serving import served
from tests.unit.runtime.test_wire import connected, statuses
from tests.unit.runtime.test_wire_bodies import head, read_answer, until

# Beyond what any buffer on the way takes.
SIZE = 16 * 1024 * 1024


class Program:
    """An application that works, takes or gives, by its path."""

    def __init__(self, file: int) -> None:
        self._file = file
        self.inside = threading.Semaphore(0)
        self.go = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        take = scope["extensions"][PIECES]["receive"] if scope["path"] == "/pieces" else receive
        if scope["path"] in {"/pieces", "/plain"}:
            while (await take()).get("more_body"):
                self.inside.release()
        if scope["path"] == "/work":
            # As the framework does beside every answer in pieces.
            listening = asyncio.create_task(_until_gone(receive))
            self.inside.release()
            while not self.go.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.005)
            listening.cancel()
            await asyncio.wait({listening})
        size = SIZE if scope["path"] in {"/given", "/file"} else 0
        length = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        if size:
            self.inside.release()
        for offset in range(0, size, SIZE // 4):
            piece: Message = {"type": "http.response.body", "body": bytes(SIZE // 4), "more_body": True}
            if scope["path"] == "/file":
                piece = {"type": ZERO_COPY, "file": self._file, "offset": offset, "count": SIZE // 4, "more_body": True}
            await send(piece)
        await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    path = tmp_path / "body"
    path.write_bytes(b"")
    os.truncate(path, SIZE)
    handle = os.open(path, os.O_RDONLY)
    yield Program(handle)
    os.close(handle)


def asked(port: int, path: str = "/x") -> int:
    with connected(port) as connection:
        connection.sendall(head(0, "GET", path))
        return statuses(read_answer(connection))[0]


@contextmanager
def waited_for(port: int, program: Program, path: str) -> Iterator[socket.socket]:
    """Yield a connection whose client is slow: half of a body is sent, or an answer is not taken."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", port))
        is_taking = path in {"/pieces", "/plain"}
        connection.sendall(head(SIZE, "PUT", path) + b"x" if is_taking else head(0, "GET", path))
        assert program.inside.acquire(timeout=5)
        yield connection


@pytest.mark.parametrize("path", ["/plain", "/pieces", "/given", "/file"])
def test_a_client_that_is_waited_for_leaves_its_place_to_others_and_is_served_to_its_end(
    program: Program, path: str
) -> None:
    with served(AtMost(program, 1, under_way=3)) as port, waited_for(port, program, path) as slow:
        until(lambda: asked(port) == 200)
        if path in {"/plain", "/pieces"}:
            slow.sendall(bytes(SIZE - 1))
        assert statuses(read_answer(slow)) == [200]
        # Neither more places than there were, nor fewer.
        with connected(port) as busy:
            busy.sendall(head(0, "GET", "/work"))
            assert program.inside.acquire(timeout=5)
            assert asked(port) == 503
            program.go.set()
            assert statuses(read_answer(busy)) == [200]
        assert asked(port) == 200


def test_clients_that_are_waited_for_have_a_bound_of_their_own(program: Program) -> None:
    with served(AtMost(program, 2, under_way=2)) as port, ExitStack() as held:
        for path in ("/plain", "/given"):
            held.enter_context(waited_for(port, program, path))
        assert asked(port) == 503
        held.close()
        until(lambda: asked(port) == 200)


async def test_beyond_so_many_requests_at_once_the_next_is_told_to_come_back_and_health_is_still_answered() -> None:
    gate, inside = asyncio.Event(), asyncio.Semaphore(0)

    async def waiting(_request: Request) -> Response:
        inside.release()
        await gate.wait()
        return PlainTextResponse("done")

    routes = [Route("/wait", waiting), *operational_routes("gateway", {}, Metrics())]
    transport = httpx2.ASGITransport(app=AtMost(Starlette(routes=routes), 2))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        under_way = [asyncio.create_task(client.get("/wait")) for _ in range(2)]
        for _ in under_way:
            await inside.acquire()
        refused = await client.get("/wait")
        assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "busy", "1")
        assert (await client.get("/health/live")).status_code == 200
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*under_way)} == {200}
        assert (await client.get("/wait")).status_code == 200


async def test_one_address_leaves_room_for_others() -> None:
    gate, inside = asyncio.Event(), asyncio.Semaphore(0)

    async def waiting(_request: Request) -> Response:
        inside.release()
        await gate.wait()
        return PlainTextResponse("done")

    door = AtMost(Starlette(routes=[Route("/wait", waiting)]), 4, share=0.5)

    async def asking(address: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=door, client=(address, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://agent") as client:
            return await client.get("/wait")

    under_way = [asyncio.create_task(asking("10.0.0.1")) for _ in range(2)]
    for _ in under_way:
        await inside.acquire()
    refused = await asking("10.0.0.1")
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "busy_with_you", "1")
    under_way.append(asyncio.create_task(asking("10.0.0.2")))
    await inside.acquire()
    gate.set()
    assert {answer.status_code for answer in await asyncio.gather(*under_way)} == {200}
    assert (await asking("10.0.0.1")).status_code == 200
