"""Rows of views: frozen values that a fold returns, what they are as JSON, and the one statement that puts them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, Protocol

import asyncpg
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from infra.runtime.postgres import JsonText

ROWS_AT_ONCE = 1000


class Row(Protocol):
    """One row that a fold wants to see in its table; a named tuple whose fields are the columns."""

    def __iter__(self) -> Iterator[Any]:
        """Return the values of the columns, in their order."""
        ...

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
    """A table of a view. `rank` is the column in which, of two rows about the same, the one that stays is higher.

    None keeps the first row. `also` is an SQL assignment list that takes effect when a newer row replaces a held one.
    """

    name: str
    row: type[Row]
    key: tuple[str, ...]
    rank: str | None = None
    also: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a row fills, in the order of its fields."""
        return columns_of(self.row)

    def put_statement(self, schema: str) -> str:
        """Return the statement that takes a JSON array of rows and keeps, per key, the one that counts."""
        columns = ", ".join(self.columns)
        source = f"json_populate_recordset(NULL::{schema}.{self.name}, $1::json)"
        insert = f"INSERT INTO {schema}.{self.name} AS held ({columns}) SELECT {columns} FROM {source}"  # noqa: S608
        if self.rank is None:
            # Any unique column may stand in the way: a login, for one, belongs to the account that came first.
            return f"{insert} ON CONFLICT DO NOTHING"
        fresh = [f"{name} = excluded.{name}" for name in self.columns if name not in self.key]
        assignments = ", ".join([*fresh, *([self.also] if self.also else [])])
        newer = f"excluded.{self.rank} > held.{self.rank}"
        return f"{insert} ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {assignments} WHERE {newer}"


async def put(connection: asyncpg.Connection, schema: str, table: Table, rows: Sequence[Row]) -> None:
    """Put rows of one table; of several rows about the same, only the one that counts is sent."""
    statement = table.put_statement(schema)
    for chunk in _chunks(kept(rows)):
        await connection.execute(statement, JsonText(json_bytes([_row_to_json(row) for row in chunk])))


def kept(rows: Iterable[Row]) -> list[Row]:
    """Return one row per key: the highest rank, of equal ranks the first, in order of first appearance."""
    best: dict[tuple[object, ...], Row] = {}
    for row in rows:
        about = (type(row), *row.key)
        held = best.get(about)
        if held is None or row.rank > held.rank:
            best[about] = row
    return list(best.values())


@cache
def columns_of(kind: type[Row]) -> tuple[str, ...]:
    """Return the names of the columns that rows of this kind fill, in the order of their fields."""
    return tuple(kind.__annotations__)


def states(rows: Iterable[Row]) -> list[Row]:
    """Return one row per key and rank, the first, in order of first appearance: what was ever said, each once."""
    return list({(type(row), *row.key, row.rank): row for row in reversed(list(rows))}.values())[::-1]


def row_as_json(row: Row) -> dict[str, Any]:
    """Return the row as PostgreSQL reads it from JSON, and as two rows are compared."""
    return {name: as_json(value) for name, value in zip(columns_of(type(row)), row, strict=True)}


def as_json(value: object) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Return `value` as JSON that PostgreSQL takes: times in UTC, bytes as hex, no NUL, no half of a surrogate pair."""
    # Nearly every value is of exactly one of these types; asking so is far cheaper than the patterns below.
    kind = type(value)
    if kind is str:
        return as_text(value)  # type: ignore[arg-type]
    if kind is int or value is None or kind is bool:
        return value
    if kind is dict:
        return {as_text(str(name)): as_json(item) for name, item in value.items()}  # type: ignore[attr-defined]
    if isinstance(value, BaseModel):
        return as_json(value.model_dump(mode="json"))
    return as_json(json.loads(value)) if isinstance(value, JsonText) else _seldom_as_json(value)


def json_bytes(value: object) -> bytes:
    """Return what `as_json` makes of `value`, encoded; `value` is JSON but for text that PostgreSQL does not take."""
    try:
        encoded = to_json(value)
    except PydanticSerializationError:  # half of a surrogate pair, or no JSON at all
        encoded = _NUL
    # That there is a NUL can only be seen from what might be its escape.
    if _NUL in encoded:
        encoded = json.dumps(as_json(value), ensure_ascii=False).encode()
    return encoded


def _row_to_json(row: Row) -> dict[str, Any]:
    values = zip(columns_of(type(row)), row, strict=True)
    return {name: as_json(value) if isinstance(value, _NOT_JSON) else value for name, value in values}


def as_text(text: str) -> str:
    """Return `text` without what PostgreSQL does not take: NUL, and halves of surrogate pairs."""
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _seldom_as_json(value: object) -> Any:  # noqa: ANN401 - JSON is any of its types
    match value:
        case str():
            return as_text(value)
        case datetime():
            return as_moment(value).isoformat()
        case bytes():
            return f"\\x{value.hex()}"
        case Mapping():
            return {as_json(str(name)): as_json(item) for name, item in value.items()}
        case tuple() | list():
            return [as_json(item) for item in value]
        case _:
            return value


def as_moment(time: datetime) -> datetime:
    """Return the time in UTC; one without a zone is taken for that."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


_NUL = rb"\u0000"
_NOT_JSON = (datetime, bytes)


def _chunks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, ROWS_AT_ONCE)):
        yield chunk
