"""Uploads that rest at an agent under a campaign: begun for requests to go on with, and ended behind them."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import httpx2
from pydantic import ValidationError

from schemas.ticket import UploadTicket
from storage_agent.layout import UPLOADED, Folders
from storage_agent.resting import PROGRESS, Progress
from storage_agent.resumable import OPEN_MAX
from storage_agent.tus_headers import BODY_TYPE, VERSION
from tests.agents import path_of
from tests.integration.agent_program import Agent

# Ended, or away; or the document is committed, and the hourly sweep takes the rest.
ENDS = frozenset({204, 404, 409})
# A body and its progress each, and one that is on its way into place.
FILES_MAX = 3 * OPEN_MAX


@dataclass
class Rests:
    """The folder of uploads of one agent. `most`: so many files were in it at once, as far as was looked."""

    agent: Agent
    client: httpx2.AsyncClient
    most: int = 0

    async def begun(self, ticket: UploadTicket, data: bytes) -> None:
        """Make an upload with its first bytes; an AssertionError when it is not taken."""
        await self._made(ticket, data, ticket.size)

    async def part(self, ticket: UploadTicket, data: bytes, size: int) -> str:
        """Make a part of `size` bytes with its first ones; return its id. An AssertionError when it is not taken."""
        return await self._made(ticket, data, size, {"Upload-Concat": "partial"})

    async def ended(self, kept: Collection[str] = ()) -> list[str]:
        """End all but those of the tickets with these ids; return what was answered otherwise than it may be."""
        wrong = list[str]()
        for progress in self._progresses():
            ticket = progress.ticket
            if ticket.ticket_id in kept:
                continue
            address = f"{self.agent.url}{path_of(ticket, 'uploads')}/{progress.upload_id}"
            answer = await self.client.delete(address, headers=self._headers(ticket))
            if answer.status_code not in ENDS:
                wrong.append(f"an upload is not ended: {answer.status_code} {answer.text[:200]}")
        return wrong

    def left(self, issued: Mapping[str, UploadTicket]) -> Iterator[str]:
        """Yield the names of files that belong to no upload of a ticket that was given out; look how many there are."""
        ours = {each.upload_id for each in self._progresses() if issued.get(each.ticket.document_id) == each.ticket}
        names = self._names()
        if len(names) > FILES_MAX:
            yield f"{len(names)} files of uploads"
        yield from (name for name in names if name.removesuffix(PROGRESS).removesuffix(UPLOADED) not in ours)

    def _names(self) -> list[str]:
        names = [path.name for path in Folders(self.agent.root).uploads.iterdir()]
        self.most = max(self.most, len(names))
        return names

    def _progresses(self) -> Iterator[Progress]:
        folder = Folders(self.agent.root).uploads
        for name in self._names():
            # It may be over by now.
            with contextlib.suppress(FileNotFoundError, ValidationError):
                if name.endswith(PROGRESS):
                    yield Progress.model_validate_json((folder / name).read_bytes())

    async def _made(self, ticket: UploadTicket, data: bytes, size: int, more: Mapping[str, str] | None = None) -> str:
        headers = self._headers(ticket) | {"Upload-Length": str(size), "Content-Type": BODY_TYPE} | dict(more or {})
        answer = await self.client.post(f"{self.agent.url}{path_of(ticket, 'uploads')}", content=data, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"].rpartition("/")[2]

    def _headers(self, ticket: UploadTicket) -> dict[str, str]:
        return {"Tus-Resumable": VERSION, **self.agent.bearer(ticket)}
