"""Body of an event of the log, decoded, for auditors."""

from datetime import datetime
from typing import Any

from schemas.api.body import Body


class ActorBody(Body):
    """Who acted."""

    subject: str
    login: str
    full_name: str
    client: str | None = None
    on_behalf_of: str | None = None


class EventBody(Body):
    """One item of `GET /api/v1/events`; `payload` holds the type's own fields, bytes as base64."""

    topic: str
    partition: int
    offset: int
    event_id: str
    type: str
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    occurred_at: datetime
    correlation_id: str
    causation_id: str | None
    actor: ActorBody
    payload: dict[str, Any]
