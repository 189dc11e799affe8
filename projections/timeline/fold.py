"""The fold of `timeline`: one row for every event, wherever it stands in the log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.tables import Row
from projections.timeline.payload import payload_of
from schemas.envelope import Message, Received
from schemas.topics import DOCUMENT_EVENT


@dataclass(frozen=True)
class EventRow:
    """An event and its place in the log."""

    topic: str
    partition: int
    log_offset: int
    event_id: str
    type: str
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    occurred_at: datetime
    correlation_id: str
    causation_id: str | None
    actor: dict[str, Any]
    payload: dict[str, Any]
    document_id: str | None

    @property
    def key(self) -> tuple[object, ...]:
        """The place in the log."""
        return (self.topic, self.partition, self.log_offset)

    @property
    def rank(self) -> int:
        """A place in the log never changes."""
        return 0


def fold(received: Received) -> tuple[Row, ...]:
    """Return the row of the event."""
    message, position = received.message, received.position
    row = EventRow(
        topic=position.topic,
        partition=position.partition,
        log_offset=position.offset,
        event_id=message.meta.event_id,
        type=message.meta.type,
        aggregate_type=message.meta.aggregate_type,
        aggregate_id=message.meta.aggregate_id,
        aggregate_version=message.meta.aggregate_version,
        occurred_at=message.meta.occurred_at,
        correlation_id=message.meta.correlation_id,
        causation_id=message.meta.causation_id,
        actor=message.meta.actor.model_dump(mode="json"),
        payload=payload_of(message),
        document_id=_document_of(message),
    )
    return (row,)


def _document_of(message: Message) -> str | None:
    if message.topic == DOCUMENT_EVENT:
        return message.meta.aggregate_id
    found: str | None = getattr(message, "document_id", None)
    return found
