"""What the double of the archive tells of its documents, as the gateway does."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.unit.cli.archive_double import Stored, World

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def shown(stored: "Stored", world: "World") -> dict[str, Any]:
    """What the gateway tells of a document."""
    body = stored.body
    return {
        "document_id": stored.document_id,
        "version": 1,
        "filename": body.filename,
        "title": body.title or body.filename,
        "size": body.size,
        "media_type": body.media_type or "application/octet-stream",
        "sha256": body.sha256,
        "document_class": body.document_class or "",
        "tags": list(body.tags),
        "custom": body.custom,
        "element_id": str(uuid.UUID(int=1)),
        "mode": "edit",
        "retention": {"class": body.retention_class, "until": None},
        "created_at": NOW.isoformat(),
        "created_by": {"subject": str(uuid.UUID(int=2)), "login": "admin", "full_name": "Administrator"},
        "updated_at": NOW.isoformat(),
        "attr_seq": 1,
        "integrity": _integrity(stored, world),
    }


def _integrity(stored: "Stored", world: "World") -> dict[str, Any]:
    if stored.body.filename not in world.damaged:
        return {"state": "whole"}
    return {"state": "damaged", **damage(stored)}


def damage(stored: "Stored") -> dict[str, Any]:
    """What is wrong with one that is damaged."""
    names = [f"{stored.document_id}.v1.{stored.body.filename}"]
    found = {"part": "body", "reason": "digest", "found_by": "scrub", "found_at": NOW.isoformat()}
    return {**found, "quarantined": names}


def trail(stored: "Stored") -> list[dict[str, Any]]:
    """Return the events of a document that is committed."""
    first, second = (str(uuid.uuid5(uuid.UUID(stored.operation_id), name)) for name in ("begun", "committed"))
    return [
        _event(stored, first, "SagaAdvanced", "saga", stored.operation_id, None),
        _event(stored, second, "DocumentCommitted", "document", stored.document_id, first),
    ]


def _event(  # noqa: PLR0913, PLR0917 - an event has that many parts
    stored: "Stored", event_id: str, kind: str, noun: str, aggregate_id: str, cause: str | None
) -> dict[str, Any]:
    return {
        "topic": f"artstore.{noun}.event.v1",
        "partition": 0,
        "offset": 1,
        "event_id": event_id,
        "type": kind,
        "aggregate_type": noun,
        "aggregate_id": aggregate_id,
        "aggregate_version": 1,
        "occurred_at": (NOW + timedelta(seconds=0 if cause is None else 1)).isoformat(),
        "correlation_id": stored.operation_id,
        "causation_id": cause,
        "actor": {"subject": str(uuid.UUID(int=2)), "login": "admin", "full_name": "Administrator"},
        "payload": {},
    }
