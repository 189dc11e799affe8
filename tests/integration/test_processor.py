"""The processor as a program on real Kafka and PostgreSQL: sagas move, poison is buried, kill -9 costs nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from infra.runtime.installation import Installation
from infra.runtime.settings import Settings
from producers.accounts import request_account
from producers.publisher import KafkaPublisher
from producers.uploads import request_upload
from schemas.commands import AbandonUpload, ExtractText
from schemas.envelope import Message, Record
from schemas.events import AccountCreated, SagaAdvanced
from schemas.registry import encode
from schemas.requests import UploadRequested
from schemas.topics import ELEMENT_COMMAND, IDENTITY_EVENT, SAGA_EVENT, SAGA_INBOX, dead_letters
from stream_processors.runtime.guard import HARD_EXIT
from tests.builders import a_content_committed, an_upload_request
from tests.integration.processor_program import Gate, Program, Tail, gate_to, processor, tail_of
from tests.sagas.stories import abandoned, an_account_request, text_finished

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TOPICS = (SAGA_EVENT, ELEMENT_COMMAND, IDENTITY_EVENT, dead_letters(SAGA_INBOX))


@pytest.fixture
async def tail(servers: Settings, program: Program) -> AsyncIterator[Tail]:
    await program.await_ready()
    async with tail_of(servers, *TOPICS) as tail:
        yield tail


def a_request(deadline_seconds: float = 3600) -> UploadRequested:
    now = datetime.now(UTC)
    request = an_upload_request(now=now)
    return request.model_copy(update={"deadline_at": now + timedelta(seconds=deadline_seconds)})


def events_of(messages: Sequence[Message], *sagas: str) -> list[SagaAdvanced]:
    return [m for m in messages if isinstance(m, SagaAdvanced) and m.meta.aggregate_id in sagas]


async def test_an_upload_goes_from_request_over_content_and_text_to_its_end(
    publisher: KafkaPublisher, tail: Tail
) -> None:
    request = a_request()
    saga_id = request.meta.aggregate_id
    await request_upload(publisher, request, TRACEPARENT)
    await tail.until(lambda seen: len(events_of(seen, saga_id)) == 1)
    await publisher.publish(encode(a_content_committed(request)))
    await tail.until(lambda seen: any(isinstance(m, ExtractText) and m.meta.correlation_id == saga_id for m in seen))
    await publisher.publish(encode(text_finished(request)))
    await tail.until(lambda seen: len(events_of(seen, saga_id)) == 3)
    last = events_of(tail.messages, saga_id)[-1]
    assert (last.status, [outcome.version for outcome in last.outcomes]) == ("succeeded", [1, 1])
    headers = next(headers for _, _, headers in tail.values if headers.get("ce_subject") == saga_id.encode())
    assert headers["traceparent"].startswith(TRACEPARENT[:35].encode())
    assert headers["traceparent"] != TRACEPARENT.encode()


async def test_a_deadline_that_passes_asks_the_element_to_give_up(publisher: KafkaPublisher, tail: Tail) -> None:
    request = a_request(deadline_seconds=0.5)
    saga_id = request.meta.aggregate_id
    await request_upload(publisher, request)
    await tail.until(lambda seen: any(isinstance(m, AbandonUpload) and m.meta.correlation_id == saga_id for m in seen))
    await publisher.publish(encode(abandoned(request)))
    await tail.until(lambda seen: [e.status for e in events_of(seen, saga_id)][-1] == "failed")


async def test_an_account_is_made_for_a_request_with_the_installations_signature(
    publisher: KafkaPublisher, tail: Tail, program: Program
) -> None:
    sign = Installation.load(program.home / "keys" / "installation.key").sign
    forged, signed = an_account_request(name="forged"), an_account_request(name="signed")
    await publisher.publish(encode(forged))
    await request_account(publisher, signed, sign)
    await tail.until(lambda seen: any(isinstance(m, AccountCreated) for m in seen))
    assert [e.status for e in events_of(tail.messages, signed.meta.aggregate_id)] == ["failed", "succeeded"]


def letters_of(tail: Tail) -> list[tuple[bytes, dict[str, bytes]]]:
    return [(value, headers) for topic, value, headers in tail.values if topic == dead_letters(SAGA_INBOX)]


async def test_poison_in_every_partition_is_buried_and_life_goes_on(publisher: KafkaPublisher, tail: Tail) -> None:
    poison = [Record(SAGA_INBOX, f"poison-{n}".encode(), b"\x00rubbish", {"from": "nobody"}) for n in range(24)]
    requests = [a_request() for _ in range(24)]
    for record, request in zip(poison, requests, strict=True):
        await publisher.publish(record)
        await request_upload(publisher, request)
    sagas = [request.meta.aggregate_id for request in requests]
    await tail.until(lambda seen: len(events_of(seen, *sagas)) == 24 and len(letters_of(tail)) >= 24)
    letters = letters_of(tail)
    assert [value for value, _ in letters] == [b"\x00rubbish"] * 24
    assert {headers["from"] for _, headers in letters} == {b"nobody"}
    assert {headers["dl_cause"] for _, headers in letters} == {b"unknown_schema"}


async def test_kill_nine_in_the_middle_of_two_hundred_advances_every_saga_once_per_version(
    publisher: KafkaPublisher, tail: Tail, program: Program
) -> None:
    requests = [a_request() for _ in range(200)]
    sagas = [request.meta.aggregate_id for request in requests]
    records = [record for request in requests for record in (encode(request), encode(a_content_committed(request)))]
    for record in records:
        await publisher.publish(record)
    for share in (60, 220):
        await tail.until(lambda seen, share=share: len(events_of(seen, *sagas)) >= share)  # type: ignore[misc]
        program.end(kill=True)
        program.start()
    await tail.until(lambda seen: len(commands_of(seen, sagas)) == len(sagas), seconds=90)
    assert_once_per_version(tail, sagas)


def commands_of(seen: Sequence[Message], sagas: Sequence[str]) -> set[str]:
    return {m.meta.event_id for m in seen if isinstance(m, ExtractText) and m.meta.correlation_id in sagas}


def assert_once_per_version(tail: Tail, sagas: Sequence[str]) -> None:
    told: dict[tuple[str, int], set[str]] = {}
    for event in events_of(tail.messages, *sagas):
        told.setdefault((event.meta.aggregate_id, event.meta.aggregate_version), set()).add(repr(event))
    assert set(told) == {(saga_id, version) for saga_id in sagas for version in (1, 2)}
    assert all(len(texts) == 1 for texts in told.values())
    assert len(commands_of(tail.messages, sagas)) == len(sagas)


@pytest.fixture
async def gated(servers: Settings, program: Program, tmp_path: Path) -> AsyncIterator[tuple[Program, Gate]]:
    """Yield a processor whose way to the database can be shut; the other one is stopped meanwhile."""
    await program.await_ready()
    assert await asyncio.to_thread(program.end) == 0
    dsn = urlsplit(servers.postgres.required_dsn())
    async with gate_to(dsn.hostname or "", dsn.port or 0) as gate:
        through = urlunsplit(dsn._replace(netloc=dsn.netloc.replace(f":{dsn.port}", f":{gate.address}")))
        with processor(servers, tmp_path, through) as gated:
            await gated.await_ready()
            yield gated, gate
            gate.is_open = True
            await asyncio.to_thread(gated.end)
    program.start()


async def test_a_database_that_is_away_costs_no_record_and_buries_none(
    publisher: KafkaPublisher, tail: Tail, gated: tuple[Program, Gate]
) -> None:
    program, gate = gated
    gate.shut()
    requests = [a_request() for _ in range(20)]
    sagas = [request.meta.aggregate_id for request in requests]
    for request in requests:
        await request_upload(publisher, request)
    await asyncio.sleep(2)
    assert events_of(tail.messages, *sagas) == []
    gate.is_open = True
    await tail.until(lambda seen: len(events_of(seen, *sagas)) == 20)
    assert program.running is not None
    assert program.running.poll() is None
    assert all(topic != dead_letters(SAGA_INBOX) for topic, _, _ in tail.values)


async def test_a_stop_while_the_database_is_away_leaves_the_record_for_the_next_start(
    publisher: KafkaPublisher, tail: Tail, gated: tuple[Program, Gate]
) -> None:
    program, gate = gated
    gate.shut()
    await request_upload(publisher, request := a_request())
    await asyncio.sleep(1)
    assert await asyncio.to_thread(program.end) == HARD_EXIT
    gate.is_open = True
    program.start()
    await tail.until(lambda seen: len(events_of(seen, request.meta.aggregate_id)) == 1)


async def test_two_processors_share_the_work_and_one_that_dies_costs_nothing(
    servers: Settings, publisher: KafkaPublisher, program: Program, tail: Tail, tmp_path: Path
) -> None:
    requests = [a_request() for _ in range(200)]
    sagas = [request.meta.aggregate_id for request in requests]
    for request in requests[:100]:
        await publisher.publish(encode(request))
    with processor(servers, tmp_path) as second:
        await second.await_ready()
        for request in requests[100:]:
            await publisher.publish(encode(request))
        for request in requests:
            await publisher.publish(encode(a_content_committed(request)))
        await tail.until(lambda seen: len(events_of(seen, *sagas)) >= 250)
        assert second.end(kill=True) != 0
        await tail.until(lambda seen: len(commands_of(seen, sagas)) == len(sagas), seconds=60)
    assert_once_per_version(tail, sagas)
    assert set(program.checks().values()) == {"ok"}
