"""Where sagas stand, in PostgreSQL: schema `saga`, created at the program's start."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import asyncpg

from infra.runtime.postgres import translated_errors
from schemas.envelope import Record
from schemas.topics import SAGA_EVENT
from stream_processors.store import Stored

# One number for all programs that create this schema: two that start at once would trip over each other.
SCHEMA_LOCK = 7_402_511

_INSERT = """
INSERT INTO saga.saga (saga_id, version, kind, status, step, state, cause_id, event, headers,
                       deadline_at, deadline_token, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (saga_id) DO NOTHING
RETURNING saga_id
"""
_UPDATE = """
UPDATE saga.saga
SET (version, kind, status, step, state, cause_id, event, headers, deadline_at, deadline_token, updated_at,
     deadline_fired_at) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULL)
WHERE saga_id = $1 AND version = $2::bigint - 1
RETURNING saga_id
"""
_FOLD = """
INSERT INTO saga.saga (saga_id, version, kind, status, step, state, cause_id, event, headers,
                       deadline_at, deadline_token, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (saga_id) DO UPDATE
SET (version, kind, status, step, state, cause_id, event, headers, deadline_at, deadline_token, updated_at,
     deadline_fired_at) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULL)
WHERE saga.version < excluded.version
"""
_FOLDED = (
    "INSERT INTO saga.position VALUES ($1, $2) ON CONFLICT (partition)"
    " DO UPDATE SET next_offset = greatest(saga.position.next_offset, excluded.next_offset)"
)
_DUE = """
UPDATE saga.saga SET deadline_fired_at = $1 WHERE saga_id IN (
    SELECT saga_id FROM saga.saga
    WHERE deadline_at <= $1 AND (deadline_fired_at IS NULL OR deadline_fired_at <= $1 - $2::interval)
    ORDER BY deadline_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING saga_id, event, headers
"""


class PostgresSagaStore:
    """The store on a pool. Concurrent processors are kept apart by the compare-and-swap alone."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def create_schema(self) -> None:
        """Make schema and tables where they are missing."""
        statements = files("stream_processors").joinpath("schema.sql").read_text(encoding="utf-8")
        async with translated_errors(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK)
            await connection.execute(statements)

    async def load(self, saga_ids: Collection[str]) -> dict[str, Stored]:
        """Return where the sagas stand."""
        query = "SELECT saga_id, event, headers FROM saga.saga WHERE saga_id = ANY($1::uuid[])"
        async with translated_errors():
            rows = await self._pool.fetch(query, list(saga_ids))
        return {str(row["saga_id"]): _read(row) for row in rows}

    async def swap(self, moved: Sequence[Stored]) -> frozenset[str]:
        """Put each in the place of its predecessor."""
        # Everybody locks rows in the same order, so that two processors with the same sagas never wait in a circle.
        ordered = sorted(moved, key=lambda stored: stored.saga_id)
        begun = [_row(stored) for stored in ordered if stored.version == 1]
        continued = [_row(stored) for stored in ordered if stored.version > 1]
        async with translated_errors(), self._pool.acquire() as connection, connection.transaction():
            won = await connection.fetchmany(_INSERT, begun) if begun else []
            won += await connection.fetchmany(_UPDATE, continued) if continued else []
        return frozenset(str(row["saga_id"]) for row in won)

    async def position(self, partition: int) -> int:
        """Return the next offset to fold."""
        async with translated_errors():
            found = await self._pool.fetchval("SELECT next_offset FROM saga.position WHERE partition = $1", partition)
        return int(found or 0)

    async def fold(self, partition: int, records: Sequence[Stored], next_offset: int) -> None:
        """Take in records of the saga topic."""
        async with translated_errors(), self._pool.acquire() as connection, connection.transaction():
            await connection.executemany(_FOLD, [_row(stored) for stored in records])
            await connection.execute(_FOLDED, partition, next_offset)

    async def due(self, now: datetime, again: timedelta, limit: int) -> list[Stored]:
        """Return sagas whose deadline has passed."""
        async with translated_errors():
            rows = await self._pool.fetch(_DUE, now, again, limit)
        found = [_read(row) for row in rows]
        return sorted(found, key=lambda stored: stored.event.deadline_at or now)

    async def open_sagas(self) -> int:
        """Return how many sagas have not ended."""
        query = "SELECT count(*) FROM saga.saga WHERE status NOT IN ('succeeded', 'failed')"
        async with translated_errors():
            return int(await self._pool.fetchval(query))


def _row(stored: Stored) -> tuple[Any, ...]:
    event = stored.event
    return (
        stored.saga_id,
        stored.version,
        event.kind,
        event.status,
        event.step,
        event.state,
        event.cause_id,
        stored.record.value,
        stored.record.headers,
        event.deadline_at,
        event.deadline_token,
        event.meta.occurred_at,
    )


def _read(row: Mapping[str, Any]) -> Stored:
    return Stored.read(Record(SAGA_EVENT, str(row["saga_id"]).encode(), row["event"], row["headers"]))
