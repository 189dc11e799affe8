"""What the double of the archive tells of its documents, as the gateway does."""

import uuid
from datetime import UTC, datetime
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
