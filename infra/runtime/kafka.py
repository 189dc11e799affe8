"""The door to Kafka: producers and readers in the one profile that the house uses, with every wait bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from infra.runtime.kafka_errors import milliseconds, translated_errors
from infra.runtime.kafka_records import take_any_header_names
from infra.runtime.kafka_topics import apply_topics, check_topics, committed_offsets, ping, require_topics
from infra.runtime.settings_sections import KafkaSettings
from schemas.errors import LogUnavailable

__all__ = [
    "apply_topics",
    "check_topics",
    "committed_offsets",
    "open_producer",
    "open_reader",
    "partition_for",
    "ping",
    "require_topics",
    "take_any_header_names",
    "translated_errors",
]

RECORD_BYTES_MAX = 2 * 1024 * 1024
LINGER_MILLISECONDS = 0
POSITIVE = 0x7FFF_FFFF


@contextlib.asynccontextmanager
async def open_producer(settings: KafkaSettings, client_id: str) -> AsyncIterator[AIOKafkaProducer]:
    """Open an idempotent producer: acknowledged by all in-sync copies, zstd, murmur2 over the key.

    LogUnavailable when no broker answers within the request time-out. A producer that raised OutOfOrderSequenceNumber
    or ProducerFenced is spent: close it and open another.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.required_servers(),
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        linger_ms=LINGER_MILLISECONDS,
        max_request_size=RECORD_BYTES_MAX,
        request_timeout_ms=milliseconds(settings),
    )
    async with _opened(producer, settings):
        yield producer


@contextlib.asynccontextmanager
async def open_reader(
    settings: KafkaSettings, client_id: str, partitions: Iterable[TopicPartition]
) -> AsyncIterator[AIOKafkaConsumer]:
    """Open a reader of exactly these partitions: no group, nothing committed, only committed records.

    It begins at the first record of each partition; `seek` before the first read to begin elsewhere.
    """
    take_any_header_names()
    reader = AIOKafkaConsumer(
        bootstrap_servers=settings.required_servers(),
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        request_timeout_ms=milliseconds(settings),
    )
    async with _opened(reader, settings):
        with translated_errors():
            reader.assign(list(partitions))
        yield reader


def partition_for(key: bytes, partitions: int) -> int:
    """Say which of `partitions` holds `key`: murmur2 as in Kafka's own default partitioner."""
    hashed: int = murmur2(key)
    return (hashed & POSITIVE) % partitions


@contextlib.asynccontextmanager
async def _opened(client: AIOKafkaProducer | AIOKafkaConsumer, settings: KafkaSettings) -> AsyncIterator[None]:
    """Start the client and stop it in the end, each within a deadline.

    A client that loses its broker may let the cancellation of its own fetches out; only a cancellation that was meant
    for this task is passed on.
    """
    task = asyncio.current_task()
    try:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(_stopped, client, settings)
            with translated_errors():
                async with asyncio.timeout(settings.request_timeout_seconds):
                    await client.start()
            yield
    except asyncio.CancelledError as error:
        if task is None or task.cancelling():
            raise
        raise LogUnavailable("Kafka went away in the middle of an answer.") from error


async def _stopped(client: AIOKafkaProducer | AIOKafkaConsumer, settings: KafkaSettings) -> None:
    # What is still unsent was never acknowledged to anybody: a stop that hangs gives it up.
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(settings.request_timeout_seconds):
            await client.stop()
