"""What tests do to a storage element: put documents in, open it on any disk, and check that it is whole."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.runtime.clock import Clock, ManualClock
from infra.runtime.metrics import Metrics
from infra.runtime.settings_sections import AgentSettings
from producers.publisher import MemoryPublisher, Publisher
from schemas.api.uploads import Receipt
from schemas.attributes import Attributes
from schemas.commands import AbandonUpload, ExtractText
from schemas.elements import ElementIdentity
from schemas.envelope import Message, Position, Received
from schemas.identifiers import derive, new_id
from schemas.registry import decode
from schemas.ticket import UploadTicket
from schemas.topics import ELEMENT_COMMAND
from storage_agent.documents import Documents
from storage_agent.files import Disk
from storage_agent.layout import SUMS
from storage_agent.opening import open_documents
from storage_agent.scrub import Budget, Scrub
from storage_agent.staging import Staged, StagingFile
from tests.builders import NOW, a_ticket, an_upload_request

ROOT = Path("/element")
RESERVE_BYTES = 4096
# As `staging.SMALL_BYTES`: every body goes by way of a file, as large ones do.
ALL_ARE_LARGE = -1


@asynccontextmanager
async def an_element(
    disk: Disk | None, root: Path = ROOT, clock: Clock | None = None, settings: AgentSettings | None = None
) -> AsyncIterator[Documents]:
    settings = settings or AgentSettings(reserve_bytes=RESERVE_BYTES)
    async with open_documents(root, settings, clock or ManualClock(NOW), disk) as documents:
        yield documents


def a_ticket_for(
    identity: ElementIdentity, data: bytes, *, filename: str = "Отчёт.txt", sha256: str | None = None
) -> UploadTicket:
    request = an_upload_request(filename=filename, size=len(data))
    ticket = a_ticket(request, element_id=identity.element_id, mode_epoch=identity.mode_epoch)
    return ticket.model_copy(update={"sha256": sha256})


async def stage(documents: Documents, ticket: UploadTicket, data: bytes) -> tuple[StagingFile, Staged]:
    file = await documents.stage(ticket)
    await file.write(data)
    return file, await file.finish()


async def put(documents: Documents, ticket: UploadTicket, data: bytes) -> Receipt:
    """Do what the data plane does for one PUT. The files may still be on their way: `documents.settle` waits."""
    receipt = documents.admit(ticket)
    if receipt is not None:
        return receipt
    file = await documents.stage(ticket)
    try:
        await file.write(data)
        return await documents.commit(ticket, await file.finish(), "text/plain", None)
    finally:
        await file.discard()


async def put_in_place(documents: Documents, ticket: UploadTicket, data: bytes) -> Receipt:
    """Put, and wait until body and attributes lie in their place."""
    receipt = await put(documents, ticket, data)
    await documents.settle()
    return receipt


def body_in(documents: Documents, ticket: UploadTicket) -> bytes | None:
    """Return the bytes of a ticket's document as they are served; None when it is not there."""
    found = documents.find(ticket.document_id, ticket.document_version)
    if found is None:
        return None
    body = found.open()
    try:
        return body.read(body.size, 0)
    finally:
        body.close()


def an_abandon(ticket: UploadTicket, *, n: int = 0, offset: int = 0) -> Received:
    command = AbandonUpload(
        meta=AbandonUpload.meta_for(
            event_id=derive(ticket.operation_id, "abandon", n),
            aggregate_id=ticket.element_id,
            occurred_at=NOW,
            correlation_id=ticket.operation_id,
            actor=ticket.actor,
            source="processor",
        ),
        document_id=ticket.document_id,
        document_version=ticket.document_version,
        ticket_id=ticket.ticket_id,
    )
    return Received(command, Position(ELEMENT_COMMAND, 3, offset))


def an_extract(ticket: UploadTicket, *, offset: int = 0) -> Received:
    command = ExtractText(
        meta=ExtractText.meta_for(
            event_id=derive(ticket.operation_id, "extract"),
            aggregate_id=ticket.element_id,
            occurred_at=NOW,
            correlation_id=ticket.operation_id,
            actor=ticket.actor,
            source="processor",
        ),
        document_id=ticket.document_id,
        document_version=ticket.document_version,
    )
    return Received(command, Position(ELEMENT_COMMAND, 3, offset), f"00-{'a' * 32}-{'b' * 16}-01")


async def relay_all(documents: Documents, publisher: Publisher) -> None:
    """Run the outbox until nothing waits in it."""
    relay = asyncio.create_task(documents.outbox.run(publisher))
    async with asyncio.timeout(60):
        while documents.outbox.length:  # noqa: ASYNC110 - the outbox tells nobody that it is empty
            await asyncio.sleep(0.01)
    relay.cancel()
    await asyncio.wait({relay})


def a_document_id() -> str:
    return new_id(NOW)


def faults(disk: Disk, root: Path = ROOT) -> list[str]:
    """Return all that is wrong with the plain files: seals, digests, a file without its other half, leftovers."""
    found = [f"staging/{name}" for name in disk.names(root / "staging")]
    found += [f"journal/{name}" for name in disk.names(root / "journal") if name.endswith(".tmp")]
    for hour in hours(disk, root):
        found += _faults_of_hour(disk, hour)
    return found


def hours(disk: Disk, root: Path = ROOT) -> list[Path]:
    """Return the directories that hold documents."""
    level = [root / name for name in disk.names(root) if name.isdigit()]
    for _ in range(3):
        level = [path / name for path in level for name in disk.names(path)]
    return level


def list_faults(disk: Disk, root: Path = ROOT) -> list[str]:
    """Return what is wrong with the checksum lists: all files of an hour are in its list, with their sums."""
    return [fault for hour in hours(disk, root) for fault in _faults_of_list(disk, hour)]


def _faults_of_list(disk: Disk, hour: Path) -> list[str]:
    lines = (disk.read(hour / SUMS) or b"").decode().splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {name: disk.sha256(hour / name) for name in disk.names(hour) if name != SUMS}
    names = sorted(name for name in {*listed, *there} if listed.get(name) != there.get(name))
    return [f"{hour}/{name}: listed as {listed.get(name)}, is {there.get(name)}" for name in names]


def _faults_of_hour(disk: Disk, hour: Path) -> list[str]:
    names = [name for name in disk.names(hour) if name != SUMS]
    bodies = {name for name in names if not name.endswith(".attr.json")}
    found = []
    for name in sorted(set(names) - bodies):
        content = Attributes.from_sealed(disk.read(hour / name) or b"").content
        body = disk.read(hour / content.stored_name)
        if body is None or hashlib.sha256(body).hexdigest() != content.sha256:
            found.append(f"{name}: body missing or damaged")
        bodies.discard(content.stored_name)
    return found + [f"{name}: no attributes" for name in sorted(bodies)]


def a_scrub(documents: Documents, *, pause_seconds: float = 3600.0, metrics: Metrics | None = None) -> Scrub:
    """Return an element's scrub with a budget that keeps nobody waiting."""
    return documents.scrub(Budget(10**15, pause_seconds), metrics or Metrics())


async def told_by(documents: Documents) -> list[Message]:
    """Return what waits for the log, in order, and let it go."""
    publisher = MemoryPublisher()
    await relay_all(documents, publisher)
    return [decode(record.value) for record in publisher.records]
