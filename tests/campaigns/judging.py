"""What a start makes of a disk that a power cut has left, and whether that contradicts what was promised before."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from infra.runtime.settings_sections import AgentSettings
from producers.publisher import MemoryPublisher
from schemas.errors import ArtStoreError, StaleEpoch, TypeRefused, UploadAbandonedError
from schemas.events import DocumentCommitted
from schemas.ticket import UploadTicket
from storage_agent.documents import Documents
from storage_agent.element import hold_element
from storage_agent.entries import StoredRecord
from storage_agent.layout import ATTR, SUMS
from storage_agent.ledger import AbandonedAnswer, Answer, CommittedAnswer, RefusedAnswer
from storage_agent.memory import Memory
from storage_agent.opening import _prepare
from storage_agent.recovery import recover
from tests.builders import NOW
from tests.campaigns.standing import run
from tests.campaigns.workloads import Deed, a_disk
from tests.disks import MemoryDisk
from tests.elements import ROOT, a_ticket_for, an_element, faults, hours, list_faults, put, relay_all
from tests.posix import State

SPENT: Mapping[type[ArtStoreError], type[Answer]] = {TypeRefused: RefusedAnswer, UploadAbandonedError: AbandonedAnswer}
FACT = DocumentCommitted.type_name()
LATER = b"after the cut"


@dataclass(frozen=True)
class Found:
    """What a start has found and left: `faults` of the files, and `documents` as the SHA-256 of their bodies by id."""

    faults: tuple[str, ...]
    state: State
    element_id: str = ""
    mode_epoch: int = 0
    documents: Mapping[str, str] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    waiting: Mapping[str, StoredRecord] = field(default_factory=dict)


def started_on(state: State, reserve_bytes: int = 0) -> Found:
    """Do what a start does to this disk, the recovery twice."""
    disk = a_disk()
    disk.become(state)
    try:
        return _started(disk, AgentSettings(reserve_bytes=reserve_bytes))
    except (ArtStoreError, OSError, ValueError, LookupError, AssertionError) as error:
        return Found((f"it does not start: {type(error).__name__}: {error}",), disk.state())


def _started(disk: MemoryDisk, settings: AgentSettings) -> Found:
    with hold_element(disk, ROOT):
        identity, recovered = _prepare(disk, ROOT, settings, NOW)
        once = disk.state()
        recover(disk, ROOT, NOW)
    found = [] if disk.state() == once else ["a second recovery changes something"]
    records = [record for waiting in recovered.memory.waiting.values() for record in waiting.records]
    return Found(
        faults=(*found, *faults(disk)),
        state=once,
        element_id=identity.element_id,
        mode_epoch=identity.mode_epoch,
        documents=_documents(disk),
        memory=recovered.memory,
        waiting={record.headers["ce_id"]: record for record in records},
    )


def _documents(disk: MemoryDisk) -> dict[str, str]:
    listed = [(hour, name) for hour in hours(disk) for name in disk.names(hour) if name != SUMS]
    named = [(hour, name) for hour, name in listed if not name.endswith(ATTR)]
    return {name.split(".")[0]: hashlib.sha256(disk.read(hour / name) or b"").hexdigest() for hour, name in named}


def contradictions(found: Found, deed: Deed) -> Iterator[str]:
    """Yield in what the disk that was found says anything else than what was promised."""
    if found.faults:
        yield from found.faults
        return
    if deed.element_id not in {"", found.element_id}:
        yield f"it is another element, {found.element_id}"
    if found.mode_epoch < deed.mode_epoch:
        yield f"its mode has gone back to epoch {found.mode_epoch}"
    yield from _broken_promises(found, deed)
    for document_id, sha256 in found.documents.items():
        ticket, data = deed.sent[document_id]
        if sha256 != hashlib.sha256(data).hexdigest():
            yield f"document {document_id} holds other bytes than were sent"
        if not isinstance(found.memory.ledger.get(ticket.ticket_id), CommittedAnswer):
            yield f"document {document_id} is there, and its ticket is not spent"
    yield from _told_otherwise(found, deed)


def _broken_promises(found: Found, deed: Deed) -> Iterator[str]:
    for ticket_id, receipt in deed.receipts.items():
        answer = found.memory.ledger.get(ticket_id)
        if not isinstance(answer, CommittedAnswer) or answer.receipt != receipt:
            yield f"ticket {ticket_id} is acknowledged, and its answer now {answer}"
        if found.documents.get(receipt.document_id) != receipt.sha256:
            yield f"document {receipt.document_id} is acknowledged, and not there"
    for ticket_id, kind in deed.spent.items():
        if not isinstance(found.memory.ledger.get(ticket_id), SPENT[kind]):
            yield f"ticket {ticket_id} is spent ({kind.code}), and not any more"
    for command_id in deed.commands:
        if not found.memory.knows_command(command_id):
            yield f"command {command_id} was accepted, and is not known any more"


def _told_otherwise(found: Found, deed: Deed) -> Iterator[str]:
    """Compare what went out, or will, with what there is: one fact for each document, always the same."""
    facts: defaultdict[str, set[str]] = defaultdict(set)
    gone_out = [StoredRecord.of(record) for record in deed.publisher.records]
    for record in (*gone_out, *found.waiting.values()):
        if record.headers["ce_type"] == FACT:
            facts[record.headers["ce_subject"]].add(record.headers["ce_id"])
    for record in gone_out:
        if found.waiting.get(record.headers["ce_id"], record) != record:
            yield f"event {record.headers['ce_id']} will be told with other bytes"
    for document_id in facts.keys() | found.documents.keys():
        stored = document_id in found.documents
        if len(facts[document_id]) != stored:
            yield f"document {document_id} (stored: {stored}) is told {len(facts[document_id])} times"


def used(state: State, deed: Deed, reserve_bytes: int = 0) -> list[str]:
    """Open the element with all its parts, read everything, tell everything, store one more; return what is wrong."""
    disk = a_disk()
    disk.become(state)
    try:
        wrong = run(_used(disk, deed, AgentSettings(reserve_bytes=reserve_bytes)))
    except (ArtStoreError, OSError, ValueError, LookupError, AssertionError) as error:
        wrong = [f"it does not work: {type(error).__name__}: {error}"]
    return [*wrong, *faults(disk), *list_faults(disk)]


async def _used(disk: MemoryDisk, deed: Deed, settings: AgentSettings) -> list[str]:
    publisher = MemoryPublisher()
    async with an_element(disk, settings=settings) as documents:
        wrong = [fault for sent in deed.sent.values() if (fault := _misread(disk, documents, deed, *sent))]
        for ticket, data in deed.sent.values():
            with suppress(TypeRefused, UploadAbandonedError, StaleEpoch):
                await put(documents, ticket, data)
        await put(documents, a_ticket_for(documents.identity, LATER), LATER)
        await relay_all(documents, publisher)
    told = [record.headers["ce_id"] for record in publisher.records if record.headers["ce_type"] == FACT]
    return wrong if len(set(told)) == len(told) else [*wrong, "a document is told twice"]


def _misread(disk: MemoryDisk, documents: Documents, deed: Deed, ticket: UploadTicket, data: bytes) -> str | None:
    found = documents.find(ticket.document_id, 1)
    if found is not None and (disk.read(found.body) if found.carried is None else found.carried) != data:
        return f"document {ticket.document_id} is read, and is not what was sent"
    receipt, kind = deed.receipts.get(ticket.ticket_id), deed.spent.get(ticket.ticket_id)
    if receipt is None and kind is None:
        return None
    try:
        admitted = documents.admit(ticket)
    except (TypeRefused, UploadAbandonedError) as error:
        return None if type(error) is kind else f"ticket {ticket.ticket_id} is answered by {error.code}"
    return None if admitted == receipt else f"ticket {ticket.ticket_id} is answered by {admitted}"
