"""The fold of `timeline`: one row for every event, wherever it stands in the log."""

from datetime import datetime
from typing import Any, NamedTuple

from infra.runtime.postgres import JsonText
from projections.opened import opened
from projections.tables import Row, json_bytes
from projections.timeline.payload import payload_of
from schemas.envelope import Actor, Message, Received
from schemas.errors import SealBroken
from schemas.events import DocumentCommitted
from schemas.topics import DOCUMENT_EVENT


class EventRow(NamedTuple):
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
    actor: Actor
    payload: dict[str, Any] | JsonText
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
        actor=message.meta.actor,
        payload=_payload(message),
        document_id=_document_of(message),
    )
    return (row,)


def _payload(message: Message) -> dict[str, Any] | JsonText:
    """Return what the message says; attributes whose seal holds are JSON already and stand in it as they are."""
    if isinstance(message, DocumentCommitted) and _is_sealed(message.attr):
        return JsonText(b'%b,"attr":%b}' % (json_bytes(payload_of(message, but="attr"))[:-1], message.attr))
    return payload_of(message)


def _is_sealed(attr: bytes) -> bool:
    # What PostgreSQL does not take would stand there as an escape.
    if b"\\u" in attr:
        return False
    try:
        opened(attr)
    except SealBroken:
        return False
    return True


def _document_of(message: Message) -> str | None:
    if message.topic == DOCUMENT_EVENT:
        return message.meta.aggregate_id
    found: str | None = getattr(message, "document_id", None)
    return found
