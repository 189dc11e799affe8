"""One contract for the publisher on Kafka and for its double; and how a spent producer is replaced."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, OutOfOrderSequenceNumber, ProducerFenced
from aiokafka.structs import RecordMetadata

from infra.runtime.kafka import partition_for
from producers.publisher import KafkaPublisher, MemoryPublisher, Publisher
from producers.uploads import request_upload
from schemas.envelope import Record
from schemas.errors import LogUnavailable, TooLarge
from schemas.topics import BY_NAME, SAGA_INBOX
from tests.builders import an_upload_request


@dataclass
class ScriptedProducer:
    """A driver's producer: raises what its script says, then acknowledges."""

    script: list[KafkaError]
    sent: list[Record] = field(default_factory=list)

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]
    ) -> RecordMetadata:
        if self.script:
            raise self.script.pop(0)
        self.sent.append(Record(topic, key, value, {name: told.decode() for name, told in headers}))
        partition = partition_for(key, BY_NAME[topic].partitions)
        return RecordMetadata(topic, partition, None, len(self.sent) - 1, -1, 0, 0)


@dataclass
class Driver:
    """Opens scripted producers one after the other and counts how many are open."""

    scripts: list[list[KafkaError]] = field(default_factory=list)
    made: list[ScriptedProducer] = field(default_factory=list)
    open: int = 0

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator[ScriptedProducer]:
        self.made.append(producer := ScriptedProducer(self.scripts.pop(0) if self.scripts else []))
        self.open += 1
        yield producer
        self.open -= 1


def on_kafka(driver: Driver) -> KafkaPublisher:
    return KafkaPublisher(driver, deadline_seconds=5)


@pytest.mark.parametrize("made", [MemoryPublisher, lambda: on_kafka(Driver())], ids=["memory", "kafka"])
async def test_a_record_stands_where_its_key_belongs_and_offsets_grow(made: Callable[[], Publisher]) -> None:
    publisher, request = made(), an_upload_request()
    first = await request_upload(publisher, request)
    second = await request_upload(publisher, request)
    assert first.topic == SAGA_INBOX
    assert first.partition == second.partition == partition_for(request.key, BY_NAME[SAGA_INBOX].partitions)
    assert second.offset == first.offset + 1


@pytest.mark.parametrize("error", [OutOfOrderSequenceNumber(), ProducerFenced(), KafkaError("sender died")], ids=str)
async def test_a_spent_producer_is_closed_and_replaced_and_the_same_record_goes_out(error: KafkaError) -> None:
    driver = Driver(scripts=[[error]])
    await on_kafka(driver).publish(record := Record(SAGA_INBOX, b"k", b"v", {"ce_id": "Ё"}))
    assert [producer.sent for producer in driver.made] == [[], [record]]
    assert driver.open == 1


async def test_producers_that_are_spent_one_after_the_other_end_as_an_unavailable_log() -> None:
    driver = Driver(scripts=[[ProducerFenced()] for _ in range(9)])
    with pytest.raises(LogUnavailable):
        await on_kafka(driver).publish(Record(SAGA_INBOX, b"k", b"v"))
    assert driver.open == 1


async def test_a_record_that_is_too_large_is_refused_and_its_producer_stays() -> None:
    driver = Driver(scripts=[[MessageSizeTooLargeError()]])
    publisher = on_kafka(driver)
    with pytest.raises(TooLarge):
        await publisher.publish(Record(SAGA_INBOX, b"k", b"v"))
    await publisher.publish(Record(SAGA_INBOX, b"k", b"v"))
    assert len(driver.made) == 1


async def test_closing_leaves_no_producer_open() -> None:
    publisher = on_kafka(driver := Driver())
    await publisher.publish(Record(SAGA_INBOX, b"k", b"v"))
    await publisher.close()
    assert driver.open == 0


async def test_the_double_fails_as_often_as_it_is_told_and_keeps_nothing_then() -> None:
    publisher = MemoryPublisher()
    publisher.fail(2)
    for _ in range(2):
        with pytest.raises(LogUnavailable):
            await publisher.publish(Record(SAGA_INBOX, b"k", b"v"))
    await publisher.publish(Record(SAGA_INBOX, b"k", b"v"))
    assert len(publisher.records) == 1
