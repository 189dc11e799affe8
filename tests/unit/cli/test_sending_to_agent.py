"""The command line's half of tus and the agent's, face to face over a net that breaks."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn

from infra.cli.originals import Original
from infra.cli.sending import ResumableSending
from infra.cli.transport import Patience, Transport
from schemas.api.uploads import UploadAnswer
from schemas.errors import DigestMismatch
from schemas.ticket import UploadTicket
from tests.agents import Plane, a_plane, path_of, sha256, some_bytes

DATA = some_bytes(3_000_000)
PATIENCE = Patience(attempts=4, seconds=5.0, first_pause_seconds=0.01, resumed_attempts=8)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(DATA)
    return path


class BreakingNet:
    """Connections to `port`; each breaks when so many bytes have gone towards the agent, while `breaks` lasts."""

    def __init__(self, port: int, breaks: list[int]) -> None:
        self.port, self.breaks = port, breaks

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = self.breaks.pop(0) if self.breaks else 2**40
        beyond, onward = await asyncio.open_connection("127.0.0.1", self.port)
        back = asyncio.create_task(_pipe(beyond, writer, 2**40))
        await _pipe(reader, onward, left)
        # The agent's answer to what has come is lost with the rest.
        back.cancel()
        for one in (writer, onward):
            one.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int) -> None:
    with contextlib.suppress(OSError):
        while left and (piece := await reader.read(min(left, 2**16))):
            writer.write(piece)
            await writer.drain()
            left -= len(piece)


@asynccontextmanager
async def _net(plane: Plane, breaks: list[int]) -> AsyncIterator[str]:
    """Serve the agent; the address at which it is reached over the net that breaks."""
    config = uvicorn.Config(plane.app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
            await asyncio.sleep(0.005)
    net = BreakingNet(server.servers[0].sockets[0].getsockname()[1], breaks)
    try:
        async with await asyncio.start_server(net.carry, "127.0.0.1", 0) as listening:
            yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def _answer(plane: Plane, url: str, ticket: UploadTicket, signed: str | None = None) -> UploadAnswer:
    return UploadAnswer(
        operation_id=ticket.operation_id,
        document_id=ticket.document_id,
        version=ticket.document_version,
        element_id=ticket.element_id,
        upload_url=f"{url}{path_of(ticket)}",
        ticket=signed or plane.signed(ticket),
        expires_at=ticket.deadline_at,
    )


async def _send(plane: Plane, url: str, ticket: UploadTicket, film: Path, signed: str | None = None) -> list[int]:
    seen: list[int] = []
    transport = Transport(url, PATIENCE)
    first, renewed = _answer(plane, url, ticket, signed), _answer(plane, url, ticket)
    sending = ResumableSending(transport, first, Original.read(film), lambda: renewed, seen.append)
    try:
        await asyncio.to_thread(sending.send)
    finally:
        transport.close()
    return seen


async def test_a_film_comes_whole_over_a_net_that_breaks_again_and_again(plane: Plane, film: Path) -> None:
    ticket = plane.ticket(DATA)
    breaks = [100, 900_000, 50, 1_100_000, 400_000, 1000]
    async with _net(plane, breaks) as url:
        seen = await _send(plane, url, ticket, film)
    assert breaks == []
    assert seen[-1] == len(DATA)
    # What had arrived before a break is not sent again: the places where it goes on come nearer to the end.
    places = [later for before, later in itertools.pairwise(seen) if later < before]
    assert places == sorted(places)
    assert places[-1] > 0
    assert (await plane.get(ticket)).content == DATA


async def test_a_film_that_is_there_already_is_not_sent(plane: Plane, film: Path) -> None:
    ticket = plane.ticket(DATA)
    async with _net(plane, []) as url:
        await _send(plane, url, ticket, film)
        assert await _send(plane, url, ticket, film) == [len(DATA)]


async def test_an_expired_ticket_is_renewed_before_a_byte_is_lost(plane: Plane, film: Path) -> None:
    ticket = plane.ticket(DATA)
    expired = plane.signed(ticket.model_copy(update={"deadline_at_max": plane.clock.now() - timedelta(hours=1)}))
    async with _net(plane, []) as url:
        await _send(plane, url, ticket, film, expired)
    assert (await plane.get(ticket)).content == DATA


async def test_other_bytes_than_announced_are_refused_at_the_end(plane: Plane, film: Path) -> None:
    ticket = plane.ticket(DATA, sha256=sha256(DATA[::-1]))
    async with _net(plane, []) as url:
        with pytest.raises(DigestMismatch):
            await _send(plane, url, ticket, film)
    assert not (await plane.get(ticket)).is_success
