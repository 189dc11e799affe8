"""The reckoning after one fault: what the program has said, held against what a restart finds."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from infra.runtime.clock import ManualClock
from producers.publisher import MemoryPublisher
from schemas.api.uploads import Receipt
from schemas.elements import ElementIdentity
from schemas.errors import BodyDamaged
from schemas.events import DocumentCommitted
from schemas.fixity import FoundBy
from schemas.registry import decode
from schemas.ticket import UploadTicket
from storage_agent.documents import Documents
from storage_agent.element import IDENTITY, hold_element, open_element
from storage_agent.files import LocalDisk
from storage_agent.recovery import recover
from tests.builders import NOW
from tests.campaigns.verbs import SETTINGS, body_of
from tests.elements import a_ticket_for, an_element, body_in, faults, put, relay_all

Tree = dict[str, str]


@dataclass
class Statements:
    """What programs said of one element, sorted: tickets and receipts by document id, the damaged body's digest."""

    sent: dict[str, UploadTicket] = field(default_factory=dict)
    acknowledged: dict[str, Receipt] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    damaged: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    identity: ElementIdentity | None = None
    ended: str = ""

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Statements":
        found = cls()
        for line in lines:
            kind, _, what = line.partition(" ")
            found.take(kind, what)
        return found

    def take(self, kind: str, what: str) -> None:
        match kind:
            case "sent":
                ticket = UploadTicket.model_validate_json(what)
                self.sent[ticket.document_id] = ticket
            case "acknowledged":
                receipt = Receipt.model_validate_json(what)
                self.acknowledged[receipt.document_id] = receipt
            case "committed":
                self.committed.add(what)
            case "damaged":
                document_id, digest = what.split()
                self.damaged[document_id] = digest
            case "refused":
                self.refused.append(what)
            case "opened" | "mode":
                self.identity = ElementIdentity.model_validate(json.loads(what))
            case "ended":
                self.ended = what


async def violations(root: Path, said: Statements) -> list[str]:
    """Start the element again without faults, more than once, and return all that is not as it must be."""
    try:
        first, second = _recovered(root), _recovered(root)
        found = [] if first == second else [f"a second recovery changes {_differences(first, second)}"]
        for _ in range(2):
            async with an_element(None, root, ManualClock(NOW), SETTINGS) as documents:
                found += await _faults(root, documents, said)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from opening is the finding
        return [f"the element does not open again: {type(error).__name__} {error}"]
    return found


def _recovered(root: Path) -> Tree:
    with hold_element(LocalDisk(), root):
        open_element(LocalDisk(), root, SETTINGS, NOW)
        recover(LocalDisk(), root, NOW)
    return tree(root)


def tree(root: Path) -> Tree:
    """Return everything below `root` but what an opening counts: relative path to digest."""
    paths = (path for path in root.rglob("*") if path.name != IDENTITY)
    return {
        path.relative_to(root).as_posix(): "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


def _differences(before: Tree, after: Tree) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


async def _faults(root: Path, documents: Documents, said: Statements) -> list[str]:
    found = [fault for fault in faults(LocalDisk(), root) if not any(name in fault for name in said.damaged)]
    found += _faults_of_identity(documents.identity, said.identity)
    for document_id, ticket in said.sent.items():
        found += _faults_of_document(documents, said, ticket)
        if document_id in said.damaged:
            found += await _faults_of_damaged(root, documents, document_id, said.damaged[document_id])
    publisher = MemoryPublisher()
    await relay_all(documents, publisher)
    told = [decode(record.value) for record in publisher.records]
    repeated = [fact.meta.event_id for fact in told if isinstance(fact, DocumentCommitted)]
    found += [f"told twice: {event}" for event in set(repeated) if repeated.count(event) > 1]
    ticket = a_ticket_for(documents.identity, b"and on")
    if (await put(documents, ticket, b"and on")).sha256 != hashlib.sha256(b"and on").hexdigest():
        found.append("it takes no other document")
    await documents.settle()
    return found


def _faults_of_identity(now: ElementIdentity, said: ElementIdentity | None) -> list[str]:
    if said is None:
        return []
    same = (said.element_id, said.created_at) == (now.element_id, now.created_at)
    forward = now.open_epoch > said.open_epoch and now.mode_epoch >= said.mode_epoch
    kept = now.mode_epoch > said.mode_epoch or now.mode == said.mode
    return [] if same and forward and kept else [f"the element was {said}, and is {now}"]


def _faults_of_document(documents: Documents, said: Statements, ticket: UploadTicket) -> list[str]:
    document_id = ticket.document_id
    if document_id in said.damaged:
        return []
    found = body_in(documents, ticket)
    expected = body_of(document_id, ticket.size)
    if found is None:
        promised = document_id in said.acknowledged or document_id in said.committed
        return [f"{document_id} was acknowledged and is lost"] if promised else []
    if found != expected:
        return [f"{document_id} has other bytes"]
    receipt = said.acknowledged.get(document_id)
    if receipt is not None and receipt.sha256 != hashlib.sha256(expected).hexdigest():
        return [f"{document_id} was acknowledged with another digest"]
    if receipt is not None and documents.admit(ticket) != receipt:
        return [f"{document_id} no longer has its receipt"]
    return []


async def _faults_of_damaged(root: Path, documents: Documents, document_id: str, digest: str) -> list[str]:
    # What could not be read at the start is found out as soon as it is looked at, and was given to nobody before.
    await documents.fixity.look((document_id, 1), FoundBy.SCRUB)
    kept = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (root / "quarantine").iterdir()]
    found = [] if kept == [digest] else [f"the quarantine holds {kept} instead of {digest}"]
    try:
        documents.find(document_id, 1)
    except BodyDamaged:
        return found
    return [*found, f"{document_id} is damaged, and is served"]
