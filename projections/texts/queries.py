"""Statements of the view `texts`: what waits to be fetched, what was fetched, what is not to be had."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from infra.runtime.postgres import translated_errors
from projections.reading import LIVE, reading, storable
from projections.words import CONFIGURATION


@dataclass(frozen=True)
class Wanted:
    """A text to be fetched. `url` is its element's address (None: never heard of); `attempts` counts this one."""

    document_id: str
    version: int
    element_id: str
    text_version: int
    text_sha256: str
    attempts: int
    url: str | None


@dataclass(frozen=True)
class TextView:
    """What became of the text of one version of a document."""

    state: str
    reason: str | None
    characters: int
    truncated: bool


@dataclass(frozen=True)
class TextStore:
    """The table `texts` of one schema, as the fetcher uses it."""

    pool: asyncpg.Pool
    schema: str = LIVE

    async def claim(self, limit: int, resting: Sequence[str], lease: timedelta) -> tuple[Wanted, ...]:
        """Take texts that wait, not those of `resting` elements; for the length of `lease` they are nobody else's."""
        statement = f"""
            WITH due AS (
                SELECT document_id, version FROM {self.schema}.texts
                WHERE state <> 'ready' AND NOT final AND next_attempt_at <= now() AND element_id <> ALL($2::text[])
                ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED
            ), claimed AS (
                UPDATE {self.schema}.texts AS t SET attempts = t.attempts + 1, next_attempt_at = now() + $3::interval
                FROM due WHERE t.document_id = due.document_id AND t.version = due.version
                RETURNING t.document_id, t.version, t.element_id, t.text_version, t.text_sha256, t.attempts
            )
            SELECT claimed.*, s.url FROM claimed LEFT JOIN {self.schema}.element_status AS s USING (element_id)
        """
        async with translated_errors():
            return tuple(Wanted(**row) for row in await self.pool.fetch(statement, limit, list(resting), lease))

    async def store(self, wanted: Wanted, content: str, words: str) -> bool:
        """Keep the text and its words; False when the row is about a later extraction by now.

        `asyncpg.ProgramLimitExceededError` when there are more words than one row can index.
        """
        statement = f"""
            UPDATE {self.schema}.texts
            SET content = $4, search = to_tsvector($6::text::regconfig, $5), state = 'ready', reason = NULL
            WHERE document_id = $1 AND version = $2 AND text_version = $3
        """
        key = (wanted.document_id, wanted.version, wanted.text_version)
        async with translated_errors():
            done: str = await self.pool.execute(statement, *key, content, words, CONFIGURATION)
        return done == "UPDATE 1"

    async def postpone(self, wanted: Wanted, pause: timedelta, reason: str) -> None:
        """Try this text again after `pause`, and keep why it did not come."""
        statement = f"""
            UPDATE {self.schema}.texts SET next_attempt_at = now() + $4::interval, reason = $5
            WHERE document_id = $1 AND version = $2 AND text_version = $3 AND state <> 'ready'
        """
        key = (wanted.document_id, wanted.version, wanted.text_version)
        async with translated_errors():
            await self.pool.execute(statement, *key, pause, storable(reason))

    async def give_up(self, silence: timedelta) -> int:
        """Say of texts that did not come for `silence` that they are unavailable for now; return how many."""
        statement = f"""
            UPDATE {self.schema}.texts
            SET state = 'unavailable', reason = COALESCE(reason, 'the element did not answer')
            WHERE state = 'pending' AND requested_at < now() - $1::interval
        """
        async with translated_errors():
            done: str = await self.pool.execute(statement, silence)
        return int(done.rsplit(maxsplit=1)[-1])

    async def waiting(self) -> int:
        """Return how many texts were never fetched and are still waited for."""
        statement = f"SELECT count(*) FROM {self.schema}.texts WHERE state <> 'ready' AND NOT final"
        async with translated_errors():
            count: int = await self.pool.fetchval(statement)
        return count


async def text_state(pool: asyncpg.Pool, document_id: str, version: int) -> TextView | None:
    """Return what became of a text, None when the view does not know it. DatabaseUnavailable, ViewsBehind."""
    statement = f"""
        SELECT state, reason, characters, truncated FROM {LIVE}.texts WHERE document_id = $1 AND version = $2
    """
    async with reading():
        record = await pool.fetchrow(statement, storable(document_id), version)
    return None if record is None else TextView(**record)
