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
    connection: asyncpg.Connection, schema: str, view: str, partition: Partition, offsets: tuple[int, int]
) -> bool:
    """Move a view from the first of `offsets` to the second; False, and nothing moved, when it stands elsewhere.

    The transaction need not wait for the disk: rows and position are lost together, and read again.
    """
    statement = f"""
        UPDATE {schema}.position SET next_offset = $5
        WHERE view = $1 AND topic = $2 AND partition = $3 AND next_offset = $4
        RETURNING set_config('synchronous_commit', 'off', true)
    """  # noqa: S608 - schema names are ours
    return await connection.fetchval(statement, view, *partition, *offsets) is not None


async def place(connection: asyncpg.Connection, schema: str, view: str, offsets: Mapping[Partition, int]) -> None:
    """Say where a view that was filled by other means goes on in the log."""
    statement = f"UPDATE {schema}.position SET next_offset = $4 WHERE view = $1 AND topic = $2 AND partition = $3"  # noqa: S608
    await connection.executemany(statement, [(view, *partition, offset) for partition, offset in offsets.items()])
