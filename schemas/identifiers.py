"""Distinct identifier types, and the only ways to make one: UUIDv7 for new facts, uuid5 for derived ones."""

from datetime import UTC, datetime
from typing import NewType
from uuid import UUID, uuid5

from uuid_utils import uuid7

EventId = NewType("EventId", str)
SagaId = NewType("SagaId", str)
DocumentId = NewType("DocumentId", str)
ElementId = NewType("ElementId", str)
AccountId = NewType("AccountId", str)
KeyId = NewType("KeyId", str)
TicketId = NewType("TicketId", str)

NAMESPACE = UUID("6c1b4f0e-3f0b-5d52-9a53-0a5b1f7c2e11")


def new_id(at: datetime) -> str:
    """Return a UUIDv7 (RFC 9562) whose millisecond clock is `at`; lowercase text."""
    return str(uuid7(nanoseconds=round(at.timestamp() * 1_000_000) * 1_000))


def derive(cause: str, role: str, n: int = 0) -> str:
    """Return the uuid5 of the `n`-th effect that `cause` has in `role`: the same cause always names the same effect."""
    return str(uuid5(NAMESPACE, f"{cause}/{role}/{n}"))


def time_of(identifier: str) -> datetime:
    """Return the UTC time inside a UUIDv7, to the millisecond; ValueError for any other uuid."""
    value = UUID(identifier)
    if value.version != 7:  # noqa: PLR2004 - the version number is the RFC's own word
        msg = f"{identifier} is not a UUIDv7"
        raise ValueError(msg)
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def is_uuid(text: str) -> bool:
    """Tell whether `text` is a uuid in its one accepted form: 36 characters, lowercase."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
