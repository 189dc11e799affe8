"""Putting one record on the log: awaited acknowledgement, a deadline, a producer that is replaced when it is spent."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)

from infra.runtime.kafka import open_producer, partition_for, translated_errors
from infra.runtime.metrics import Metrics
from infra.runtime.settings_sections import KafkaSettings
from schemas.envelope import Position, Record
from schemas.errors import LogUnavailable
from schemas.topics import BY_NAME

# One producer to find out that it is spent, a fresh one to send the record again, one more for a second bad moment.
ATTEMPTS = 3
# A spent producer has to be closed and another opened within the deadline of the record that found out.
DEADLINE_FACTOR = 3

_NOT_THE_PRODUCER = (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    TopicAuthorizationFailedError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    KafkaTimeoutError,
)

OpenProducer = Callable[[], AbstractAsyncContextManager[AIOKafkaProducer]]


class Publisher(Protocol):
    """Whatever takes records. One call, one record, one acknowledgement."""

    async def publish(self, record: Record) -> Position:
        """Send `record` and return where it stands, once all in-sync copies have it.

        LogUnavailable: not acknowledged in time; it may yet appear, so send the same record (same id) again.
        TooLarge: larger than its topic allows.
        """
        ...


class KafkaPublisher:
    """Publishes on real Kafka. Opened with the first record, so that a program can start while the log is away."""

    def __init__(self, opened: OpenProducer, deadline_seconds: float, metrics: Metrics | None = None) -> None:
        self._opened = opened
        self._deadline_seconds = deadline_seconds
        self._metrics = metrics
        self._changing = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._stack = AsyncExitStack()

    async def publish(self, record: Record) -> Position:
        """Send and await the acknowledgement. LogUnavailable, TooLarge, ConfigurationInvalid (no right to write)."""
        started = time.monotonic()
        # A time-out is an OSError, so it comes out as LogUnavailable too.
        with translated_errors():
            async with asyncio.timeout(self._deadline_seconds):
                position = await self._sent(record)
        if self._metrics is not None:
            self._metrics.records_published.labels(record.topic).inc()
            self._metrics.publish_seconds.labels(record.topic).observe(time.monotonic() - started)
        return position

    async def close(self) -> None:
        """Close the producer; a later `publish` would open another."""
        async with self._changing:
            await self._close()

    async def _sent(self, record: Record) -> Position:
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        spent: AIOKafkaProducer | None = None
        for _ in range(ATTEMPTS):
            producer = await self._fresh(spent)
            try:
                told = await producer.send_and_wait(record.topic, record.value, record.key, headers=headers)
            except KafkaError as error:
                if not _is_spent(error):
                    raise
                spent = producer
            else:
                return Position(told.topic, told.partition, told.offset)
        raise LogUnavailable

    async def _fresh(self, spent: AIOKafkaProducer | None) -> AIOKafkaProducer:
        """Return a producer that is not `spent`; of several callers with the same spent one, the first replaces it."""
        if self._producer is not None and self._producer is not spent:
            return self._producer
        async with self._changing:
            if self._producer is None or self._producer is spent:
                await self._close()
                self._producer = await self._stack.enter_async_context(self._opened())
            return self._producer

    async def _close(self) -> None:
        self._producer = None
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()


@contextlib.asynccontextmanager
async def open_publisher(
    settings: KafkaSettings, client_id: str, metrics: Metrics | None = None
) -> AsyncIterator[KafkaPublisher]:
    """Build a publisher on Kafka for the length of the block. It connects with the first record."""
    deadline_seconds = settings.request_timeout_seconds * DEADLINE_FACTOR
    publisher = KafkaPublisher(partial(open_producer, settings, client_id), deadline_seconds, metrics)
    try:
        yield publisher
    finally:
        await publisher.close()


class MemoryPublisher:
    """The shipped double: keeps records in order, places them as Kafka would, fails when told to."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._failures = 0

    def fail(self, times: int) -> None:
        """Let the next `times` records fail with LogUnavailable; they are not kept."""
        self._failures = times

    async def publish(self, record: Record) -> Position:
        """Keep the record."""
        if self._failures > 0:
            self._failures -= 1
            raise LogUnavailable
        place = _placed(record)
        offset = sum(_placed(earlier) == place for earlier in self.records)
        self.records.append(record)
        return Position(*place, offset)


def _placed(record: Record) -> tuple[str, int]:
    topic = BY_NAME.get(record.topic)
    return record.topic, partition_for(record.key, topic.partitions if topic else 1)


def _is_spent(error: KafkaError) -> bool:
    """Tell whether the producer, not the record or the moment, is at fault.

    Sequence out of order, unknown or fenced producer id, a closed one, a sender that died: the driver never heals
    from these (aiokafka issue 1017), and does retry by itself all that may pass.
    """
    return not error.retriable and not isinstance(error, _NOT_THE_PRODUCER)
