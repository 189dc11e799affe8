"""Rows of views: frozen values that a fold returns, what they are as JSON, and the one statement that puts them."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, ClassVar, Protocol

import asyncpg

ROWS_AT_ONCE = 1000


class Row(Protocol):
    """One row that a fold wants to see in its table; a frozen dataclass whose fields are the columns."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def key(self) -> tuple[object, ...]:
        """What the row is about: the values of the table's key."""
        ...

    @property
    def rank(self) -> int:
        """Of two rows about the same, the higher rank stays; of equal ranks, the first."""
        ...


@dataclass(frozen=True)
class Table:
    """A table of a view. `newer` is an SQL condition over `excluded` and `held`; None keeps the first row.

    `also` is an SQL assignment list that takes effect when a newer row replaces a held one.
    """

    name: str
    row: type[Row]
    key: tuple[str, ...]
    newer: str | None = None
    also: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a row fills, in the order of its fields."""
        return tuple(field.name for field in dataclasses.fields(self.row))

    def put_statement(self, schema: str) -> str:
        """Return the statement that takes a JSON array of rows and keeps, per key, the one that counts."""
        columns = ", ".join(self.columns)
        source = f"json_populate_recordset(NULL::{schema}.{self.name}, $1::json)"
        insert = f"INSERT INTO {schema}.{self.name} AS held ({columns}) SELECT {columns} FROM {source}"  # noqa: S608
        if self.newer is None:
            # Any unique column may stand in the way: a login, for one, belongs to the account that came first.
            return f"{insert} ON CONFLICT DO NOTHING"
        fresh = [f"{name} = excluded.{name}" for name in self.columns if name not in self.key]
        assignments = ", ".join([*fresh, *([self.also] if self.also else [])])
        return f"{insert} ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {assignments} WHERE {self.newer}"


async def put(connection: asyncpg.Connection, schema: str, table: Table, rows: Sequence[Row]) -> None:
    """Put rows of one table; of several rows about the same, only the one that counts is sent."""
    statement = table.put_statement(schema)
    for chunk in _chunks(kept(rows)):
        await connection.execute(statement, [row_as_json(row) for row in chunk])


def kept(rows: Iterable[Row]) -> list[Row]:
    """Return one row per key: the highest rank, of equal ranks the first, in order of first appearance."""
    best: dict[tuple[object, ...], Row] = {}
    for row in rows:
        about = (type(row), *row.key)
        held = best.get(about)
        if held is None or row.rank > held.rank:
            best[about] = row
    return list(best.values())


def row_as_json(row: Row) -> dict[str, Any]:
    """Return the row as PostgreSQL reads it from JSON, and as two rows are compared."""
    return {field.name: as_json(getattr(row, field.name)) for field in dataclasses.fields(row)}


def as_json(value: object) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Return `value` as JSON that PostgreSQL takes: times in UTC, bytes as hex, no NUL, no half of a surrogate pair."""
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode()
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        case bytes():
            return f"\\x{value.hex()}"
        case Mapping():
            return {as_json(str(name)): as_json(item) for name, item in value.items()}
        case tuple() | list():
            return [as_json(item) for item in value]
        case _:
            return value


def _chunks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, ROWS_AT_ONCE)):
        yield chunk
