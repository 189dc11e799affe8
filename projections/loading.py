"""Loading views from the beginning: each record of the log, or file on a disk, is read once for all views."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.runtime.kafka import translated_errors
from infra.runtime.postgres import translated_errors as translated_database_errors
from projections.batch import Batch, Folded, fold_for
from projections.catalogue import VIEWS
from projections.copying import copy_rows
from projections.disk import Broken, scan
from projections.log import open_log
from projections.position import Partition
from projections.tables import Row
from projections.writing import BatchWriter, Ground, put_and_watch
from schemas.errors import Busy, LogUnavailable

QUIET_MILLISECONDS = 500
SILENCE_SECONDS = 30.0
RECORDS_AT_ONCE = ROWS_AT_ONCE = 2000


@dataclass(frozen=True)
class Stretch:
    """What is to be read of one partition, from its first record up to `until`, and the views that it is for."""

    partition: Partition
    until: int
    views: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """What one process loads: stretches of the log, and below `roots` the files that fall to `number` out of `of`."""

    stretches: tuple[Stretch, ...]
    roots: tuple[Path, ...] = ()
    number: int = 0
    of: int = 1


async def load(ground: Ground, piece: Piece, tell_broken: Callable[[Broken], None]) -> None:
    """Fill views that stand at the beginning of the log and whose tables have no keys.

    LogUnavailable, DatabaseUnavailable; Busy when somebody else fills them.
    """
    rows: list[Row] = []
    for found in scan(piece.roots, piece.number, piece.of, texts=True):
        if isinstance(found, Broken):
            tell_broken(found)
            continue
        rows += found
        if len(rows) >= ROWS_AT_ONCE:
            await _put(ground, rows)
            rows = []
    await _put(ground, rows)
    await _load_log(ground, {stretch.partition: stretch for stretch in piece.stretches if stretch.until})


async def _put(ground: Ground, rows: Sequence[Row]) -> None:
    async with translated_database_errors(), ground.pool.acquire() as connection, connection.transaction():
        for view in VIEWS:
            put = copy_rows if view.large else put_and_watch
            await put(connection, ground.schema, view, rows)


async def _load_log(ground: Ground, wanted: Mapping[Partition, Stretch]) -> None:
    writers = {
        view.name: BatchWriter(view, ground, _nothing_more, copy_rows, traced=False) for view in VIEWS if view.large
    }
    async with open_log(ground.kafka, "artstore-rebuild", wanted) as reader:
        async for batch in _batches(reader, {place: stretch.until for place, stretch in wanted.items()}):
            await _write(batch, [writers[name] for name in wanted[batch.partition].views])


async def _write(batch: Batch, writers: Sequence[BatchWriter]) -> None:
    """Write the batch into its views at once."""
    folded = fold_for([writer.view for writer in writers], batch)
    works = [_one(writer, batch, mine) for writer, mine in zip(writers, folded, strict=True)]
    # Every one ends before an error of one is told: nothing runs on behind.
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if outcome is not None:
            raise outcome


async def _one(writer: BatchWriter, batch: Batch, folded: Folded) -> None:
    if not await writer.write(batch, folded):
        raise Busy("Somebody else fills the same views. Begin the rebuild again.")


async def _batches(reader: AIOKafkaConsumer, until: Mapping[Partition, int]) -> AsyncIterator[Batch]:
    """Yield the log up to `until`, batch by batch; the first of a partition begins at 0, whatever is still kept."""
    stored = dict.fromkeys(until, 0)
    with translated_errors():
        first = await reader.beginning_offsets([TopicPartition(*place) for place in until])
    read = {(place.topic, place.partition): offset for place, offset in first.items()}
    silence = asyncio.get_running_loop().time()
    while any(read[place] < end for place, end in until.items()):
        with translated_errors():
            polled = await reader.getmany(timeout_ms=QUIET_MILLISECONDS, max_records=RECORDS_AT_ONCE)
        if not polled and asyncio.get_running_loop().time() - silence > SILENCE_SECONDS:
            raise LogUnavailable
        for found, records in polled.items():
            place = (found.topic, found.partition)
            batch = Batch(place, stored[place], records)
            yield batch
            stored[place] = read[place] = batch.end
            silence = asyncio.get_running_loop().time()


async def _nothing_more(_batch: Batch, _rows: Sequence[Row]) -> None:
    """Do nothing once a batch is committed: how far it is stands in the database."""
