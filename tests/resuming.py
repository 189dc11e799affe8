"""What a client of tus asks of an agent, request by request."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import httpx2

from schemas.ticket import UploadTicket
from storage_agent.resumable import whole_id
from tests.agents import Plane, path_of

TUS = {"Tus-Resumable": "1.0.0"}
BODY = {"Content-Type": "application/offset+octet-stream"}
METADATA = {"Upload-Metadata": "filename 0J7RgtGH0ZHRgi5iaW4=, empty,relativePath bnVsbA=="}


async def ask(  # noqa: PLR0913, PLR0917 - what a request consists of
    plane: Plane,
    ticket: UploadTicket,
    method: str,
    path: str | None = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | AsyncIterator[bytes] | None = None,
) -> httpx2.Response:
    path = path or f"{path_of(ticket, 'uploads')}/{whole_id(ticket)}"
    given = {"Authorization": f"Bearer {plane.signed(ticket)}", **TUS, **(headers or {})}
    return await plane.client.request(method, path, content=content, headers=given)


async def create(
    plane: Plane, ticket: UploadTicket, headers: Mapping[str, str] | None = None, content: bytes | None = None
) -> httpx2.Response:
    given = {"Upload-Length": str(ticket.size), **(BODY if content is not None else {}), **(headers or {})}
    return await ask(plane, ticket, "POST", path_of(ticket, "uploads"), given, content)


async def patch(
    plane: Plane,
    ticket: UploadTicket,
    offset: int,
    content: bytes | AsyncIterator[bytes],
    headers: Mapping[str, str] | None = None,
) -> httpx2.Response:
    return await ask(plane, ticket, "PATCH", None, {**BODY, "Upload-Offset": str(offset), **(headers or {})}, content)


async def offset_of(plane: Plane, ticket: UploadTicket) -> int:
    answer = await ask(plane, ticket, "HEAD")
    assert answer.status_code == 200, answer.status_code
    return int(answer.headers["Upload-Offset"])


async def metadata_of(plane: Plane, ticket: UploadTicket) -> str | None:
    return (await ask(plane, ticket, "HEAD")).headers.get("Upload-Metadata")


def resting(plane: Plane) -> list[str]:
    return sorted(path.name for path in (plane.root / "uploads").iterdir())


class Trickle:
    """A body whose next piece comes when it is let go."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.more, self.asked = pieces, asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.pieces[0]
        self.asked.set()
        await self.more.wait()
        for piece in self.pieces[1:]:
            yield piece
