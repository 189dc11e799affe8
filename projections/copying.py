"""Filling tables by COPY: rows go into tables without keys, and what was said twice is settled before the keys come."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import asyncpg

from projections.tables import Row, Table, as_moment, as_text, columns_of, json_text, kept, states
from projections.view import View


async def drop_keys(connection: asyncpg.Connection, schema: str, view: View) -> None:
    """Take the keys from the view's tables, so that they can be filled by COPY. Inside the caller's transaction."""
    for table in view.tables:
        await connection.execute(f"ALTER TABLE {schema}.{table.name} DROP CONSTRAINT {table.name}_pkey")


async def copy_rows(connection: asyncpg.Connection, schema: str, view: View, rows: Sequence[Row]) -> int:
    """Put rows into tables without keys. Nothing is watched here: gaps are looked for once all is there."""
    for table, mine in view.by_table(rows):
        # Of the states that a view looks for gaps in, none may be missing.
        chosen = states(mine) if view.find else kept(mine)
        await connection.copy_records_to_table(
            table.name, schema_name=schema, columns=table.columns, records=_records(table, chosen)
        )
    return 0


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


def _records(table: Table, rows: Iterable[Row]) -> Iterable[tuple[Any, ...]]:
    values = attrgetter(*columns_of(table.row))
    return (tuple([_TAKEN.get(type(value), json_text)(value) for value in values(row)]) for row in rows)


def _as_it_is(value: object) -> object:
    return value


# What the driver takes for a column of each type; all else stands in a column of JSON.
_TAKEN: Mapping[type, Callable[[Any], Any]] = MappingProxyType(
    {
        type(None): _as_it_is,
        bool: _as_it_is,
        int: _as_it_is,
        bytes: _as_it_is,
        str: as_text,
        datetime: as_moment,
    }
)
