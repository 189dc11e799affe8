"""What stands in the views of a stack, in a form in which two moments can be compared, and SQL against its database."""

import asyncio

import asyncpg

from projections.catalogue import VIEWS
from projections.log import ends
from schemas.topics import ELEMENT_STATUS
from tests.stacks import Stack, eventually

# What a text view knows of its own waiting is no part of what it says about a text.
WAITING = ("attempts", "requested_at", "next_attempt_at")
TABLES = (
    *("documents", "versions", "elements", "damages", "scrubs", "texts"),
    *("requests", "sagas", "accounts", "keys", "timeline"),
)


def execute(stack: Stack, query: str, *values: object) -> list[dict[str, object]]:
    """Run one statement; return its rows."""
    return asyncio.run(_execute(stack, query, *values))


def rows_of_views(stack: Stack) -> dict[str, list[str]]:
    """Return every column of every row, by table."""
    read = {name: execute(stack, f"SELECT * FROM views.{name}") for name in TABLES}  # noqa: S608 - names are ours
    return {name: sorted(repr(_said(row)) for row in rows) for name, rows in read.items()}


def await_caught_up(stack: Stack, seconds: float = 60) -> None:
    """Wait until the views hold all that stands in the log now, but for heartbeats, of which there is no end."""
    wanted = [(view.name, place) for view in VIEWS for place in view.partitions if place[0] != ELEMENT_STATUS]
    until = asyncio.run(ends(stack.settings.kafka, {place for _, place in wanted}))

    def caught_up() -> bool:
        rows = execute(stack, "SELECT view, topic, partition, next_offset::int AS held FROM views.position")
        held = {(row["view"], (row["topic"], row["partition"])): row["held"] for row in rows}
        return all(int(str(held[view, place])) >= until[place] for view, place in wanted)

    eventually(caught_up, seconds, "the views are behind the log")


def _said(row: dict[str, object]) -> dict[str, object]:
    return {column: value for column, value in row.items() if column not in WAITING}


async def _execute(stack: Stack, query: str, *values: object) -> list[dict[str, object]]:
    connection = await asyncpg.connect(stack.settings.postgres.required_dsn(), timeout=10)
    try:
        return [dict(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close(timeout=10)
