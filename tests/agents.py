"""Agents for tests: an open element behind its own application in this process, with tickets signed by a test key."""

import asyncio
import contextlib
import functools
import hashlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NoReturn

import httpx2
import structlog
from starlette.types import ASGIApp

from infra.runtime.clock import ManualClock
from infra.runtime.keys import KeyRing, SigningKey, VerifyingKey, generate_key
from infra.runtime.metrics import Metrics
from infra.runtime.security import ISSUER, sign_ticket
from infra.runtime.settings_sections import AgentSettings
from producers.publisher import MemoryPublisher
from schemas.commands import AbandonUpload, ElementCommand, ExtractText
from schemas.envelope import Meta, Position, Received
from schemas.identifiers import DocumentId, TicketId, new_id
from schemas.ticket import DownloadTicket, TicketUse, UploadTicket
from schemas.topics import ELEMENT_COMMAND
from storage_agent.accel import accel_of
from storage_agent.acceptance import Acceptance
from storage_agent.access import Access
from storage_agent.documents import Documents
from storage_agent.downloads import Downloads
from storage_agent.extractor import Extractor
from storage_agent.files import Disk
from storage_agent.inspection import Policy
from storage_agent.layout import SUMS
from storage_agent.opening import open_documents
from storage_agent.routes import agent_app
from storage_agent.text import Texts
from storage_agent.tus import Tus
from storage_agent.uploads import Uploads
from tests.builders import NOW, a_ticket, an_actor, an_upload_request

POLICY = Policy.of(("elf", "pe", "mach-o", "script"))
SECRET = "programs know this"
KID = "01a20f68-0000-7000-8000-0000000000aa"
SETTINGS = AgentSettings(name="hot", reserve_bytes=0)


@functools.cache
def a_key() -> SigningKey:
    """Return the key that signs this run's tickets."""
    return generate_key(KID, NOW - timedelta(days=1))


def a_ring() -> KeyRing:
    return KeyRing().with_key(VerifyingKey.parse(KID, a_key().public_jwk(), a_key().active_from))


def some_bytes(size: int, seed: int = 7) -> bytes:
    """Return bytes that are no text and begin with no signature."""
    return b"\x00\x01" + random.Random(seed).randbytes(size - 2) if size > 2 else b"\x00" * size  # noqa: S311


def silence() -> None:
    """Drop what agents of this process log: where damage and refusals are the work, nobody reads it."""

    def dropped(*_: object) -> NoReturn:
        raise structlog.DropEvent

    structlog.configure(processors=[dropped])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Plane:
    """One open element and a client of its application."""

    documents: Documents
    app: ASGIApp
    client: httpx2.AsyncClient
    clock: ManualClock
    root: Path
    texts: Texts
    metrics: Metrics

    def ticket(self, data: bytes, filename: str = "Отчёт.bin", **changes: object) -> UploadTicket:
        """Return an upload ticket for `data` at this element."""
        request = an_upload_request(filename=filename, size=len(data), now=self.clock.now())
        ticket = a_ticket(request, element_id=self.documents.identity.element_id)
        return ticket.model_copy(update={"mode_epoch": self.documents.identity.mode_epoch, **changes})

    def signed(self, ticket: UploadTicket) -> str:
        return sign_ticket(a_key(), ticket, self.clock.now(), ticket.deadline_at_max)

    async def put(
        self, ticket: UploadTicket, data: bytes, headers: Mapping[str, str] | None = None, *, bearer: str | None = None
    ) -> httpx2.Response:
        authorization = {"Authorization": f"Bearer {bearer or self.signed(ticket)}"}
        return await self.client.put(path_of(ticket), content=data, headers={**authorization, **(headers or {})})

    async def stored(self, data: bytes, filename: str = "Отчёт.bin", **changes: object) -> UploadTicket:
        """Put `data` and wait until it lies in place; return the spent ticket."""
        ticket = self.ticket(data, filename, **changes)
        answer = await self.put(ticket, data)
        assert answer.status_code == 200, answer.text
        await self.documents.settle()
        return ticket

    async def get(
        self,
        ticket: UploadTicket,
        headers: Mapping[str, str] | None = None,
        *,
        what: str = "content",
        method: str = "GET",
    ) -> httpx2.Response:
        """Ask for a stored document with a fresh download ticket."""
        params = {"ticket": self.download_ticket(ticket)}
        path = path_of(ticket, what)
        return await self.client.request(method, path, params=params, headers=dict(headers or {}))

    def download_ticket(
        self, ticket: UploadTicket, use: TicketUse = TicketUse.DOWNLOAD, life: timedelta = timedelta(minutes=1)
    ) -> str:
        download = DownloadTicket(
            use=use,
            ticket_id=TicketId(new_id(self.clock.now())),
            document_id=ticket.document_id,
            document_version=ticket.document_version,
            element_id=ticket.element_id,
            subject="reader",
        )
        return sign_ticket(a_key(), download, self.clock.now(), self.clock.now() + life)

    async def leftovers(self) -> list[str]:
        """Return the files of documents and of staging, relative to the root, once what is on its way has arrived."""
        await self.documents.settle()
        files = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file() and path.name != SUMS)
        return sorted(str(path) for path in files if path.parts[0] == "staging" or path.parts[0].isdigit())


@contextlib.asynccontextmanager
async def a_plane(
    root: Path,
    *,
    mode: Literal["edit", "rw", "ro", "ar"] = "edit",
    settings: AgentSettings = SETTINGS,
    disk: Disk | None = None,
    ring: Callable[[], KeyRing] | None = None,
) -> AsyncIterator[Plane]:
    """Open an element in `root` behind its application, which believes the test's key unless given a ring."""
    clock, metrics = ManualClock(NOW), Metrics()
    async with open_documents(root, settings.model_copy(update={"mode": mode}), clock, disk) as documents:
        access = Access(ring or a_ring, documents.identity.element_id, clock, ISSUER, SECRET)
        acceptance = Acceptance(documents, POLICY, clock, metrics)
        texts = Texts(documents, root, clock, metrics)
        app = agent_app(
            Uploads(acceptance, access),
            Tus(acceptance, access),
            Downloads(documents, access, root, metrics, accel_of(settings, root)),
            {},
            {},
            metrics,
        )
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://agent") as client:
            try:
                yield Plane(documents, app, client, clock, root, texts, metrics)
            finally:
                await texts.close()


@contextlib.asynccontextmanager
async def an_extractor() -> AsyncIterator[Extractor]:
    """Yield a place to extract texts at, and end it."""
    extractor = Extractor()
    try:
        yield extractor
    finally:
        await extractor.close()


def path_of(ticket: UploadTicket, what: str = "content") -> str:
    return f"/documents/{ticket.document_id}/versions/{ticket.document_version}/{what}"


def an_extract_text(ticket: UploadTicket, now: datetime = NOW, offset: int = 0) -> Received:
    command = ExtractText(
        meta=_command_meta(ExtractText, ticket, now), document_id=ticket.document_id, document_version=1
    )
    return Received(command, Position(ELEMENT_COMMAND, 0, offset))


def an_abandon_upload(ticket: UploadTicket, now: datetime = NOW, offset: int = 0) -> Received:
    command = AbandonUpload(
        meta=_command_meta(AbandonUpload, ticket, now),
        document_id=DocumentId(ticket.document_id),
        document_version=1,
        ticket_id=ticket.ticket_id,
    )
    return Received(command, Position(ELEMENT_COMMAND, 0, offset))


def _command_meta(kind: type[ElementCommand], ticket: UploadTicket, now: datetime) -> Meta:
    return kind.meta_for(
        event_id=new_id(now),
        aggregate_id=ticket.element_id,
        occurred_at=now,
        correlation_id=ticket.operation_id,
        actor=an_actor(),
        source="processor",
    )


async def told(documents: Documents, count: int) -> MemoryPublisher:
    """Relay the outbox into memory until `count` records are out."""
    publisher = MemoryPublisher()
    relay = asyncio.create_task(documents.outbox.run(publisher))
    try:
        await until(lambda: len(publisher.records) >= count)
    finally:
        relay.cancel()
        await asyncio.wait({relay})
    return publisher


async def until(done: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something has happened of which nobody tells."""
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
