"""Tickets: what an agent must know about an upload or a download, signed; too long ones are refused by name."""

from datetime import datetime, timedelta

from api_gateway.ports import Document, Element
from infra.runtime.keys import SigningKey
from infra.runtime.security import sign_ticket
from schemas.api.uploads import UploadAnswer
from schemas.errors import FieldError, TooLarge
from schemas.identifiers import DocumentId, ElementId, SagaId, TicketId, new_id
from schemas.requests import UploadRequested
from schemas.ticket import DownloadTicket, TicketUse, UploadTicket

DOWNLOAD_FOR = timedelta(seconds=60)


def upload_ticket(request: UploadRequested, mode_epoch: int, traceparent: str | None) -> UploadTicket:
    """Return the ticket of a request; the same request always gives the same claims."""
    return UploadTicket(
        ticket_id=request.ticket_id,
        operation_id=SagaId(request.meta.correlation_id),
        document_id=request.document_id,
        document_version=request.document_version,
        element_id=request.element_id,
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
        traceparent=traceparent,
    )


def upload_answer(key: SigningKey, ticket: UploadTicket, element: Element, now: datetime, issuer: str) -> UploadAnswer:
    """Return what the client needs to send the bytes; TooLarge names what to shorten.

    The ticket holds until the last moment to which the deadline can be renewed: whether the upload is still wanted
    is decided by the agent.
    """
    try:
        text = sign_ticket(key, ticket, now, ticket.deadline_at_max, issuer=issuer)
    except TooLarge as error:
        raise TooLarge(error.detail, errors=(_longest(ticket),)) from error
    return UploadAnswer(
        operation_id=ticket.operation_id,
        document_id=ticket.document_id,
        version=ticket.document_version,
        element_id=ticket.element_id,
        upload_url=f"{element.url}{_path(ticket.document_id, ticket.document_version)}/content",
        ticket=text,
        expires_at=ticket.deadline_at,
    )


def download_url(  # noqa: PLR0913, PLR0917 - key, thing, place, person, time and issuer are what a ticket is made of
    key: SigningKey, document: Document, element: Element, part: str, subject: str, now: datetime, issuer: str
) -> str:
    """Return the agent's address of `part` (content or attributes) with a ticket of 60 seconds in it."""
    ticket = _download_ticket(TicketUse.DOWNLOAD, document, element, subject, now)
    return _signed_url(key, ticket, element, part, now, now + DOWNLOAD_FOR, issuer)


def link_url(  # noqa: PLR0913, PLR0917 - as above, and an end
    key: SigningKey, document: Document, element: Element, subject: str, now: datetime, until: datetime, issuer: str
) -> str:
    """Return the agent's address of the content, which opens for whoever has it until then.

    No longer than agents believe in the key that signed it: without that key it opens nothing.
    """
    ticket = _download_ticket(TicketUse.LINK, document, element, subject, now)
    return _signed_url(key, ticket, element, "content", now, until, issuer)


def _download_ticket(
    use: TicketUse, document: Document, element: Element, subject: str, now: datetime
) -> DownloadTicket:
    return DownloadTicket(
        use=use,
        ticket_id=TicketId(new_id(now)),
        document_id=DocumentId(document.body.document_id),
        document_version=document.body.version,
        element_id=ElementId(element.element_id),
        subject=subject,
    )


def _signed_url(  # noqa: PLR0913, PLR0917 - as above
    key: SigningKey, ticket: DownloadTicket, element: Element, part: str, now: datetime, until: datetime, issuer: str
) -> str:
    text = sign_ticket(key, ticket, now, until, issuer=issuer)
    return f"{element.url}{_path(ticket.document_id, ticket.document_version)}/{part}?ticket={text}"


def _path(document_id: str, version: int) -> str:
    return f"/documents/{document_id}/versions/{version}"


def _longest(ticket: UploadTicket) -> FieldError:
    said = ticket.description.model_dump(mode="json")
    fields: dict[str, object] = {"filename": ticket.filename, **said}
    name = max(fields, key=lambda name: len(str(fields[name]).encode()))
    return FieldError(f"/{name}", "is the longest part of the description: shorten it")
