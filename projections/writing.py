"""Writing a batch into a view: rows and position in one transaction, and what the database refuses given up alone."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from infra.runtime.metrics import Metrics
from infra.runtime.postgres import translated_errors
from infra.runtime.settings_sections import KafkaSettings
from infra.runtime.telemetry import span
from projections.batch import Batch, Folded, fold_batch, group_of
from projections.dead_letters import DeadLetters
from projections.position import advance
from projections.reading import LIVE
from projections.tables import Row
from projections.view import View
from schemas.dead_letters import dead_letter
from schemas.errors import UndecodableRecord

ACQUIRE_SECONDS = 10.0

# What one record can do to its own rows and to no others.
_POISON = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    OverflowError,
    RecursionError,
)

Part = tuple[Batch, Folded]
Put = Callable[[asyncpg.Connection, str, View, Sequence[Row]], Awaitable[int]]
Written = Callable[[Batch, Sequence[Row]], Awaitable[None]]


@dataclass(frozen=True)
class Ground:
    """What every projector stands on. `schema` is where its tables are."""

    pool: asyncpg.Pool
    kafka: KafkaSettings
    letters: DeadLetters
    metrics: Metrics
    schema: str = LIVE


async def put_and_watch(connection: asyncpg.Connection, schema: str, view: View, rows: Sequence[Row]) -> int:
    """Put rows beside those that are there, the one that counts for each key; return how many gaps they leave."""
    gaps = await view.watch(connection, schema, rows) if view.watch else 0
    await view.put(connection, schema, rows)
    return gaps


class BatchWriter:
    """Writes batches of one view. `written` is told of each piece of a batch once it is committed."""

    def __init__(
        self, view: View, ground: Ground, written: Written, put: Put = put_and_watch, *, traced: bool = True
    ) -> None:
        self.view = view
        self._ground = ground
        self._written = written
        self._put = put
        self._traced = traced

    async def write(self, batch: Batch, folded: Folded | None = None) -> bool:
        """Write the batch; False when the view does not stand where it begins. `folded` is what the view made of it."""
        folded = fold_batch(self.view, batch) if folded is None else folded
        return await self._write([(batch, folded)])

    async def write_together(self, batches: Sequence[Batch]) -> bool:
        """Write batches of different partitions in one transaction; False when the view does not stand at all of them.

        What was read at once is written at once: under load a transaction for each partition costs more than its rows.
        """
        return await self._write([(batch, fold_batch(self.view, batch)) for batch in batches])

    async def _write(self, parts: Sequence[Part]) -> bool:
        letters = [letter for _, folded in parts for letter in folded.letters]
        if letters:
            await self._ground.letters.put(letters)
        try:
            return await self._commit(parts)
        except _POISON as error:
            return await self._isolate([batch for batch, _ in parts], error)

    async def _isolate(self, batches: Sequence[Batch], error: BaseException) -> bool:
        """Write one by one, then half by half: a record that PostgreSQL cannot take does not stop the others."""
        batch, *others = batches
        if others:
            return all([await self.write(each) for each in batches])
        if len(batch.records) > 1:
            first, second = batch.halves()
            return await self.write(first) and await self.write(second)
        reason = UndecodableRecord(f"The database does not take its rows: {type(error).__name__} {error}")
        await self._ground.letters.put([dead_letter(batch.records[0], reason, group_of(self.view))])
        return await self._commit([(batch, Folded((), (), ()))])

    async def _commit(self, parts: Sequence[Part]) -> bool:
        started, ground, view = time.monotonic(), self._ground, self.view
        rows = [row for _, folded in parts for row in folded.rows]
        moves = {batch.partition: (batch.start, batch.end) for batch, _ in parts}
        with contextlib.ExitStack() as spans:
            for batch, folded in parts if self._traced else ():
                self._begin_spans(spans, batch, folded)
            async with (
                translated_errors(),
                ground.pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
                connection.transaction(),
            ):
                if not await advance(connection, ground.schema, view.name, moves):
                    return False
                gaps = await self._put(connection, ground.schema, view, rows)
        ground.metrics.view_gaps.inc(gaps)
        ground.metrics.view_records.labels(view.name).inc(sum(len(batch.records) for batch, _ in parts))
        ground.metrics.view_batch_seconds.labels(view.name).observe(time.monotonic() - started)
        for batch, folded in parts:
            await self._written(batch, folded.rows)
        return True

    def _begin_spans(self, spans: contextlib.ExitStack, batch: Batch, folded: Folded) -> None:
        topic, partition = batch.partition
        for offset, traceparent in folded.traces:
            told: dict[str, str | int] = {
                "artstore.view": self.view.name,
                "messaging.destination.name": topic,
                "messaging.destination.partition.id": str(partition),
                "messaging.kafka.offset": offset,
            }
            spans.enter_context(span("project", parent=traceparent, attributes=told))
