"""Announcing an upload: the request that begins an upload's saga, and the verb that puts it into the inbox."""

import hashlib
from datetime import datetime, timedelta

from producers.publisher import Publisher
from schemas.envelope import Actor, Position
from schemas.identifiers import DocumentId, ElementId, SagaId, TicketId, new_id
from schemas.registry import encode
from schemas.requests import Description, UploadRequested
from schemas.retention import PERMANENT
from schemas.sealing import canonical

DEADLINE = timedelta(hours=24)
DEADLINE_MAX = timedelta(hours=48)


async def request_upload(publisher: Publisher, request: UploadRequested, traceparent: str | None = None) -> Position:
    """Put `request` into the saga inbox and return where it stands; LogUnavailable when it is not acknowledged."""
    return await publisher.publish(encode(request, traceparent))


def upload_request(  # noqa: PLR0913 - an upload has this many facts, all by name
    *,
    filename: str,
    size: int,
    element_id: str,
    actor: Actor,
    now: datetime,
    source: str,
    deadline: timedelta = DEADLINE,
    deadline_max: timedelta = DEADLINE_MAX,
    media_type: str | None = None,
    sha256: str | None = None,
    description: Description | None = None,
    retention_class: str = PERMANENT,
    operation_id: str | None = None,
    document_id: str | None = None,
    request_sha256: str | None = None,
) -> UploadRequested:
    """Build the request of one upload, with fresh ids for what is not given.

    The event's id is the operation's, so that a request repeated under the same idempotency key is recognised.
    `request_sha256` is the digest of the HTTP body behind it; without one, of what is asked for here (ValueError for a
    custom number that has no exact form).
    """
    operation = operation_id or new_id(now)
    request = UploadRequested(
        meta=UploadRequested.meta_for(
            event_id=operation,
            aggregate_id=operation,
            occurred_at=now,
            correlation_id=SagaId(operation),
            actor=actor,
            source=source,
        ),
        document_id=DocumentId(document_id or new_id(now)),
        document_version=1,
        element_id=ElementId(element_id),
        ticket_id=TicketId(new_id(now)),
        filename=filename,
        size=size,
        media_type=media_type,
        sha256=sha256,
        description=description or Description(),
        retention_class=retention_class,
        deadline_at=now + min(deadline, deadline_max),
        deadline_at_max=now + deadline_max,
        deadline_seconds=max(1, round(deadline.total_seconds())),
        request_sha256=request_sha256 or "",
    )
    return request if request_sha256 else request.model_copy(update={"request_sha256": _digest_of(request)})


def _digest_of(request: UploadRequested) -> str:
    """Digest what tells one request from another; ids and times do not."""
    said = {"filename", "size", "sha256", "media_type", "retention_class", "description"}
    asked = request.model_dump(mode="json", include=said)
    return hashlib.sha256(canonical(asked)).hexdigest()
