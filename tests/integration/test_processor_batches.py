"""Batches on the real broker: whatever happens in the middle of one, nothing is lost, doubled or out of order."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from infra.runtime.kafka import apply_topics, committed_offsets, partition_for
from infra.runtime.postgres import open_pool
from infra.runtime.settings import Settings
from producers.publisher import KafkaPublisher
from schemas.envelope import Message, Position, Record
from schemas.events import SagaAdvanced
from schemas.identifiers import derive
from schemas.registry import encode
from schemas.requests import UploadRequested
from schemas.topics import BY_NAME, ELEMENT_COMMAND, SAGA_EVENT, SAGA_INBOX, dead_letters
from stream_processors.fold import GROUP
from stream_processors.postgres_store import PostgresSagaStore
from stream_processors.runtime.guard import HARD_EXIT
from stream_processors.runtime.worker import SESSION_SECONDS
from stream_processors.sagas.decision import decide
from stream_processors.sagas.saga import Given
from stream_processors.store import Stored
from tests.builders import a_content_committed
from tests.integration.processor_program import Program, Tail, processor, tail_of
from tests.integration.test_processor import a_request, assert_once_per_version, commands_of, events_of
from tests.sagas.stories import text_finished

# Each starts, kills and restarts whole programs.
pytestmark = pytest.mark.timeout(420)
LETTERS = dead_letters(SAGA_INBOX)


@pytest.fixture
async def tail(servers: Settings, program: Program) -> AsyncIterator[Tail]:
    if program.running is None or program.running.poll() is not None:
        program.start()
    await program.await_ready()
    async with tail_of(servers, SAGA_EVENT, ELEMENT_COMMAND, LETTERS) as tail:
        yield tail


async def put(publisher: KafkaPublisher, records: Iterable[Record]) -> list[Position]:
    """Publish many at once, in their order; return where each stands."""
    return await asyncio.gather(*(publisher.publish(record) for record in records))


def sagas_of(requests: Sequence[UploadRequested]) -> list[str]:
    return [request.meta.aggregate_id for request in requests]


async def committed(servers: Settings) -> dict[int, int]:
    return await committed_offsets(servers.kafka, GROUP, SAGA_INBOX)


async def test_kills_in_the_middle_of_two_thousand_inputs_lose_and_double_nothing(
    publisher: KafkaPublisher, tail: Tail, program: Program
) -> None:
    requests = [a_request() for _ in range(1000)]
    sagas = sagas_of(requests)
    await asyncio.to_thread(program.end)
    await put(publisher, map(encode, requests))
    await put(publisher, (encode(a_content_committed(request)) for request in requests))
    program.start()
    for share in (1, 400, 900, 1600):
        await tail.until(lambda seen, share=share: len(events_of(seen, *sagas)) >= share, 60)  # type: ignore[misc]
        assert program.end(kill=True) == -signal.SIGKILL
        program.start()
    await tail.until(lambda seen: len(commands_of(seen, sagas)) == len(sagas), 90)
    assert_once_per_version(tail, sagas)


@pytest.mark.parametrize("delay_seconds", [1.2, 1.8, 2.4, 3.2])
async def test_a_stop_while_joining_the_group_ends_in_time_and_loses_nothing(
    publisher: KafkaPublisher, tail: Tail, program: Program, delay_seconds: float
) -> None:
    await asyncio.to_thread(program.end)
    requests = [a_request() for _ in range(100)]
    await put(publisher, map(encode, requests))
    program.start()
    await asyncio.sleep(delay_seconds)
    assert await asyncio.to_thread(program.end) in {0, HARD_EXIT, -signal.SIGTERM}
    program.start()
    sagas = sagas_of(requests)
    await tail.until(lambda seen: {e.meta.aggregate_id for e in events_of(seen, *sagas)} == set(sagas), 60)


async def test_a_stop_in_the_middle_of_a_batch_finishes_it_and_acknowledges_it(
    servers: Settings, publisher: KafkaPublisher, tail: Tail, program: Program
) -> None:
    requests = [a_request() for _ in range(1000)]
    sagas = sagas_of(requests)
    places = await asyncio.gather(*(publisher.publish(encode(request)) for request in requests))
    await tail.until(lambda seen: len(events_of(seen, *sagas)) >= 1)
    assert await asyncio.to_thread(program.end, 30) == 0
    reached = await committed(servers)
    done = {s for s, place in zip(sagas, places, strict=True) if place.offset < reached.get(place.partition, 0)}
    await tail.until(lambda seen: len(events_of(seen, *sagas)) >= len(done))
    assert {event.meta.aggregate_id for event in events_of(tail.messages, *sagas)} == done
    program.start()
    await tail.until(lambda seen: len(events_of(seen, *sagas)) == len(sagas), 60)


@pytest.mark.parametrize("delay_seconds", [1.6, 2.4, 3.2])
async def test_what_is_passed_over_while_the_group_changes_is_not_acknowledged(
    servers: Settings, publisher: KafkaPublisher, tail: Tail, program: Program, delay_seconds: float
) -> None:
    requests = [a_request() for _ in range(1500)]
    sagas = sagas_of(requests)
    with processor(servers, program.home / "other") as other:
        places = await asyncio.gather(*(publisher.publish(encode(request)) for request in requests))
        await asyncio.sleep(delay_seconds)
        await asyncio.gather(asyncio.to_thread(program.end, 30), asyncio.to_thread(other.end, 30))
    reached = await committed(servers)
    done = {s for s, place in zip(sagas, places, strict=True) if place.offset < reached.get(place.partition, 0)}
    await tail.until(lambda seen: {e.meta.aggregate_id for e in events_of(seen, *sagas)} >= done, 10)
    program.start()
    await tail.until(lambda seen: {e.meta.aggregate_id for e in events_of(seen, *sagas)} == set(sagas), 60)


async def test_poison_inside_a_batch_is_buried_and_the_others_go_on(
    publisher: KafkaPublisher, tail: Tail, program: Program
) -> None:
    await asyncio.to_thread(program.end)
    requests = [a_request() for _ in range(200)]
    poison = [Record(SAGA_INBOX, request.key, b"\x00rubbish %d" % n, {}) for n, request in enumerate(requests[::5])]
    for n, request in enumerate(requests):
        await publisher.publish(encode(request))
        if n % 5 == 0:
            await publisher.publish(poison[n // 5])
        await publisher.publish(encode(a_content_committed(request)))
    program.start()
    sagas = sagas_of(requests)
    await tail.until(lambda seen: len(commands_of(seen, sagas)) == len(sagas), 90)
    for _ in range(5):
        await tail.read()
    assert_once_per_version(tail, sagas)
    letters = [value for topic, value, _ in tail.values if topic == LETTERS]
    assert sorted(letters) == sorted(record.value for record in poison)


async def test_what_cannot_be_decided_inside_a_batch_ends_the_process_and_is_not_acknowledged(
    servers: Settings, publisher: KafkaPublisher, tail: Tail, program: Program
) -> None:
    await asyncio.to_thread(program.end)
    requests = [a_request() for _ in range(100)]
    culprit = requests[50].meta.aggregate_id
    places = await put(publisher, map(encode, requests))
    async with open_pool(servers.postgres, "test") as pool:
        await PostgresSagaStore(pool).swap([_of_a_newer_release(requests[50])])
        try:
            program.start()
            assert program.running is not None
            assert await asyncio.to_thread(program.running.wait, 40) == HARD_EXIT
            # What was read before it may have been a batch of its own, and is done.
            assert (await committed(servers)).get(places[50].partition, 0) <= places[50].offset
        finally:
            await pool.execute("DELETE FROM saga.saga WHERE saga_id = $1", culprit)
    program.start()
    sagas = sagas_of(requests)
    await tail.until(lambda seen: {e.meta.aggregate_id for e in events_of(seen, *sagas)} == set(sagas), 60)
    assert "record_not_handled" in program.log.read_text(encoding="utf-8")


def _of_a_newer_release(request: UploadRequested) -> Stored:
    event = decide(None, request, Given())
    assert event is not None
    other = event.meta.model_copy(update={"event_id": derive(event.meta.event_id, "newer")})
    cause = derive(event.cause_id, "newer")
    return Stored.of(event.model_copy(update={"meta": other, "cause_id": cause, "kind": "of a newer release"}), None)


async def test_a_zombie_that_wakes_up_does_no_harm(
    servers: Settings, publisher: KafkaPublisher, tail: Tail, program: Program, tmp_path: Path
) -> None:
    requests = [a_request() for _ in range(600)]
    sagas = sagas_of(requests)
    with processor(servers, tmp_path) as other:
        await other.await_ready()
        await put(publisher, map(encode, requests))
        await tail.until(lambda seen: len(events_of(seen, *sagas)) >= 1)
        assert program.running is not None
        program.running.send_signal(signal.SIGSTOP)
        await put(publisher, (encode(a_content_committed(request)) for request in requests))
        await tail.until(lambda seen: len(commands_of(seen, sagas)) == len(sagas), SESSION_SECONDS * 5)
        program.running.send_signal(signal.SIGCONT)
        more = [a_request() for _ in range(50)]
        await put(publisher, map(encode, more))
        await tail.until(lambda seen: len(events_of(seen, *sagas_of(more))) >= len(more), 60)
    assert_once_per_version(tail, sagas)


async def test_the_order_per_saga_holds_while_workers_join_and_leave(
    servers: Settings, publisher: KafkaPublisher, tail: Tail, tmp_path: Path
) -> None:
    requests: list[UploadRequested] = []
    joined = asyncio.Event()

    async def keep_on() -> None:
        while not joined.is_set() or len(requests) < 400:
            share = [a_request() for _ in range(20)]
            requests.extend(share)
            for tell in (lambda r: r, a_content_committed, text_finished):
                await put(publisher, [encode(tell(request)) for request in share])
            await asyncio.sleep(0.2)

    telling = asyncio.create_task(keep_on())
    for home, kill in ((tmp_path / "a", False), (tmp_path / "b", True)):
        with processor(servers, home) as other:
            await other.await_ready()
            await asyncio.sleep(1)
            await asyncio.to_thread(other.end, kill=kill)
    joined.set()
    await telling
    sagas = sagas_of(requests)
    await tail.until(lambda seen: _ended(seen) >= set(sagas), 60)
    assert _first_times(tail.messages, sagas) == {saga_id: [1, 2, 3] for saga_id in sagas}


def _ended(seen: Sequence[Message]) -> set[str]:
    return {m.meta.aggregate_id for m in seen if isinstance(m, SagaAdvanced) and m.status == "succeeded"}


def _first_times(seen: Sequence[Message], sagas: Sequence[str]) -> dict[str, list[int]]:
    told: dict[str, list[int]] = {saga_id: [] for saga_id in sagas}
    for event in events_of(seen, *sagas):
        versions = told[event.meta.aggregate_id]
        if event.meta.aggregate_version not in versions:
            versions.append(event.meta.aggregate_version)
    return told


async def test_without_the_topic_of_dead_letters_sagas_go_on_and_nothing_is_acknowledged_unburied(
    servers: Settings, publisher: KafkaPublisher, tail: Tail, program: Program
) -> None:
    request = a_request()
    partition = partition_for(request.key, BY_NAME[SAGA_INBOX].partitions)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka.required_servers())
    await admin.start()
    await admin.delete_topics([LETTERS])
    await admin.close()
    try:
        poison = await publisher.publish(Record(SAGA_INBOX, request.key, b"rubbish", {}))
        await publisher.publish(encode(request))
        await asyncio.sleep(3)
        assert (await committed(servers)).get(partition, 0) <= poison.offset
    finally:
        await apply_topics(servers.kafka)
    await tail.until(lambda seen: len(events_of(seen, request.meta.aggregate_id)) >= 1, 60)
    async with tail_of(servers, LETTERS) as letters:
        await letters.reader.seek_to_beginning()
        while not letters.values:
            await letters.read()
    assert [value for _, value, _ in letters.values] == [b"rubbish"]
    assert program.running is not None
    assert program.running.poll() is None
