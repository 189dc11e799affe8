"""Bytes at the edges, over a real agent's port: a hundred gibibytes, none at all, held back, in chunks, in a row."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from schemas.attributes import Attributes
from schemas.identifiers import DocumentId
from schemas.ticket import UploadTicket
from storage_agent.layout import attr_name, directory_of
from tests.agents import path_of, some_bytes
from tests.answers import HEAD_BYTES_MAX, Answer, read_answer
from tests.benchmarks.lone_agent import a_lone_agent
from tests.campaigns.seeds import downloading
from tests.integration.agent_program import Agent

GIB = 1024**3
FAR = 100 * GIB
SECONDS = 20.0
DATA = some_bytes(5000)
# Where something stands in the sparse file; everywhere else it is a hole.
MARKS = {place: b"mark at %d|" % place for place in (2**31 - 9, 2**32 - 9, 2**32 + 2**31, FAR - 40)}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield runner.run(stack.enter_async_context(a_lone_agent(tmp_path_factory.mktemp("edges"), None)))
        runner.run(stack.aclose())


class Line:
    """One connection, over which requests go as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes) -> Answer:
        self.writer.write(request)
        return await self.answer(request.partition(b" ")[0].decode("latin-1"))

    async def answer(self, method: str = "GET") -> Answer:
        async with asyncio.timeout(SECONDS):
            answer = await read_answer(self.reader, method)
        assert answer is not None, "the connection was closed"
        return answer


@asynccontextmanager
async def a_line(agent: Agent) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", agent.port, limit=HEAD_BYTES_MAX)
    try:
        yield Line(reader, writer)
    finally:
        writer.transport.abort()


def a_get(ticket: UploadTicket, method: str = "GET", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path_of(ticket)}?ticket={downloading(ticket)} HTTP/1.1\r\nHost: agent\r\n{lines}\r\n".encode()


def a_put(agent: Agent, ticket: UploadTicket, more: Mapping[str, str]) -> bytes:
    headers = {"Host": "agent", **agent.bearer(ticket), **more}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"PUT {path_of(ticket)} HTTP/1.1\r\n{lines}\r\n".encode()


async def nothing_is_staged(agent: Agent) -> None:
    """Wait until staging is empty: what was answered may still be on its way into place."""
    async with asyncio.timeout(SECONDS):
        while any((agent.root / "staging").iterdir()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def far_document(agent: Agent) -> UploadTicket:
    """Lay a sparse file of 100 GiB into an element, beside attributes that fit it, and return its ticket."""
    like, ticket = agent.ticket(DATA, "like.bin"), agent.ticket(b"", "far.bin")
    assert (await agent.put(like, DATA)).status_code == 200
    attr = agent.root / directory_of(like.document_id) / attr_name(like.document_id, 1)
    async with asyncio.timeout(SECONDS):
        while not attr.exists():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    attributes = Attributes.from_sealed(attr.read_bytes())
    directory, name = agent.root / directory_of(ticket.document_id), f"{ticket.document_id}.v1.far.bin"
    directory.mkdir(parents=True, exist_ok=True)
    where = {"stored_name": name, "relative_path": directory_of(ticket.document_id), "size": FAR}
    content = attributes.content.model_copy(update=where)
    far = attributes.model_copy(update={"document_id": DocumentId(ticket.document_id), "content": content})
    write_sparsely(directory / name)
    (directory / attr_name(ticket.document_id, 1)).write_bytes(far.sealed())
    return ticket


def write_sparsely(path: Path) -> None:
    with path.open("wb") as file:
        for place, mark in MARKS.items():
            os.pwrite(file.fileno(), mark, place)
        os.truncate(file.fileno(), FAR)


async def test_of_a_hundred_gibibytes_every_range_is_found_where_it_lies(agent: Agent) -> None:
    ticket = await far_document(agent)
    async with a_line(agent) as line:
        for place, mark in MARKS.items():
            last = place + len(mark) - 1
            answer = await line.ask(a_get(ticket, Range=f"bytes={place}-{last}"))
            assert (answer.status, answer.body) == (206, mark)
            assert answer.headers["content-range"] == f"bytes {place}-{last}/{FAR}"
        tail = await line.ask(a_get(ticket, Range="bytes=-40"))
        assert (tail.body[: len(MARKS[FAR - 40])], len(tail.body)) == (MARKS[FAR - 40], 40)
        assert tail.headers["content-range"] == f"bytes {FAR - 40}-{FAR - 1}/{FAR}"
        assert (await line.ask(a_get(ticket, Range=f"bytes={FAR - 1}-"))).body == b"\0"
        # A part that is read in several pieces, across the border of what 32 bits can count.
        across = await line.ask(a_get(ticket, Range=f"bytes={2**32 - 2_000_000}-{2**32 + 1_999_999}"))
        mark = MARKS[2**32 - 9]
        wanted = b"\0" * (2_000_000 - 9) + mark + b"\0" * (2_000_000 + 9 - len(mark))
        assert hashlib.sha256(across.body).digest() == hashlib.sha256(wanted).digest()
        beyond = await line.ask(a_get(ticket, Range=f"bytes={FAR}-"))
        assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{FAR}")
        head = await line.ask(a_get(ticket, "HEAD"))
        assert (head.status, head.headers["content-length"]) == (200, str(FAR))


async def test_who_leaves_in_the_middle_of_a_hundred_gibibytes_leaves_no_open_file(agent: Agent) -> None:
    ticket = await far_document(agent)
    async with a_line(agent) as line:
        line.writer.write(a_get(ticket))
        head = await line.reader.readuntil(b"\r\n\r\n")
        assert f"content-length: {FAR}".encode() in head.lower()
        assert await line.reader.readexactly(1_000_000) == b"\0" * 1_000_000
        assert held_by(agent, ticket)
    async with asyncio.timeout(SECONDS):
        while held_by(agent, ticket):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


def held_by(agent: Agent, ticket: UploadTicket) -> bool:
    """Tell whether the agent's process has the body of this document open."""
    assert agent.process is not None
    handles = Path(f"/proc/{agent.process.pid}/fd")
    names = [str(handle.readlink()) for handle in handles.iterdir() if handle.is_symlink()]
    return any(ticket.document_id in name for name in names)


async def test_a_document_without_a_byte_comes_and_goes(agent: Agent) -> None:
    ticket = agent.ticket(b"", "nothing.bin")
    async with a_line(agent) as line:
        put = await line.ask(a_put(agent, ticket, {"Content-Length": "0"}))
        assert (put.status, put.headers["repr-digest"]) == (
            200,
            "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
        )
        for method in ("GET", "HEAD"):
            answer = await line.ask(a_get(ticket, method))
            assert (answer.status, answer.headers["content-length"], answer.body) == (200, "0", b"")
        answer = await line.ask(a_get(ticket, Range="bytes=0-0"))
        assert (answer.status, answer.headers["content-range"]) == (416, "bytes */0")


async def test_a_client_that_holds_its_body_back_is_told_to_go_on_or_why_not(agent: Agent) -> None:
    ticket = agent.ticket(DATA, "asked-first.bin")
    more = {"Content-Length": str(len(DATA)), "Expect": "100-continue"}
    async with a_line(agent) as line:
        line.writer.write(a_put(agent, ticket, more))
        async with asyncio.timeout(SECONDS):
            assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await line.ask(DATA)).status == 200
    async with a_line(agent) as line:
        line.writer.write(a_put(agent, ticket, {**more, "Authorization": "Bearer a.b.c"}))
        async with asyncio.timeout(SECONDS):
            assert (await line.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 401 ")


async def test_a_body_without_a_length_is_refused_and_nothing_of_it_stays(agent: Agent) -> None:
    ticket = agent.ticket(b"12345", "in-chunks.bin")
    async with a_line(agent) as line:
        chunks = b"5\r\n12345\r\n0\r\n\r\n"
        answer = await line.ask(a_put(agent, ticket, {"Transfer-Encoding": "chunked"}) + chunks)
        assert (answer.status, b"length_required" in answer.body) == (411, True)
    await nothing_is_staged(agent)


async def test_requests_in_a_row_are_answered_in_that_row(agent: Agent) -> None:
    first, second = agent.ticket(DATA, "first.bin"), agent.ticket(DATA[::-1], "second.bin")
    assert (await agent.put(first, DATA)).status_code == 200
    gets = [a_get(first, Range=f"bytes={n}-{n + 9}") for n in range(12)]
    put = a_put(agent, second, {"Content-Length": str(len(DATA))}) + DATA[::-1]
    async with a_line(agent) as line:
        line.writer.write(b"".join([*gets, put, a_get(second)]))
        for number in range(12):
            assert (await line.answer()).body == DATA[number : number + 10]
        assert (await line.answer("PUT")).status == 200
        assert (await line.answer()).body == DATA[::-1]
    await nothing_is_staged(agent)
