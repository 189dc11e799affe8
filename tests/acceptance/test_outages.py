"""Races with outages on a live stack: commits while Kafka is down, and a gateway killed before it has answered."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.runtime.kafka import open_reader
from schemas.registry import decode
from schemas.requests import UploadRequested
from schemas.topics import BY_NAME, DOCUMENT_EVENT, SAGA_INBOX
from tests.archive import Archive
from tests.campaigns.evidence import Entry, read_log
from tests.outages import Outage, away, reborn
from tests.stacks import Stack

KAFKA_SECONDS = float(os.environ.get("AWAY_SECONDS", "17"))  # noqa: TID251 - a test's own setting


@pytest.fixture(scope="module")
def stack(patient_stack: Stack) -> Stack:
    """Return a stack whose uploads outlast the outages, however busy the machine is."""
    return patient_stack


async def test_what_is_committed_while_kafka_is_down_drains_in_order_and_nothing_is_lost(
    stack: Stack, archive: Archive
) -> None:
    uploads = [archive.announce(f"kafka-down-{n}.txt", 9).json() for n in range(40)]
    for upload in uploads:
        archive.operation(upload["operation_id"])
    with away(stack, "kafka", Outage.KILLED):
        until = time.monotonic() + KAFKA_SECONDS
        answers = [archive.put(upload, b"meanwhile") for upload in uploads]
        await asyncio.sleep(until - time.monotonic())
    assert {answer.status_code for answer in answers} == {200}
    stack.await_ready(seconds=150)
    for upload in uploads:
        operation = archive.finished(upload["operation_id"], 120)
        assert operation["state"] == "succeeded", operation
        assert archive.content(upload["document_id"]).content == b"meanwhile"
    log = await read_log(stack.settings.kafka.required_servers())
    for upload in uploads:
        facts = [one for one in log if one.topic == DOCUMENT_EVENT and one.key == upload["document_id"].encode()]
        assert types(facts) == ["DocumentCommitted", "TextExtracted"]
        inbox = [one for one in log if one.topic == SAGA_INBOX and one.key == upload["operation_id"].encode()]
        replies = [one for one in types(inbox) if one in {"ContentCommitted", "TextFinished"}]
        assert replies == ["ContentCommitted", "TextFinished"]
    assert stack.artstore("diff").stdout == ""


def types(entries: Sequence[Entry]) -> list[str]:
    """Return the types in the order of the log, an event that was sent again counted where it stands first."""
    first = {entry.event_id: entry for entry in reversed(entries)}
    return [entry.type for entry in sorted(first.values(), key=lambda entry: entry.offset)]


async def test_a_gateway_killed_between_kafkas_acknowledgement_and_its_answer_is_asked_again_under_the_same_key(
    stack: Stack, archive: Archive
) -> None:
    # While the projector stands still, the gateway has its acknowledgement and waits for the views, two seconds long.
    # A machine too busy to kill it meanwhile gets another try.
    with away(stack, "projector", Outage.FROZEN):
        killed = False
        for name in (f"acknowledged-and-killed-{n}.txt" for n in range(5)):
            requested, killed = await announce_and_kill(stack, archive, name)
            if killed:
                break
    assert killed
    stack.await_ready()
    again = archive.announce(requested.filename, 4, key=requested.filename)
    assert again.status_code == 201, again.text
    upload = again.json()
    assert (upload["operation_id"], upload["document_id"]) == (requested.meta.aggregate_id, requested.document_id)
    log = await read_log(stack.settings.kafka.required_servers())
    inbox = [one for one in log if one.topic == SAGA_INBOX and one.key == upload["operation_id"].encode()]
    assert types(inbox) == ["UploadRequested"]
    assert archive.put(upload, b"once").status_code == 200
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"


async def announce_and_kill(stack: Stack, archive: Archive, name: str) -> tuple[UploadRequested, bool]:
    """Announce under a key, and kill the gateway as soon as the request stands in the log.

    Return the request, and whether the gateway died before it answered.
    """
    gateway = int(stack.status()["gateway"]["pid"])
    inbox = [TopicPartition(SAGA_INBOX, number) for number in range(BY_NAME[SAGA_INBOX].partitions)]
    async with open_reader(stack.settings.kafka, "test", inbox) as reader:
        await reader.seek_to_end(*inbox)
        asked = asyncio.create_task(asyncio.to_thread(announced, archive, name))
        requested = await read_until(reader, name)
        os.kill(gateway, signal.SIGKILL)
        answer = await asked
    reborn(stack, "gateway", gateway)
    return requested, answer is None


def announced(archive: Archive, name: str) -> httpx2.Response | None:
    try:
        return archive.announce(name, 4, key=name)
    except httpx2.TransportError:
        return None


async def read_until(reader: AIOKafkaConsumer, name: str) -> UploadRequested:
    """Return the upload request for this name as soon as it stands in the log."""
    async with asyncio.timeout(30):
        while True:
            batches = await reader.getmany(timeout_ms=100)
            for record in (record for batch in batches.values() for record in batch):
                message = decode(record.value)
                if isinstance(message, UploadRequested) and message.filename == name:
                    return message
