"""What a view is: a name, the topics it reads, a pure fold, and the tables that it fills."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from projections.tables import Row, Table, put
from schemas.envelope import Received
from schemas.topics import BY_NAME

Fold = Callable[[Received], tuple[Row, ...]]
Watch = Callable[[asyncpg.Connection, str, Sequence[Row]], Awaitable[int]]


@dataclass(frozen=True)
class View:
    """One view. `watch` looks at rows before they are put and returns how many gaps it saw; it changes nothing."""

    name: str
    topics: tuple[str, ...]
    fold: Fold
    tables: tuple[Table, ...]
    watch: Watch | None = None

    @property
    def partitions(self) -> tuple[tuple[str, int], ...]:
        """All (topic, partition) that the view reads."""
        return tuple((topic, number) for topic in self.topics for number in range(BY_NAME[topic].partitions))

    async def put(self, connection: asyncpg.Connection, schema: str, rows: Sequence[Row]) -> None:
        """Put rows of any of the view's tables."""
        by_type: Mapping[type[Row], Table] = {table.row: table for table in self.tables}
        for kind, table in by_type.items():
            mine = [row for row in rows if type(row) is kind]
            if mine:
                await put(connection, schema, table, mine)
