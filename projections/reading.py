"""What all questions to the views share: pages with cursors, and the errors of a database or a view that is away."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import asyncpg

from infra.runtime.postgres import translated_errors
from schemas.errors import InvalidCursor, ViewsBehind

LIVE = "views"

Item = TypeVar("Item")
Parser = Callable[[Any], Any]


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some items of a list, and the cursor of those that follow (None: these were the last)."""

    items: tuple[Item, ...]
    next_cursor: str | None


@contextlib.asynccontextmanager
async def reading() -> AsyncIterator[None]:
    """Turn errors of a question into ours: DatabaseUnavailable, or ViewsBehind while the views do not exist yet."""
    async with translated_errors():
        try:
            yield
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
            message = "The views do not exist yet: the projector makes them when it starts."
            raise ViewsBehind(message) from error
        except asyncpg.UndefinedColumnError as error:
            message = "The views have the shape of another release: run `artstore rebuild`."
            raise ViewsBehind(message) from error


def page_of(items: Sequence[Item], limit: int, kind: str, place: Callable[[Item], Sequence[object]]) -> Page[Item]:
    """Make a page of at most `limit` items out of one item more than that; `place` is where an item stands in order."""
    shown = tuple(items[:limit])
    more = len(items) > limit and bool(shown)
    return Page(shown, cursor_of(kind, place(shown[-1])) if more else None)


def cursor_of(kind: str, place: Sequence[object]) -> str:
    """Return the cursor after `place`, opaque to clients."""
    parts = [item.isoformat() if isinstance(item, datetime) else item for item in place]
    text = json.dumps([kind, *parts], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(kind: str, cursor: str | None, parsers: Sequence[Parser]) -> tuple[Any, ...]:
    """Return the place that a cursor of this kind of list holds, None for each part without one. InvalidCursor."""
    if cursor is None:
        return (None,) * len(parsers)
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        found_kind, *parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if found_kind != kind:
            raise InvalidCursor
        return tuple(parse(part) for parse, part in zip(parsers, parts, strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidCursor from error


def time_part(value: object) -> datetime:
    """Parse a time inside a cursor; ValueError when it is none, OverflowError when the calendar ends before it."""
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def text_part(value: object) -> str:
    """Parse a text inside a cursor; ValueError when it cannot stand in the database."""
    if not isinstance(value, str) or "\0" in value:
        message = "not a text"
        raise ValueError(message)
    return value.encode().decode()


def number_part(value: object) -> float:
    """Parse a number inside a cursor; ValueError when it is none, OverflowError when it is beyond all bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = "not a number"
        raise ValueError(message)  # noqa: TRY004 - the caller turns one kind of error into InvalidCursor
    return float(value)


def whole_part(value: object) -> int:
    """Parse a whole number inside a cursor; ValueError when it is none or has no place in the database."""
    number = number_part(value)
    if not number.is_integer() or abs(number) >= 2**53:
        message = "not a whole number"
        raise ValueError(message)
    return int(number)


def partition_part(value: object) -> int:
    """Parse the number of a partition inside a cursor, as `whole_part`; the database keeps it in four bytes."""
    number = whole_part(value)
    if abs(number) >= 2**31:
        message = "not the number of a partition"
        raise ValueError(message)
    return number


def storable(identifier: str) -> str:
    """Return an identifier from outside in a form that the database takes; what no row can have matches no row."""
    return identifier.replace("\0", "").encode("utf-8", "replace").decode()
