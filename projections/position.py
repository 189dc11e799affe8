"""How far a view has read: kept beside its rows, moved only by who knows where it stood."""

from collections.abc import Mapping

import asyncpg

from infra.runtime.postgres import translated_errors

Partition = tuple[str, int]


async def positions(pool: asyncpg.Pool, schema: str, view: str) -> dict[Partition, int]:
    """Return the next offset per (topic, partition) of a view. DatabaseUnavailable."""
    statement = f"SELECT topic, partition, next_offset FROM {schema}.position WHERE view = $1"  # noqa: S608
    async with translated_errors():
        return {(row["topic"], row["partition"]): row["next_offset"] for row in await pool.fetch(statement, view)}


async def advance(
    connection: asyncpg.Connection, schema: str, view: str, moves: Mapping[Partition, tuple[int, int]]
) -> bool:
    """Move a view in each partition from one offset to another; False, and nothing moved, when it stands elsewhere.

    The transaction need not wait for the disk: rows and position are lost together, and read again. All who write a
    view lock its positions in one order, so that none of them waits for another that waits for it.
    """
    statement = f"""
        WITH wanted (topic, partition, first, next) AS (
            SELECT * FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[])
        ), held AS (
            SELECT topic, partition, wanted.next
            FROM {schema}.position JOIN wanted USING (topic, partition)
            WHERE view = $1 AND next_offset = wanted.first
            ORDER BY topic, partition FOR UPDATE OF position
        )
        UPDATE {schema}.position AS position SET next_offset = held.next FROM held
        WHERE position.view = $1 AND position.topic = held.topic AND position.partition = held.partition
            AND (SELECT count(*) FROM held) = $6
        RETURNING set_config('synchronous_commit', 'off', true)
    """  # noqa: S608 - schema names are ours
    columns = zip(*((topic, number, first, next_) for (topic, number), (first, next_) in moves.items()), strict=True)
    return bool(await connection.fetch(statement, view, *map(list, columns), len(moves)))


async def place(connection: asyncpg.Connection, schema: str, view: str, offsets: Mapping[Partition, int]) -> None:
    """Say where a view that was filled by other means goes on in the log."""
    statement = f"UPDATE {schema}.position SET next_offset = $4 WHERE view = $1 AND topic = $2 AND partition = $3"  # noqa: S608
    await connection.executemany(statement, [(view, *partition, offset) for partition, offset in offsets.items()])
