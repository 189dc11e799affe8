"""Filling tables by COPY: rows go into tables without keys, and what was said twice is settled before the keys come."""

from collections.abc import AsyncIterator, Sequence

import asyncpg

from projections.lines import lines_of
from projections.tables import Row, Table, kept, states
from projections.view import View

ROWS_AT_ONCE = 200


async def drop_keys(connection: asyncpg.Connection, schema: str, view: View) -> None:
    """Take the keys from the view's tables, so that they can be filled by COPY. Inside the caller's transaction."""
    for table in view.tables:
        await connection.execute(f"ALTER TABLE {schema}.{table.name} DROP CONSTRAINT {table.name}_pkey")


async def copy_rows(connection: asyncpg.Connection, schema: str, view: View, rows: Sequence[Row]) -> int:
    """Put rows into tables without keys. Nothing is watched here: gaps are looked for once all is there."""
    # What is lost with the database's last moments is begun again with all else; the swap waits for the disk.
    await connection.execute("SET LOCAL synchronous_commit TO off")
    for table, mine in view.by_table(rows):
        # Of the states that a view looks for gaps in, none may be missing.
        chosen = states(mine) if view.find else kept(mine)
        await connection.copy_to_table(table.name, schema_name=schema, columns=table.columns, source=_pieces(chosen))
    return 0


async def _pieces(rows: Sequence[Row]) -> AsyncIterator[bytes]:
    """Yield rows as lines, some at once: the database reads them while the next are written."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield lines_of(rows[start : start + ROWS_AT_ONCE])


async def make_keys(connection: asyncpg.Connection, schema: str, view: View) -> None:
    """Give the view's tables their keys back; where rows about the same stand in the way, the one that counts stays."""
    for table in view.tables:
        statement = f"ALTER TABLE {schema}.{table.name} ADD PRIMARY KEY ({', '.join(table.key)})"
        try:
            await connection.execute(statement)
        except asyncpg.UniqueViolationError:
            await _settle(connection, schema, table)
            await connection.execute(statement)


async def _settle(connection: asyncpg.Connection, schema: str, table: Table) -> None:
    """Keep, of rows about the same, the one that would have stayed had they been put one after the other.

    A partition is written in its order, one transaction after the other: of rows of equal rank the oldest came first.
    """
    newest = f"{table.rank} DESC, " if table.rank else ""
    await connection.execute(
        f"""
        DELETE FROM {schema}.{table.name} WHERE ctid = ANY(ARRAY(
            SELECT place FROM (
                SELECT ctid AS place, row_number() OVER (
                    PARTITION BY {", ".join(table.key)} ORDER BY {newest}age(xmin) DESC
                ) AS number
                FROM {schema}.{table.name}
            ) AS ranked
            WHERE number > 1
        ))
        """  # noqa: S608 - names are ours
    )
