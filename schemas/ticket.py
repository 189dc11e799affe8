"""The ticket: all that an agent must know to take, or give, one document; signed by the gateway, verified locally."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from schemas.envelope import Actor
from schemas.identifiers import DocumentId, ElementId, SagaId, TicketId
from schemas.requests import Description


class TicketUse(StrEnum):
    """What a ticket is for; one for the other is refused."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    LINK = "link"


class UploadTicket(BaseModel):
    """Claims of an upload ticket (JWS `typ` artstore-ticket+jwt, `aud` = element id, `jti` = ticket id)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use: TicketUse = TicketUse.UPLOAD
    ticket_id: TicketId
    operation_id: SagaId
    document_id: DocumentId
    document_version: int
    element_id: ElementId
    mode_epoch: int
    filename: str
    size: int
    media_type: str | None = None
    sha256: str | None = None
    description: Description
    retention_class: str
    actor: Actor
    requested_at: datetime
    deadline_at: datetime
    deadline_at_max: datetime
    traceparent: str | None = None


class DownloadTicket(BaseModel):
    """Claims of a download ticket: one version of one document, for a short while.

    One for the use `link` is for whoever has it, lives longer, and opens the content alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use: TicketUse = TicketUse.DOWNLOAD
    ticket_id: TicketId
    document_id: DocumentId
    document_version: int
    element_id: ElementId
    subject: str
