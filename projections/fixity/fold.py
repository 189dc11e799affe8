"""The fold of `fixity`: of all that was told about a version the newest counts, in whatever order it comes."""

from datetime import datetime
from typing import NamedTuple

from projections.tables import Row
from schemas.envelope import Received
from schemas.events import DocumentDamaged, DocumentMended, ElementScrubbed

DAMAGED, MENDED = "damaged", "mended"


class DamageRow(NamedTuple):
    """What is known of a version's fixity, since `found_at`. `part` and `reason` are None for one that is mended.

    `quarantined`: names in the element's `quarantine/` that belong to the version.
    """

    document_id: str
    version: int
    number: int
    element_id: str
    state: str
    part: str | None
    reason: str | None
    found_by: str
    found_at: datetime
    quarantined: tuple[str, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """The version."""
        return (self.document_id, self.version)

    @property
    def rank(self) -> int:
        """The later fact wins."""
        return self.number


class ScrubRow(NamedTuple):
    """A whole pass of an element, which read so many `bytes`; `damaged` versions were so at its end."""

    element_id: str
    pass_number: int
    started_at: datetime
    finished_at: datetime
    documents: int
    bytes: int
    damaged: int

    @property
    def key(self) -> tuple[object, ...]:
        """The element."""
        return (self.element_id,)

    @property
    def rank(self) -> int:
        """The later pass wins: on an element whose journal was lost their numbers begin anew."""
        return round(self.finished_at.timestamp() * 1_000_000)


def fold(received: Received) -> tuple[Row, ...]:
    """Return the row of a fact of fixity; none for other records."""
    message = received.message
    match message:
        case DocumentDamaged(part=part, reason=reason, quarantined=quarantined):
            return (_damage(message, DAMAGED, part.value, reason.value, quarantined),)
        case DocumentMended():
            return (_damage(message, MENDED, None, None, ()),)
        case ElementScrubbed():
            return (_scrubbed(message),)
        case _:
            return ()


def _damage(
    message: DocumentDamaged | DocumentMended,
    state: str,
    part: str | None,
    reason: str | None,
    quarantined: tuple[str, ...],
) -> DamageRow:
    return DamageRow(
        document_id=message.meta.aggregate_id,
        version=message.document_version,
        number=message.meta.aggregate_version,
        element_id=message.element_id,
        state=state,
        part=part,
        reason=reason,
        found_by=message.found_by.value,
        found_at=message.meta.occurred_at,
        quarantined=quarantined,
    )


def _scrubbed(message: ElementScrubbed) -> ScrubRow:
    return ScrubRow(
        element_id=message.meta.aggregate_id,
        pass_number=message.meta.aggregate_version,
        started_at=message.started_at,
        finished_at=message.finished_at,
        documents=message.documents,
        bytes=message.bytes,
        damaged=message.damaged,
    )
