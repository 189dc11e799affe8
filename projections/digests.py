"""What several sources say about the same things, as digests in the database: who differs, without all in memory."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg

Key = tuple[object, ...]

_MAKE = """
    CREATE TEMP TABLE IF NOT EXISTS said (
        source text NOT NULL, name text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL,
        rank bigint NOT NULL, place bigint NOT NULL, digest bytea NOT NULL
    );
    TRUNCATE said
"""
# Of what one source says about a thing the highest rank counts, of equal ranks the first, as when it is put in a view.
_DIFFERENT = """
    WITH kept AS (
        SELECT DISTINCT ON (name, key, source) name, key, digest FROM said
        ORDER BY name, key, source, rank DESC, place
    )
    SELECT name, key, count(*) OVER () AS whole FROM kept
    GROUP BY name, key HAVING count(*) < $1 OR count(DISTINCT digest) > 1
    ORDER BY name, key LIMIT $2
"""


class Digests:
    """Digests of one look at all sources, in a table that ends with the connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._place = 0

    async def begin(self) -> None:
        """Forget what was said before."""
        await self._connection.execute(_MAKE)

    async def say(self, source: str, name: str, rows: Iterable[tuple[Key, int, Mapping[str, Any]]]) -> None:
        """Note what `source` says in table `name`: keys, ranks and rows as JSON, in their order."""
        records = [(source, name, text_of(key), rank, digest_of(row)) for key, rank, row in rows]
        numbered = [(*about, self._place + number, digest) for number, (*about, digest) in enumerate(records)]
        self._place += len(records)
        await self._connection.copy_records_to_table("said", records=numbered)

    async def different(self, sources: int, limit: int) -> tuple[dict[str, set[Key]], int]:
        """Return at most `limit` keys, by table, of which not all sources tell the same, and how many there are."""
        found: dict[str, set[Key]] = {}
        records = await self._connection.fetch(_DIFFERENT, sources, limit)
        for record in records:
            found.setdefault(record["name"], set()).add(tuple(json.loads(record["key"])))
        return found, records[0]["whole"] if records else 0


def text_of(key: Key) -> str:
    """Return a key as text that can be read back."""
    return json.dumps(key, ensure_ascii=False)


def digest_of(row: Mapping[str, Any]) -> bytes:
    """Return what tells this row from any other, whatever the order of its columns."""
    text = json.dumps(row, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
