"""Replies: what an agent tells a saga. They stand in the saga inbox, after the fact that they announce."""

from schemas.identifiers import DocumentId, ElementId, TicketId
from schemas.requests import InboxMessage


class ContentCommitted(InboxMessage):
    """The document is durable at the element. Also the answer to `AbandonUpload` when it came too late."""

    document_id: DocumentId
    document_version: int
    element_id: ElementId
    ticket_id: TicketId
    attr_seq: int
    size: int
    sha256: str


class UploadRefused(InboxMessage):
    """The element refused the content by policy; nothing is kept. `problem` is the problem document's JSON text."""

    document_id: DocumentId
    ticket_id: TicketId
    code: str
    problem: str


class UploadInProgress(InboxMessage):
    """Answer to `AbandonUpload`: bytes are arriving, the upload goes on."""

    document_id: DocumentId
    ticket_id: TicketId
    received_bytes: int


class UploadAbandoned(InboxMessage):
    """Answer to `AbandonUpload`: durably given up; nothing is kept. `last_refusal`: the last refused PUT's problem."""

    document_id: DocumentId
    ticket_id: TicketId
    last_refusal: str | None = None


class TextFinished(InboxMessage):
    """Answer to `ExtractText`. `text_version` is that of the fact (0: no fact); `reason` says why there is no text."""

    document_id: DocumentId
    document_version: int
    text_version: int
    available: bool
    reason: str | None = None
