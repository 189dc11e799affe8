"""Bodies that rot: no wrong byte of a small one leaves, no wrong large one arrives whole, and both are looked at."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from schemas.errors import BodyDamaged
from schemas.events import DocumentDamaged
from schemas.ticket import UploadTicket
from storage_agent.downloads import Pieces
from storage_agent.giving import CHECKED_BYTES, PIECE_BYTES, pieces
from storage_agent.ranges import Span
from tests.agents import Plane, a_plane, path_of, some_bytes
from tests.elements import a_scrub, told_by
from tests.serving import serving

SMALL, LARGE = some_bytes(CHECKED_BYTES), some_bytes(2 * PIECE_BYTES + 1)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


def body_of(plane: Plane, ticket: UploadTicket) -> Path:
    return next(path for path in plane.root.rglob(f"{ticket.document_id}.v1.*") if path.suffix == ".bin")


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


async def rotten(plane: Plane, data: bytes, offset: int) -> UploadTicket:
    ticket = await plane.stored(data)
    await plane.documents.settle()
    flip(body_of(plane, ticket), offset)
    return ticket


async def received(plane: Plane, ticket: UploadTicket) -> bytes:
    """Ask the application itself for a document; return the bytes that left before it broke off."""
    sent, asked = bytearray(), asyncio.Event()

    async def receive() -> dict[str, object]:
        if asked.is_set():
            await asyncio.Event().wait()
        asked.set()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        sent.extend(body)

    path = f"/documents/{ticket.document_id}/versions/1/content"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": f"ticket={plane.download_ticket(ticket)}".encode(),
        "headers": [],
        "scheme": "http",
        "server": ("agent", 80),
        "client": ("reader", 1),
    }
    with pytest.raises(RuntimeError, match="already started") as broken:
        await plane.app(scope, receive, send)  # type: ignore[arg-type]
    assert isinstance(broken.value.__cause__, BodyDamaged)
    return bytes(sent)


@pytest.mark.parametrize("offset", [0, len(SMALL) // 2, len(SMALL) - 1])
@pytest.mark.parametrize("wanted", [None, "bytes=0-0", f"bytes={CHECKED_BYTES - 5}-", "bytes=-1"])
async def test_no_byte_of_a_rotten_small_document_leaves_whatever_part_is_asked_for(
    plane: Plane, offset: int, wanted: str | None
) -> None:
    ticket = await rotten(plane, SMALL, offset)
    answer = await plane.get(ticket, {"Range": wanted} if wanted else None)
    assert (answer.status_code, answer.json()["code"]) == (500, "body_damaged")


@pytest.mark.parametrize("offset", [0, len(LARGE) // 2, len(LARGE) - 1])
async def test_a_rotten_large_document_breaks_off_before_its_last_piece(plane: Plane, offset: int) -> None:
    ticket = await rotten(plane, LARGE, offset)
    assert len(await received(plane, ticket)) == 2 * PIECE_BYTES


@pytest.mark.parametrize("offset", [0, len(LARGE) // 2, len(LARGE) - 1])
async def test_a_rotten_large_document_breaks_off_over_a_socket_as_well(plane: Plane, offset: int) -> None:
    ticket = await rotten(plane, LARGE, offset)
    async with serving(plane.app) as port:
        answer = await told(port, plane, ticket)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert len(answer.partition(b"\r\n\r\n")[2]) == 2 * PIECE_BYTES
        assert (await told(port, plane, ticket)).startswith(b"HTTP/1.1 500 ")


async def test_what_a_file_has_lost_breaks_off_over_a_socket_and_is_looked_at(plane: Plane) -> None:
    ticket = await plane.stored(LARGE)
    await plane.documents.settle()
    found = plane.documents.find(ticket.document_id, 1)
    assert found is not None
    reader = found.open()
    os.truncate(body_of(plane, ticket), len(LARGE) - 10)
    answer = Pieces(
        pieces(reader, Span(5, len(LARGE) - 1)), 206, {"Content-Length": str(len(LARGE) - 5)}, closing(reader)
    )
    async with serving(answer) as port:
        assert len((await told(port, plane, ticket)).partition(b"\r\n\r\n")[2]) == len(LARGE) - 15


@pytest.mark.parametrize("size", [CHECKED_BYTES + 1, PIECE_BYTES, PIECE_BYTES + 1, len(LARGE)])
async def test_documents_come_and_go_whole_over_a_socket(plane: Plane, size: int) -> None:
    data = some_bytes(size)
    ticket = plane.ticket(data)
    async with serving(plane.app) as port:
        put = f"PUT {path_of(ticket)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {size}\r\n"
        put += f"Authorization: Bearer {plane.signed(ticket)}\r\n\r\n"
        assert (await spoken(port, put.encode() + data)).startswith(b"HTTP/1.1 200 ")
        for wanted, part in (("", data), ("Range: bytes=3-\r\n", data[3:]), ("Range: bytes=-9\r\n", data[-9:])):
            assert (await told(port, plane, ticket, wanted)).partition(b"\r\n\r\n")[2] == part


async def told(port: int, plane: Plane, ticket: UploadTicket, headers: str = "") -> bytes:
    """Ask for a document over a connection of its own, and return all that is answered."""
    path = f"{path_of(ticket)}?ticket={plane.download_ticket(ticket)}"
    return await spoken(port, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n".encode())


async def spoken(port: int, sent: bytes) -> bytes:
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        return answer


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
async def test_what_was_read_wrongly_is_refused_at_once_and_then_put_aside_and_told(plane: Plane, data: bytes) -> None:
    ticket = await rotten(plane, data, 5)
    if data is SMALL:
        await plane.get(ticket)
    else:
        await received(plane, ticket)
    for method in ("GET", "HEAD"):
        assert (await plane.get(ticket, {"Range": "bytes=0-0"}, method=method)).status_code == 500
    await a_scrub(plane.documents).look_at_suspects()
    facts = [fact for fact in await told_by(plane.documents) if isinstance(fact, DocumentDamaged)]
    assert [(fact.meta.aggregate_id, fact.reason, fact.found_by) for fact in facts] == [
        (ticket.document_id, "digest", "read")
    ]
    assert [path.name for path in (plane.root / "quarantine").iterdir()] == list(facts[0].quarantined)
    assert (await plane.get(ticket)).json()["code"] == "body_damaged"


async def test_a_document_put_back_is_given_again_once_somebody_has_asked_for_it(plane: Plane) -> None:
    ticket = await rotten(plane, SMALL, 5)
    await plane.get(ticket)
    body = body_of(plane, ticket)
    await a_scrub(plane.documents).look_at_suspects()
    body.write_bytes(SMALL)
    assert (await plane.get(ticket)).status_code == 500
    await a_scrub(plane.documents).look_at_suspects()
    answer = await plane.get(ticket)
    assert (answer.status_code, answer.content == SMALL) == (200, True)


@pytest.mark.parametrize("size", [0, 1, CHECKED_BYTES, CHECKED_BYTES + 1, PIECE_BYTES, PIECE_BYTES + 1])
async def test_whole_documents_of_every_size_arrive_whole(plane: Plane, size: int) -> None:
    data = os.urandom(size)
    ticket = await plane.stored(data)
    for status, headers in ((200, {}), (206, {"Range": "bytes=0-"}))[: 2 if size else 1]:
        answer = await plane.get(ticket, headers)
        assert (answer.status_code, answer.content == data) == (status, True)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
async def test_what_is_no_file_in_a_bodys_place_is_refused_and_the_element_goes_on(plane: Plane, kind: str) -> None:
    ticket, other = await plane.stored(SMALL), await plane.stored(b"another", "b.bin")
    await plane.documents.settle()
    body = body_of(plane, ticket)
    body.rename(plane.root / "elsewhere")
    if kind == "link":
        body.symlink_to(plane.root / "elsewhere")
    elif kind == "folder":
        body.mkdir()
    else:
        os.mkfifo(body)
    assert (await plane.get(ticket)).json()["code"] == "body_damaged"
    await a_scrub(plane.documents).look_at_suspects()
    facts = [fact for fact in await told_by(plane.documents) if isinstance(fact, DocumentDamaged)]
    assert [fact.reason for fact in facts] == ["not_a_file"]
    assert (await plane.get(other)).status_code == 200


async def test_an_attribute_file_that_has_grown_beyond_all_bounds_is_refused_unread(plane: Plane) -> None:
    ticket = await plane.stored(SMALL)
    await plane.documents.settle()
    attr = next(plane.root.rglob(f"{ticket.document_id}.v1.attr.json"))
    os.truncate(attr, 2**40)
    assert (await plane.get(ticket, what="attributes")).json()["code"] == "seal_broken"
    await a_scrub(plane.documents).look_at_suspects()
    assert [fact.reason for fact in await told_by(plane.documents) if isinstance(fact, DocumentDamaged)] == ["seal"]
