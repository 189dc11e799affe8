"""May this ticket still bring its document? The checks at admission, which the commit repeats under its lock."""

from datetime import datetime

from schemas.elements import ElementIdentity
from schemas.errors import (
    DigestMismatch,
    InvalidTicket,
    Malformed,
    SizeMismatch,
    StaleEpoch,
    TypeRefused,
    UploadAbandonedError,
)
from schemas.retention import RETENTION_CLASSES
from schemas.ticket import UploadTicket
from storage_agent.layout import directory_of
from storage_agent.ledger import AbandonedAnswer, Answer, RefusedAnswer
from storage_agent.modes import Verb, require


def require_addressed(ticket: UploadTicket, identity: ElementIdentity) -> None:
    """Raise unless the ticket is for this element and names a document that can lie here."""
    if ticket.element_id != identity.element_id:
        raise InvalidTicket("The ticket is for another storage element.")
    directory_of(ticket.document_id)
    if ticket.retention_class not in RETENTION_CLASSES:
        raise Malformed("The ticket names a retention class that is not known here.")
    if ticket.document_version != 1:
        raise Malformed("An upload brings version 1 of a new document; later versions are not taken here.")


def require_unspent(answer: Answer | None) -> None:
    """Raise the stored refusal of a ticket that was refused by policy or abandoned."""
    if isinstance(answer, RefusedAnswer):
        raise TypeRefused(answer.detail)
    if isinstance(answer, AbandonedAnswer):
        raise UploadAbandonedError


def require_current(ticket: UploadTicket, identity: ElementIdentity, now: datetime) -> None:
    """Raise ModeForbids, StaleEpoch, or UploadAbandonedError past the time that no renewal can move."""
    require(identity.mode, Verb.UPLOAD)
    if ticket.mode_epoch != identity.mode_epoch:
        raise StaleEpoch
    if ticket.deadline_at_max <= now:
        raise UploadAbandonedError


def require_promised(ticket: UploadTicket, size: int, sha256: str) -> None:
    """Raise unless the bytes are as many as announced, and those announced when a digest was."""
    if size != ticket.size:
        msg = f"{size} bytes arrived, {ticket.size} were announced. Nothing is kept; send them again."
        raise SizeMismatch(msg)
    if ticket.sha256 is not None and sha256 != ticket.sha256:
        raise DigestMismatch
