"""Writing a batch into a view: rows and position in one transaction, and what the database refuses given up alone."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
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
        if folded.letters:
            await self._ground.letters.put(folded.letters)
        try:
            return await self._commit(batch, folded)
        except _POISON as error:
            return await self._isolate(batch, error)

    async def _isolate(self, batch: Batch, error: BaseException) -> bool:
        """Write half by half, so that a record that PostgreSQL cannot take does not stop the others."""
        if len(batch.records) > 1:
            first, second = batch.halves()
            return await self.write(first) and await self.write(second)
        reason = UndecodableRecord(f"The database does not take its rows: {type(error).__name__} {error}")
        await self._ground.letters.put([dead_letter(batch.records[0], reason, group_of(self.view))])
        return await self._commit(batch, Folded((), (), ()))

    async def _commit(self, batch: Batch, folded: Folded) -> bool:
        started, ground, view = time.monotonic(), self._ground, self.view
        with self._spans(batch, folded):
            async with (
                translated_errors(),
                ground.pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
                connection.transaction(),
            ):
                offsets = (batch.start, batch.end)
                if not await advance(connection, ground.schema, view.name, batch.partition, offsets):
                    return False
                gaps = await self._put(connection, ground.schema, view, folded.rows)
        ground.metrics.view_gaps.inc(gaps)
        ground.metrics.view_records.labels(view.name).inc(len(batch.records))
        ground.metrics.view_batch_seconds.labels(view.name).observe(time.monotonic() - started)
        await self._written(batch, folded.rows)
        return True

    @contextlib.contextmanager
    def _spans(self, batch: Batch, folded: Folded) -> Iterator[None]:
        topic, partition = batch.partition
        with contextlib.ExitStack() as stack:
            for offset, traceparent in folded.traces if self._traced else ():
                told: dict[str, str | int] = {
                    "artstore.view": self.view.name,
                    "messaging.destination.name": topic,
                    "messaging.destination.partition.id": str(partition),
                    "messaging.kafka.offset": offset,
                }
                stack.enter_context(span("project", parent=traceparent, attributes=told))
            yield
