"""Large bodies over a real socket: whole and bounded on their way in, exact on their way out, cut when slow."""

import asyncio
import contextlib
import gc
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.runtime import intake, outlet, pace, wire
from infra.runtime.exchange import PIECES, ZERO_COPY
from tests.serving import served
from tests.unit.runtime.test_wire import connected, statuses, until_closed

MEBIBYTE = 1024 * 1024
DATA = random.Random(8).randbytes(5 * MEBIBYTE + 17)  # noqa: S311 - any bytes will do
EMPTY = [(b"content-length", b"0")]


class Taker:
    """An application that takes bodies in pieces, as staging does: each is kept until the next but one is asked for."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.broken: list[bytes] = []
        self.go = threading.Event()
        self.go.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        take: Receive = scope["extensions"][PIECES]["receive"]
        taken, held, message = bytearray(), b"", await take()
        while message["type"] == "http.request":
            # The one before is at work meanwhile, in a thread that nobody waits for.
            await asyncio.sleep(0.002)
            taken += held
            held = message["body"]
            if not message["more_body"]:
                self.bodies.append(bytes(taken + held))
                await send({"type": "http.response.start", "status": 200, "headers": EMPTY})
                await send({"type": "http.response.body", "body": b""})
                return
            while not self.go.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.01)
            message = await take()
        self.broken.append(bytes(taken + held))


def head(size: int, method: str = "PUT", path: str = "/x") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def handles() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def read_answer(connection: socket.socket) -> bytes:
    """Return one answer with a Content-Length, head and body."""
    start = b""
    while not start.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, start
        start += byte
    left = int(start.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    parts = [start]
    while left:
        parts.append(connection.recv(min(left, MEBIBYTE)))
        assert parts[-1], "it broke off"
        left -= len(parts[-1])
    return b"".join(parts)


@pytest.mark.parametrize(
    "size", [0, 1, intake.WORTH_BYTES - 1, MEBIBYTE, 3 * MEBIBYTE + 1, len(DATA)], ids=lambda size: f"{size} bytes"
)
def test_bodies_of_any_size_arrive_whole_and_the_next_request_behind_each_is_read(size: int) -> None:
    taker = Taker()
    with served(taker) as port, connected(port) as connection:
        for _ in range(2):
            connection.sendall(head(size) + DATA[:size] + head(3) + b"abc")
            assert statuses(read_answer(connection) + read_answer(connection)) == [200, 200]
    assert taker.bodies == [DATA[:size], b"abc"] * 2


def noting(sizes: list[int]) -> ASGIApp:
    """Return an application that takes a body in pieces, and notes the size of each."""

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        take: Receive = scope["extensions"][PIECES]["receive"]
        del receive, send
        while (message := await take())["type"] == "http.request":
            sizes.append(len(message["body"]))

    return note


def test_what_came_before_a_break_is_passed_on_before_it_is_told() -> None:
    taker = Taker()
    with served(taker) as port:
        with connected(port) as connection:
            connection.sendall(head(len(DATA)) + DATA[: 2 * MEBIBYTE + 5])
        until(lambda: taker.broken)
    assert taker.broken == [DATA[: 2 * MEBIBYTE + 5]]
    assert taker.bodies == []


def test_a_slow_clients_bytes_are_passed_on_before_a_piece_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PATIENCE_SECONDS", 0.02)
    sizes: list[int] = []
    with served(noting(sizes)) as port, connected(port) as connection:
        connection.sendall(head(len(DATA)) + b"x")
        until(lambda: sum(sizes) == 1)
        connection.sendall(b"y" * 1000)
        until(lambda: sum(sizes) == 1001)


def test_a_client_that_does_not_fill_a_piece_in_a_second_leaves_the_larger_ones_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(intake, "AT_ONCE", {MEBIBYTE: 1})
    sizes: dict[str, list[int]] = {"/slow": [], "/fast": []}

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        take: Receive = scope["extensions"][PIECES]["receive"]
        del receive
        while (message := await take())["type"] == "http.request":
            sizes[scope["path"]].append(len(message["body"]))
            if not message["more_body"]:
                await send({"type": "http.response.start", "status": 200, "headers": EMPTY})
                await send({"type": "http.response.body", "body": b""})
                return

    with served(noting) as port, connected(port) as slow, connected(port) as fast:
        slow.sendall(head(len(DATA), path="/slow") + b"x")
        until(lambda: sizes["/slow"])
        slow.sendall(b"y")
        until(lambda: sizes["/slow"] == [1, 1])
        fast.sendall(head(len(DATA), path="/fast") + DATA)
        assert statuses(read_answer(fast)) == [200]
        assert max(sizes["/fast"]) == MEBIBYTE
        # It may become fast again.
        slow.sendall(DATA[2:])
        assert statuses(read_answer(slow)) == [200]
    assert (sizes["/slow"][2], max(sizes["/slow"])) == (intake.LEAST_PIECE_BYTES, MEBIBYTE)


@pytest.mark.parametrize(
    ("long_bytes", "largest"), [(4 * MEBIBYTE, intake.LONG_PIECE_BYTES), (len(DATA), intake.PIECE_BYTES)]
)
def test_only_a_long_body_comes_in_longer_pieces(
    long_bytes: int, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "LONG_BYTES", long_bytes)
    monkeypatch.setattr(intake, "PATIENCE_SECONDS", 60.0)
    sizes: list[int] = []
    with served(noting(sizes)) as port, connected(port) as connection:
        connection.sendall(head(len(DATA)) + DATA)
        until(lambda: sum(sizes) == len(DATA))
    assert max(sizes) == largest


def test_no_more_is_read_than_there_are_pieces_for() -> None:
    taker = Taker()
    taker.go.clear()
    body = bytes(64 * MEBIBYTE)
    with served(taker) as port, connected(port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.sendall(head(len(body)) + body)
        # The kernel's own buffers, and three pieces.
        taker.go.set()
    until(lambda: taker.broken)
    assert len(taker.broken[0]) < 20 * MEBIBYTE


def giving(file: int, first: int, count: int, ended: threading.Event) -> ASGIApp:
    """Return an application that gives a stretch of a file in two halves."""

    async def give(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        assert ZERO_COPY in scope["extensions"]
        half = count // 2
        length = [(b"content-length", str(count).encode())]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": length})
            whole: Message = {"type": ZERO_COPY, "file": file}
            await send({**whole, "offset": first, "count": half, "more_body": True})
            await send({**whole, "offset": first + half, "count": count - half})
        finally:
            ended.set()

    return give


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "body"
    path.write_bytes(DATA)
    handle = os.open(path, os.O_RDONLY)
    yield handle
    os.close(handle)


@pytest.mark.parametrize(("first", "count"), [(0, len(DATA)), (1, 1), (4097, 3 * MEBIBYTE), (len(DATA) - 5, 5)])
def test_a_file_goes_out_exactly_and_the_next_answer_behind_it(file: int, first: int, count: int) -> None:
    with served(giving(file, first, count, threading.Event())) as port, connected(port) as connection:
        for _ in range(2):
            connection.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_answer(connection).endswith(b"\r\n\r\n" + DATA[first : first + count])


def test_no_file_goes_out_behind_the_answer_to_a_head(file: int) -> None:
    with served(giving(file, 0, 10, threading.Event())) as port, connected(port) as connection:
        connection.sendall(
            b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        first, _, behind = until_closed(connection).partition(b"\r\n\r\n")
    assert b"content-length: 10" in first
    assert behind.startswith(b"HTTP/1.1 200")
    assert behind.partition(b"\r\n\r\n")[2] == DATA[:10]


def test_a_file_that_ends_too_early_breaks_the_connection(file: int) -> None:
    with served(giving(file, 5, len(DATA), threading.Event())) as port, connected(port) as connection:
        connection.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = until_closed(connection)
    assert answer.partition(b"\r\n\r\n")[2] == DATA[5:]


def test_a_client_that_goes_ends_what_is_sent_to_it_and_no_handle_is_left(file: int) -> None:
    ended = threading.Event()
    with served(giving(file, 0, len(DATA), ended)) as port:
        before = handles()
        for _ in range(3):
            ended.clear()
            with connected(port) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                assert connection.recv(100)
            assert ended.wait(5)
        gc.collect()
        until(lambda: handles() <= before)


def test_clients_that_take_nothing_hold_no_thread(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "TURN_SECONDS", 60.0)
    give = giving(file, 0, len(DATA), threading.Event())

    async def alone(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/first":
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        await give(scope, receive, send)

    with served(alone) as port, contextlib.ExitStack() as held:
        for path in ("/first", "/second"):
            slow = held.enter_context(socket.socket())
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(5)
            slow.connect(("127.0.0.1", port))
            slow.sendall(head(0, "GET", path))
            assert slow.recv(100)
        with connected(port) as fast:
            fast.sendall(head(0, "GET"))
            assert read_answer(fast).endswith(DATA)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, and at short windows."""
    monkeypatch.setattr(pace, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 0.2)
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET /x HTTP/1.1\r\nHost: a\r\n"], ids=["nothing", "line", "half"])
def test_a_head_that_does_not_come_ends_the_connection(sent: bytes) -> None:
    with served(Taker()) as port, connected(port) as connection:
        connection.sendall(sent)
        assert until_closed(connection) == b""


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("size", [100_000, len(DATA)], ids=["plain", "pieces"])
def test_a_body_that_drips_is_cut_and_one_that_comes_is_not(size: int) -> None:
    taker = Taker()
    with served(taker) as port:
        with connected(port) as connection:
            connection.sendall(head(size))

            def is_cut() -> bool:
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")
                return bool(taker.broken)

            until(is_cut)
        with connected(port) as connection:
            connection.sendall(head(size))
            for start in range(0, size, size // 20):
                connection.sendall(DATA[start : min(start + size // 20, size)])
                time.sleep(0.02)
            assert statuses(read_answer(connection)) == [200]


@pytest.mark.usefixtures("hurried")
def test_nobody_is_cut_for_what_the_program_itself_is_slow_at() -> None:
    taker = Taker()
    taker.go.clear()
    with served(taker) as port, connected(port) as connection:
        sending = threading.Thread(target=connection.sendall, args=(head(len(DATA)) + DATA,))
        sending.start()
        time.sleep(0.6)
        taker.go.set()
        assert statuses(read_answer(connection)) == [200]
        sending.join(5)
    assert taker.bodies == [DATA]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("way", ["plain", "file"])
def test_an_answer_that_is_not_taken_is_cut(file: int, way: str) -> None:
    ended = threading.Event()

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        length = [(b"content-length", str(len(DATA) * 4).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        for _ in range(4):
            await send({"type": "http.response.body", "body": DATA, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        ended.set()

    app = plain if way == "plain" else giving(file, 0, len(DATA), ended)
    with served(app) as port, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert ended.wait(5)
        assert len(until_closed(connection)) < len(DATA)
