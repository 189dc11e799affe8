"""What an agent tells: attributes, facts and replies out of tickets, as pure functions. Effects have derived ids."""

import json
from dataclasses import dataclass
from datetime import datetime

from schemas.attributes import Attributes, Content, Described, Placement, Provenance, Retention
from schemas.commands import AbandonUpload
from schemas.elements import ElementIdentity
from schemas.envelope import Actor, Meta
from schemas.errors import TypeRefused
from schemas.events import DocumentCommitted, ElementModeChanged, ElementRegistered
from schemas.identifiers import AccountId, EventId, TicketId, derive
from schemas.replies import ContentCommitted, UploadAbandoned, UploadInProgress, UploadRefused
from schemas.requests import InboxMessage
from schemas.retention import retained_until
from schemas.ticket import UploadTicket
from storage_agent.layout import Place


@dataclass(frozen=True)
class Body:
    """Bytes as they were received: size, hex SHA-256, and the media type sniffed from them."""

    size: int
    sha256: str
    media_type: str


def source_of(identity: ElementIdentity) -> str:
    """Return the name by which an element's agent signs its messages."""
    return f"agent/{identity.name}"


def agent_of(identity: ElementIdentity) -> Actor:
    """Return who acts where no human does: a first start, a change of mode on a stopped element, the scrub."""
    return Actor(
        subject=AccountId(identity.element_id), login=source_of(identity), full_name=f"Storage agent {identity.name}"
    )


def attributes_of(
    ticket: UploadTicket, body: Body, place: Place, identity: ElementIdentity, now: datetime
) -> Attributes:
    """Return the first attributes of a document that is committed at `now`."""
    actor, described = ticket.actor, ticket.description
    return Attributes(
        attr_seq=1,
        prev_attr_sha256=None,
        last_event=EventId(derive(ticket.ticket_id, "document-committed")),
        document_id=ticket.document_id,
        version=ticket.document_version,
        supersedes=None,
        content=Content(
            original_filename=ticket.filename,
            stored_name=place.body,
            relative_path=place.directory,
            size=body.size,
            media_type=body.media_type,
            declared_media_type=ticket.media_type,
            sha256=body.sha256,
        ),
        provenance=Provenance(created_at=now, created_by=actor, updated_at=now, updated_by=actor),
        description=Described(
            title=described.title,
            document_class=described.document_class,
            tags=described.tags,
            custom=described.custom,
        ),
        retention=Retention(
            retention_class=ticket.retention_class,
            start=now,
            until=retained_until(ticket.retention_class, now),
            set_by=actor,
        ),
        element=Placement(element_id=identity.element_id, mode_at_write=identity.mode, mode_epoch=identity.mode_epoch),
        vclock={identity.element_id: 1},
    )


def document_committed(attributes: Attributes, attr: bytes, operation_id: str, source: str) -> DocumentCommitted:
    """Return the fact that a version is durable, with its exact attribute bytes."""
    return DocumentCommitted(
        meta=DocumentCommitted.meta_for(
            event_id=attributes.last_event,
            aggregate_id=attributes.document_id,
            aggregate_version=attributes.attr_seq,
            occurred_at=attributes.provenance.updated_at,
            correlation_id=operation_id,
            causation_id=operation_id,
            actor=attributes.provenance.updated_by,
            source=source,
        ),
        document_version=attributes.version,
        element_id=attributes.element.element_id,
        size=attributes.content.size,
        media_type=attributes.content.media_type,
        sha256=attributes.content.sha256,
        attr=attr,
    )


def content_committed(attributes: Attributes, ticket_id: str, operation_id: str, source: str) -> ContentCommitted:
    """Return the reply after that fact; made again from the same attributes it is the same reply."""
    provenance = attributes.provenance
    return ContentCommitted(
        meta=ContentCommitted.meta_for(
            event_id=derive(ticket_id, "content-committed"),
            aggregate_id=operation_id,
            occurred_at=provenance.created_at,
            correlation_id=operation_id,
            causation_id=attributes.last_event,
            actor=provenance.created_by,
            source=source,
        ),
        document_id=attributes.document_id,
        document_version=attributes.version,
        element_id=attributes.element.element_id,
        ticket_id=TicketId(ticket_id),
        attr_seq=attributes.attr_seq,
        size=attributes.content.size,
        sha256=attributes.content.sha256,
    )


def upload_refused(ticket: UploadTicket, error: TypeRefused, problem: str, source: str, now: datetime) -> UploadRefused:
    """Return the reply that policy refused the content; `problem` is the problem document's JSON text."""
    meta = UploadRefused.meta_for(
        event_id=derive(ticket.ticket_id, "upload-refused"),
        aggregate_id=ticket.operation_id,
        occurred_at=now,
        correlation_id=ticket.operation_id,
        causation_id=ticket.operation_id,
        actor=ticket.actor,
        source=source,
    )
    return UploadRefused(
        meta=meta, document_id=ticket.document_id, ticket_id=ticket.ticket_id, code=error.code, problem=problem
    )


def refused_again(command: AbandonUpload, problem: str, source: str, now: datetime) -> UploadRefused:
    """Return the answer to a command that finds the upload refused before: the same reply, with the same id."""
    meta = _answer_meta(UploadRefused, command, derive(command.ticket_id, "upload-refused"), source, now)
    code = str(json.loads(problem).get("code", TypeRefused.code))
    return UploadRefused(
        meta=meta, document_id=command.document_id, ticket_id=command.ticket_id, code=code, problem=problem
    )


def upload_abandoned(command: AbandonUpload, last_refusal: str | None, source: str, now: datetime) -> UploadAbandoned:
    """Return the answer that the upload is durably given up."""
    meta = _answer_meta(UploadAbandoned, command, derive(command.ticket_id, "upload-abandoned"), source, now)
    return UploadAbandoned(
        meta=meta, document_id=command.document_id, ticket_id=command.ticket_id, last_refusal=last_refusal
    )


def upload_in_progress(command: AbandonUpload, received_bytes: int, source: str, now: datetime) -> UploadInProgress:
    """Return the answer that bytes are arriving; each command gets its own, an upload may be asked about often."""
    event_id = derive(command.meta.event_id, "upload-in-progress")
    meta = _answer_meta(UploadInProgress, command, event_id, source, now)
    return UploadInProgress(
        meta=meta, document_id=command.document_id, ticket_id=command.ticket_id, received_bytes=received_bytes
    )


def element_announced(identity: ElementIdentity, *, known: bool) -> ElementRegistered:
    """Return the fact that an element exists (`known` false) or has changed its mode, with its exact `element.json`."""
    kind = ElementModeChanged if known else ElementRegistered
    event_id = derive(identity.element_id, "element-mode", identity.mode_epoch)
    meta = kind.meta_for(
        event_id=event_id,
        aggregate_id=identity.element_id,
        aggregate_version=identity.mode_epoch,
        occurred_at=identity.changed_at,
        correlation_id=event_id,
        actor=agent_of(identity),
        source=source_of(identity),
    )
    return kind(
        meta=meta,
        name=identity.name,
        mode=identity.mode,
        mode_epoch=identity.mode_epoch,
        identity=identity.sealed(),
    )


def _answer_meta(kind: type[InboxMessage], command: AbandonUpload, event_id: str, source: str, now: datetime) -> Meta:
    return kind.meta_for(
        event_id=event_id,
        aggregate_id=command.meta.correlation_id,
        occurred_at=now,
        correlation_id=command.meta.correlation_id,
        causation_id=command.meta.event_id,
        actor=command.meta.actor,
        source=source,
    )
