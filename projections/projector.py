"""The loop that keeps one view: read, fold, and write rows and position in one transaction; never skip."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from infra.runtime.kafka import translated_errors as log_errors
from projections.batch import Batch
from projections.log import open_log
from projections.position import Partition, positions
from projections.progress import Progress
from projections.tables import Row
from projections.view import View
from projections.writing import BatchWriter, Ground
from schemas.errors import LogUnavailable, Transient

__all__ = ["Ground", "Projector", "nothing_after"]

RECORDS_AT_ONCE = 500
QUIET_MILLISECONDS = 500
LOOK_SECONDS = 2.0
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.2, 5.0

After = Callable[[Sequence[Row]], Awaitable[None]]


async def nothing_after(_rows: Sequence[Row]) -> None:
    """Do nothing once rows are committed."""


class Projector:
    """Keeps one view. Several may run on one view: each batch is written by exactly one of them."""

    def __init__(
        self, view: View, ground: Ground, after: After = nothing_after, records_at_once: int = RECORDS_AT_ONCE
    ) -> None:
        self.view = view
        self.progress = Progress()
        self._ground = ground
        self._after = after
        self._writer = BatchWriter(view, ground, self._note)
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
        batches = [self._batch((found.topic, found.partition), records) for found, records in polled.items()]
        # Where another writer was here, or the views were swapped: go on where the database says.
        if batches and not await self._writer.write_together(batches):
            await self._seek(reader)

    def _batch(self, partition: Partition, records: Sequence[ConsumerRecord]) -> Batch:
        self._ground.metrics.records_read.labels(partition[0]).inc(len(records))
        return Batch(partition, self.progress.stored[partition], records)

    async def _note(self, batch: Batch, rows: Sequence[Row]) -> None:
        self.progress.move(batch.partition, batch.end)
        await self._after(rows)

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
        """Ask for the ends of the log: how far the view is behind, and whether anybody answers at all.

        And whether the view still stands where it was left: after a swap of the views nothing else may come to tell.
        """
        with log_errors():
            ends = await reader.end_offsets(reader.assignment())
        if not ends:
            raise LogUnavailable
        self.progress.saw(_plain(ends))
        if await positions(self._ground.pool, self._ground.schema, self.view.name) != self.progress.stored:
            await self._seek(reader)
        self._ground.metrics.view_lag_records.labels(self.view.name).set(self.progress.behind)


def _plain(offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
    return {(found.topic, found.partition): offset for found, offset in offsets.items()}
