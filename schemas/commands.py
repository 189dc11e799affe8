"""Commands: what a saga asks of one storage element. Their `aggregate_id` is the element's id."""

from typing import ClassVar

from schemas.envelope import Message
from schemas.identifiers import DocumentId, TicketId
from schemas.topics import ELEMENT_COMMAND


class ElementCommand(Message):
    """Anything that an agent may be asked."""

    topic: ClassVar[str] = ELEMENT_COMMAND
    aggregate: ClassVar[str] = "element"


class ExtractText(ElementCommand):
    """Extract the text of a committed document into `derived/`."""

    document_id: DocumentId
    document_version: int


class AbandonUpload(ElementCommand):
    """Give an upload up, unless it is committed or bytes are arriving; the agent's answer alone decides."""

    document_id: DocumentId
    document_version: int
    ticket_id: TicketId
