"""The fold of `elements`: identity out of the sealed `element.json` (log or disk), and heartbeats."""

from datetime import datetime
from typing import NamedTuple

from projections.tables import Row
from schemas.elements import ElementIdentity
from schemas.envelope import Received
from schemas.events import ElementRegistered, ElementStatus


class ElementRow(NamedTuple):
    """An element as its identity says."""

    element_id: str
    name: str
    mode: str
    mode_epoch: int
    created_at: datetime
    changed_at: datetime

    @property
    def key(self) -> tuple[object, ...]:
        """The element."""
        return (self.element_id,)

    @property
    def rank(self) -> int:
        """The higher epoch wins."""
        return self.mode_epoch


class StatusRow(NamedTuple):
    """An element's heartbeat. Sizes in bytes; `outbox` counts events that wait for the log, `damaged` versions.

    The scrub's columns are those of `ScrubProgress`, None before the first pass.
    """

    element_id: str
    name: str
    mode: str
    mode_epoch: int
    url: str
    total_bytes: int
    used_bytes: int
    free_bytes: int
    outbox: int
    damaged: int
    scrub_pass: int | None
    scrub_share: float | None
    scrub_documents: int | None
    scrub_finished_at: datetime | None
    last_seen_at: datetime

    @property
    def key(self) -> tuple[object, ...]:
        """The element."""
        return (self.element_id,)

    @property
    def rank(self) -> int:
        """The later heartbeat wins."""
        return round(self.last_seen_at.timestamp() * 1_000_000)


def fold_received(received: Received) -> tuple[Row, ...]:
    """Return the row of an element's event or heartbeat. SealBroken when its sealed identity is not what was sealed."""
    message = received.message
    match message:
        case ElementRegistered():  # and a change of mode, which is one
            return (fold(message.identity),)
        case ElementStatus():
            return (_status(message),)
        case _:
            return ()


def fold(identity: bytes) -> ElementRow:
    """Return the row of the sealed bytes of an `element.json`. SealBroken unless seal and form are right."""
    found = ElementIdentity.from_sealed(identity)
    return ElementRow(
        element_id=found.element_id,
        name=found.name,
        mode=found.mode.value,
        mode_epoch=found.mode_epoch,
        created_at=found.created_at,
        changed_at=found.changed_at,
    )


def _status(message: ElementStatus) -> StatusRow:
    scrub = message.scrub
    return StatusRow(
        element_id=message.meta.aggregate_id,
        name=message.name,
        mode=message.mode.value,
        mode_epoch=message.mode_epoch,
        url=message.url,
        total_bytes=message.capacity.total,
        used_bytes=message.capacity.used,
        free_bytes=message.capacity.free,
        outbox=message.outbox,
        damaged=message.damaged,
        scrub_pass=scrub.pass_number if scrub else None,
        scrub_share=scrub.share if scrub else None,
        scrub_documents=scrub.documents if scrub else None,
        scrub_finished_at=scrub.finished_at if scrub else None,
        last_seen_at=message.meta.occurred_at,
    )
