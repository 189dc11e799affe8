"""What a view is: a name, the topics it reads, a pure fold, and the tables that it fills."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from projections.tables import Row, Table, put
from schemas.envelope import Received
from schemas.topics import BY_NAME

Fold = Callable[[Received], tuple[Row, ...]]
Watch = Callable[[asyncpg.Connection, str, Sequence[Row]], Awaitable[int]]
Find = Callable[[asyncpg.Connection, str], Awaitable[int]]


@dataclass(frozen=True)
class View:
    """One view. `watch` looks at rows before they are put and returns how many gaps it saw; it changes nothing.

    `find` looks for the same gaps in tables that hold every state of a thing. The tables of a `large` view are filled
    by a rebuild before they have keys, so nothing but its key may be unique in them.
    """

    name: str
    topics: tuple[str, ...]
    fold: Fold
    tables: tuple[Table, ...]
    watch: Watch | None = None
    find: Find | None = None
    large: bool = False

    @property
    def partitions(self) -> tuple[tuple[str, int], ...]:
        """All (topic, partition) that the view reads."""
        return tuple((topic, number) for topic in self.topics for number in range(BY_NAME[topic].partitions))

    async def put(self, connection: asyncpg.Connection, schema: str, rows: Sequence[Row]) -> None:
        """Put rows of any of the view's tables."""
        for table, mine in self.by_table(rows):
            await put(connection, schema, table, mine)

    def by_table(self, rows: Sequence[Row]) -> list[tuple[Table, list[Row]]]:
        """Return the view's tables for which there are rows, with these."""
        mine: Mapping[type[Row], list[Row]] = {table.row: [] for table in self.tables}
        for row in rows:
            if type(row) in mine:
                mine[type(row)].append(row)
        return [(table, mine[table.row]) for table in self.tables if mine[table.row]]
