"""The facts of fixity: a version damaged or mended, an element read through, as pure functions."""

from dataclasses import dataclass
from datetime import datetime

from schemas.elements import ElementIdentity
from schemas.envelope import Message, Meta
from schemas.events import DocumentDamaged, DocumentMended, ElementScrubbed
from schemas.fixity import FoundBy
from schemas.identifiers import derive
from storage_agent.checking import Fault, Key, Whole
from storage_agent.entries import Ailing, ScrubState
from storage_agent.facts import agent_of, source_of


@dataclass(frozen=True)
class Seen:
    """A look at a version: whose element, when, by whom, and the number that its fact gets."""

    identity: ElementIdentity
    now: datetime
    found_by: FoundBy
    number: int


def number_after(last: int, now: datetime) -> int:
    """Return the number of the next fact: the time in microseconds, or one more than the last.

    A counter would begin anew on an element whose journal was lost, and its facts would pass for old ones.
    """
    return max(last + 1, round(now.timestamp() * 1_000_000))


def document_damaged(fault: Fault, quarantined: tuple[str, ...], seen: Seen) -> DocumentDamaged:
    """Return the fact that a version is damaged."""
    return DocumentDamaged(
        meta=_meta(DocumentDamaged, fault.key, seen),
        document_version=fault.key[1],
        element_id=seen.identity.element_id,
        part=fault.part,
        reason=fault.reason,
        found_by=seen.found_by,
        sha256=fault.sha256,
        size=fault.size,
        quarantined=quarantined,
    )


def document_mended(whole: Whole, ailing: Ailing, seen: Seen) -> DocumentMended:
    """Return the fact that a version is whole again, caused by the one that told its damage."""
    return DocumentMended(
        meta=_meta(DocumentMended, whole.key, seen, _event_id(seen.identity, whole.key, ailing.number)),
        document_version=whole.key[1],
        element_id=seen.identity.element_id,
        found_by=seen.found_by,
        sha256=whole.sha256,
        size=whole.size,
    )


def element_scrubbed(identity: ElementIdentity, state: ScrubState, damaged: int, now: datetime) -> ElementScrubbed:
    """Return the fact that a pass has ended `now`, with so many versions damaged."""
    event_id = derive(identity.element_id, f"scrubbed/{state.started_at.isoformat()}", state.pass_number)
    meta = ElementScrubbed.meta_for(
        event_id=event_id,
        aggregate_id=identity.element_id,
        aggregate_version=state.pass_number,
        occurred_at=now,
        correlation_id=event_id,
        actor=agent_of(identity),
        source=source_of(identity),
    )
    return ElementScrubbed(
        meta=meta,
        started_at=state.started_at,
        finished_at=now,
        documents=state.documents,
        bytes=state.bytes,
        damaged=damaged,
    )


def _event_id(identity: ElementIdentity, key: Key, number: int) -> str:
    return derive(key[0], f"fixity/{identity.element_id}/v{key[1]}", number)


def _meta(kind: type[Message], key: Key, seen: Seen, causation_id: str | None = None) -> Meta:
    event_id = _event_id(seen.identity, key, seen.number)
    return kind.meta_for(
        event_id=event_id,
        aggregate_id=key[0],
        aggregate_version=seen.number,
        occurred_at=seen.now,
        correlation_id=causation_id or event_id,
        causation_id=causation_id,
        actor=agent_of(seen.identity),
        source=source_of(seen.identity),
    )
