"""The loop that keeps one view: read, fold, and write rows and position in one transaction; never skip."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from infra.runtime.kafka import translated_errors as log_errors
from infra.runtime.metrics import Metrics
from infra.runtime.postgres import translated_errors
from infra.runtime.settings_sections import KafkaSettings
from infra.runtime.telemetry import span
from projections.batch import Batch, Folded, fold_batch, group_of
from projections.dead_letters import DeadLetters
from projections.log import open_log
from projections.position import Partition, advance, positions
from projections.progress import Progress
from projections.reading import LIVE
from projections.tables import Row
from projections.view import View
from schemas.dead_letters import dead_letter
from schemas.errors import LogUnavailable, Transient, UndecodableRecord

RECORDS_AT_ONCE = 500
QUIET_MILLISECONDS = 500
LOOK_SECONDS = 2.0
ACQUIRE_SECONDS = 10.0
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.2, 5.0

# What one record can do to its own rows and to no others.
_POISON = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    OverflowError,
    RecursionError,
)

After = Callable[[Sequence[Row]], Awaitable[None]]


async def nothing_after(_rows: Sequence[Row]) -> None:
    """Do nothing once rows are committed."""


@dataclass(frozen=True)
class Ground:
    """What every projector stands on. `schema` is where its tables are."""

    pool: asyncpg.Pool
    kafka: KafkaSettings
    letters: DeadLetters
    metrics: Metrics
    schema: str = LIVE


class Projector:
    """Keeps one view. Several may run on one view: each batch is written by exactly one of them."""

    def __init__(
        self, view: View, ground: Ground, after: After = nothing_after, records_at_once: int = RECORDS_AT_ONCE
    ) -> None:
        self.view = view
        self.progress = Progress()
        self._ground = ground
        self._after = after
        self._records_at_once = records_at_once

    async def run(self) -> None:
        """Follow the log until cancelled. While Kafka or the database is away, wait in place and go on there."""
        pause = PAUSE_SECONDS
        while True:
            began = time.monotonic()
            try:
                async with self._reader() as reader:
                    await self._follow(reader)
            except Transient as error:
                self.progress.trouble = error.detail
                structlog.get_logger("artstore.views").warning("view_waits", view=self.view.name, reason=error.detail)
            pause = PAUSE_SECONDS if time.monotonic() - began > PAUSE_SECONDS_MAX else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    async def catch_up(self, ends: Mapping[Partition, int]) -> None:
        """Project until the view has read up to `ends` (next offset per partition), then return. Transient."""
        async with self._reader() as reader:
            await self._seek(reader)
            while not self.progress.has_read(ends):
                await self._step(reader)

    def _reader(self) -> contextlib.AbstractAsyncContextManager[AIOKafkaConsumer]:
        return open_log(self._ground.kafka, f"artstore-projector-{self.view.name}", self.view.partitions)

    async def _follow(self, reader: AIOKafkaConsumer) -> None:
        await self._seek(reader)
        self.progress.trouble = None
        looked = time.monotonic()
        while True:
            await self._step(reader)
            if time.monotonic() - looked > LOOK_SECONDS:
                await self._look(reader)
                looked = time.monotonic()

    async def _step(self, reader: AIOKafkaConsumer) -> None:
        with log_errors():
            polled: Mapping[TopicPartition, list[ConsumerRecord]] = await reader.getmany(
                timeout_ms=QUIET_MILLISECONDS, max_records=self._records_at_once
            )
        for found, records in polled.items():
            partition = (found.topic, found.partition)
            batch = Batch(partition, self.progress.stored[partition], records)
            self._ground.metrics.records_read.labels(found.topic).inc(len(records))
            if not await self._project(batch):
                # Another writer was here, or the views were swapped: go on where the database says.
                await self._seek(reader)
                return

    async def _project(self, batch: Batch) -> bool:
        """Write one batch; False when the view does not stand where the batch begins."""
        folded = fold_batch(self.view, batch)
        if folded.letters:
            await self._ground.letters.put(folded.letters)
        try:
            written = await self._commit(batch, folded)
        except _POISON as error:
            return await self._isolate(batch, error)
        if written:
            self.progress.move(batch.partition, batch.end)
            await self._after(folded.rows)
        return written

    async def _isolate(self, batch: Batch, error: BaseException) -> bool:
        """Write record by record, so that one that PostgreSQL cannot take does not stop the others."""
        if len(batch.records) > 1:
            for single in batch.singles():
                if not await self._project(single):
                    return False
            return True
        reason = UndecodableRecord(f"The database does not take its rows: {type(error).__name__} {error}")
        given_up = dead_letter(batch.records[0], reason, group_of(self.view))
        await self._ground.letters.put([given_up])
        written = await self._commit(batch, Folded((), (), ()))
        if written:
            self.progress.move(batch.partition, batch.end)
        return written

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
                gaps = await view.watch(connection, ground.schema, folded.rows) if view.watch else 0
                await view.put(connection, ground.schema, folded.rows)
        ground.metrics.view_gaps.inc(gaps)
        ground.metrics.view_records.labels(view.name).inc(len(batch.records))
        ground.metrics.view_batch_seconds.labels(view.name).observe(time.monotonic() - started)
        return True

    @contextlib.contextmanager
    def _spans(self, batch: Batch, folded: Folded) -> Iterator[None]:
        topic, partition = batch.partition
        with contextlib.ExitStack() as stack:
            for offset, traceparent in folded.traces:
                told: dict[str, str | int] = {
                    "artstore.view": self.view.name,
                    "messaging.destination.name": topic,
                    "messaging.destination.partition.id": str(partition),
                    "messaging.kafka.offset": offset,
                }
                stack.enter_context(span("project", parent=traceparent, attributes=told))
            yield

    async def _seek(self, reader: AIOKafkaConsumer) -> None:
        """Go to where the database says that the view stands."""
        stored = await positions(self._ground.pool, self._ground.schema, self.view.name)
        wanted = reader.assignment()
        with log_errors():
            first = await reader.beginning_offsets(wanted)
            ends = await reader.end_offsets(wanted)
        self.progress.begin(stored, _plain(first), _plain(ends))
        for topic, number in self.view.partitions:
            reader.seek(TopicPartition(topic, number), self.progress.read[topic, number])
        self._ground.metrics.view_lag_records.labels(self.view.name).set(self.progress.behind)

    async def _look(self, reader: AIOKafkaConsumer) -> None:
        """Ask for the ends of the log: how far the view is behind, and whether anybody answers at all."""
        with log_errors():
            ends = await reader.end_offsets(reader.assignment())
        if not ends:
            raise LogUnavailable
        self.progress.saw(_plain(ends))
        self._ground.metrics.view_lag_records.labels(self.view.name).set(self.progress.behind)


def _plain(offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
    return {(found.topic, found.partition): offset for found, offset in offsets.items()}
