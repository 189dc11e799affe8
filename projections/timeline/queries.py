"""Questions to the view `timeline`: the trail of a document or of an operation, in the order of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from projections.reading import (
    LIVE,
    Page,
    page_of,
    partition_part,
    place_of,
    reading,
    storable,
    text_part,
    time_part,
    whole_part,
)

# The log may hold an event twice (its writer was not sure that it arrived): it is shown once, at its first place.
_EVENTS = f"""
    SELECT topic, partition, log_offset, event_id, type, aggregate_type, aggregate_id, aggregate_version,
        occurred_at, correlation_id, causation_id, actor, payload
    FROM {LIVE}.timeline AS t
    WHERE ($1::text IS NULL OR document_id = $1)
        AND ($2::text IS NULL OR correlation_id = $2)
        AND ($3::timestamptz IS NULL OR (occurred_at, event_id, topic, partition, log_offset) > ($3, $4, $5, $6, $7))
        AND NOT EXISTS (
            SELECT FROM {LIVE}.timeline AS earlier
            WHERE earlier.event_id = t.event_id AND earlier.type = t.type AND earlier.aggregate_id = t.aggregate_id
                AND earlier.aggregate_version = t.aggregate_version
                AND (earlier.topic, earlier.partition, earlier.log_offset) < (t.topic, t.partition, t.log_offset)
        )
    ORDER BY occurred_at, event_id, topic, partition, log_offset LIMIT $8
"""
_PLACE = (time_part, text_part, text_part, partition_part, whole_part)


@dataclass(frozen=True)
class EventView:
    """An event, decoded, with its first place in the log."""

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
    actor: Mapping[str, Any]
    payload: Mapping[str, Any]


async def events(
    pool: asyncpg.Pool,
    limit: int,
    cursor: str | None = None,
    *,
    document_id: str | None = None,
    correlation_id: str | None = None,
) -> Page[EventView]:
    """Return events by (occurred_at, event_id), of one document or operation when named.

    InvalidCursor, DatabaseUnavailable, ViewsBehind.
    """
    place = place_of("events", cursor, _PLACE)
    wanted = [None if name is None else storable(name) for name in (document_id, correlation_id)]
    async with reading():
        records = await pool.fetch(_EVENTS, *wanted, *place, limit + 1)
    return page_of([EventView(**record) for record in records], limit, "events", _place)


def _place(event: EventView) -> tuple[object, ...]:
    return (event.occurred_at, event.event_id, event.topic, event.partition, event.log_offset)
