"""Data for tests with good defaults: an actor, a ticket, requests, attributes."""

from datetime import UTC, datetime, timedelta

from schemas.attributes import Attributes, Content, Described, Placement, Provenance, Retention
from schemas.elements import Mode
from schemas.envelope import Actor
from schemas.events import DocumentCommitted
from schemas.identifiers import AccountId, DocumentId, ElementId, EventId, SagaId, TicketId, derive, new_id
from schemas.replies import ContentCommitted
from schemas.requests import Description, UploadRequested
from schemas.retention import retained_until
from schemas.ticket import UploadTicket

NOW = datetime(2026, 11, 24, 10, 30, 15, 123456, UTC)
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ELEMENT_ID = ElementId("01a20f68-0000-7000-8000-00000000e1e1")


def an_actor(login: str = "admin") -> Actor:
    return Actor(subject=AccountId(derive(login, "account")), login=login, full_name="Анна Ёлкина")


def an_upload_request(
    *, filename: str = "Отчёт.txt", size: int = 12, now: datetime = NOW, description: Description | None = None
) -> UploadRequested:
    operation_id = new_id(now)
    meta = UploadRequested.meta_for(
        event_id=new_id(now),
        aggregate_id=operation_id,
        occurred_at=now,
        correlation_id=operation_id,
        actor=an_actor(),
        source="gateway",
    )
    return UploadRequested(
        meta=meta,
        document_id=DocumentId(new_id(now)),
        document_version=1,
        element_id=ELEMENT_ID,
        ticket_id=TicketId(new_id(now)),
        filename=filename,
        size=size,
        description=description or Description(title="Годовой отчёт", tags=("отчёт", "2026")),
        retention_class="years-5",
        deadline_at=now + timedelta(hours=24),
        deadline_at_max=now + timedelta(hours=48),
        deadline_seconds=86400,
        request_sha256=EMPTY_SHA256,
    )


def a_ticket(
    request: UploadRequested | None = None, *, mode_epoch: int = 1, element_id: ElementId | None = None
) -> UploadTicket:
    request = request or an_upload_request()
    return UploadTicket(
        ticket_id=request.ticket_id,
        operation_id=SagaId(request.meta.correlation_id),
        document_id=request.document_id,
        document_version=request.document_version,
        element_id=element_id or request.element_id,
        mode_epoch=mode_epoch,
        filename=request.filename,
        size=request.size,
        media_type=request.media_type,
        sha256=request.sha256,
        description=request.description,
        retention_class=request.retention_class,
        actor=request.meta.actor,
        requested_at=request.meta.occurred_at,
        deadline_at=request.deadline_at,
        deadline_at_max=request.deadline_at_max,
    )


def an_attributes(request: UploadRequested | None = None, *, now: datetime = NOW, attr_seq: int = 1) -> Attributes:
    request = request or an_upload_request(now=now)
    actor, described = request.meta.actor, request.description
    return Attributes(
        attr_seq=attr_seq,
        prev_attr_sha256=None,
        last_event=EventId(derive(request.ticket_id, "document-committed")),
        document_id=request.document_id,
        version=request.document_version,
        supersedes=None,
        content=Content(
            original_filename=request.filename,
            stored_name=f"{request.document_id}.v1.{request.filename}",
            relative_path="2026/11/24/10",
            size=request.size,
            media_type="text/plain",
            declared_media_type=request.media_type,
            sha256=EMPTY_SHA256,
        ),
        provenance=Provenance(created_at=now, created_by=actor, updated_at=now, updated_by=actor),
        description=Described(
            title=described.title,
            document_class=described.document_class,
            tags=described.tags,
            custom=described.custom,
        ),
        retention=Retention(
            retention_class=request.retention_class,
            start=now,
            until=retained_until(request.retention_class, now),
            set_by=actor,
        ),
        element=Placement(element_id=request.element_id, mode_at_write=Mode.EDIT, mode_epoch=1),
        vclock={request.element_id: attr_seq},
    )


def a_document_committed(attributes: Attributes | None = None, *, operation_id: str | None = None) -> DocumentCommitted:
    attributes = attributes or an_attributes()
    operation_id = operation_id or new_id(attributes.provenance.created_at)
    return DocumentCommitted(
        meta=DocumentCommitted.meta_for(
            event_id=attributes.last_event,
            aggregate_id=attributes.document_id,
            aggregate_version=attributes.attr_seq,
            occurred_at=attributes.provenance.created_at,
            correlation_id=operation_id,
            causation_id=operation_id,
            actor=attributes.provenance.created_by,
            source="agent/hot",
        ),
        document_version=attributes.version,
        element_id=attributes.element.element_id,
        size=attributes.content.size,
        media_type=attributes.content.media_type,
        sha256=attributes.content.sha256,
        attr=attributes.sealed(),
    )


def a_content_committed(request: UploadRequested) -> ContentCommitted:
    operation_id = request.meta.correlation_id
    return ContentCommitted(
        meta=ContentCommitted.meta_for(
            event_id=derive(request.ticket_id, "content-committed"),
            aggregate_id=operation_id,
            occurred_at=request.meta.occurred_at + timedelta(seconds=1),
            correlation_id=operation_id,
            causation_id=derive(request.ticket_id, "document-committed"),
            actor=request.meta.actor,
            source="agent/hot",
        ),
        document_id=request.document_id,
        document_version=request.document_version,
        element_id=request.element_id,
        ticket_id=request.ticket_id,
        attr_seq=1,
        size=request.size,
        sha256=EMPTY_SHA256,
    )
