"""The log as a whole: where it ends now, and everything before that folded into the rows of a view."""

import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.runtime.kafka import open_reader, translated_errors
from infra.runtime.settings_sections import KafkaSettings
from projections.batch import Batch, Folded, fold_batch
from projections.position import Partition
from projections.view import View
from schemas.errors import LogUnavailable

QUIET_MILLISECONDS = 500
SILENCE_SECONDS = 30.0
RECORDS_AT_ONCE = 2000


def open_log(
    settings: KafkaSettings, client_id: str, partitions: Iterable[Partition]
) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
    """Open a reader of these partitions from their beginning. LogUnavailable while Kafka is away."""
    return open_reader(settings, client_id, [TopicPartition(topic, number) for topic, number in partitions])


async def ends(settings: KafkaSettings, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Return the next offset per partition. LogUnavailable."""
    async with open_log(settings, "artstore-log-ends", partitions) as reader:
        with translated_errors():
            found: Mapping[TopicPartition, int] = await reader.end_offsets(reader.assignment())
    return _plain(found)


async def folded(settings: KafkaSettings, view: View, topic: str) -> AsyncIterator[Folded]:
    """Yield, batch by batch, what a view makes of the whole of `topic` as it is now. LogUnavailable."""
    partitions = [partition for partition in view.partitions if partition[0] == topic]
    until = await ends(settings, partitions)
    places = [TopicPartition(*partition) for partition in partitions]
    async with open_log(settings, f"artstore-log-{view.name}", partitions) as reader:
        with translated_errors():
            read = _plain(await reader.beginning_offsets(places))
        heard = time.monotonic()
        while any(read[partition] < until[partition] for partition in partitions):
            with translated_errors():
                polled = await reader.getmany(timeout_ms=QUIET_MILLISECONDS, max_records=RECORDS_AT_ONCE)
            if not polled and time.monotonic() - heard > SILENCE_SECONDS:
                raise LogUnavailable
            for place, records in polled.items():
                batch = Batch((place.topic, place.partition), read[place.topic, place.partition], records)
                yield fold_batch(view, batch)
                read[batch.partition] = batch.end
                heard = time.monotonic()


def _plain(offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
    return {(place.topic, place.partition): offset for place, offset in offsets.items()}
