"""Races on a live stack: answers that are lost, requests that meet, deadlines that pass, programs that die."""

import asyncio
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.runtime.kafka import open_reader
from schemas.registry import decode
from schemas.requests import UploadRequested
from schemas.topics import BY_NAME, DOCUMENT_EVENT, SAGA_INBOX
from tests.archive import JSON, Archive
from tests.campaigns.evidence import Entry, read_log
from tests.outages import Outage, away
from tests.stacks import Stack, eventually

KAFKA_SECONDS = float(os.environ.get("AWAY_SECONDS", "17"))  # noqa: TID251 - a test's own setting
DEADLINE_SECONDS = 20.0  # of the stack


def files_of(stack: Stack, upload: JSON) -> list[Path]:
    """Return what the elements keep of a document outside their journals, derived texts left out."""
    found = [path for name in ("hot", "vault") for path in stack.root(name).rglob(f"*{upload['document_id']}*")]
    return [path for path in found if not {"journal", "derived"} & set(path.parts)]


def staged(stack: Stack) -> list[Path]:
    return [path for name in ("hot", "vault") for path in (stack.root(name) / "staging").iterdir()]


def put_and_lose_the_answer(stack: Stack, upload: JSON, content: bytes) -> None:
    """Send everything, wait until it is committed, and go away without having read a byte."""
    target = urlsplit(upload["upload_url"])
    head = (
        f"PUT {target.path} HTTP/1.1\r\nHost: agent\r\nContent-Length: {len(content)}\r\n"
        f"Authorization: Bearer {upload['ticket']}\r\n\r\n"
    )
    with socket.create_connection((str(target.hostname), int(target.port or 0)), timeout=15) as connection:
        connection.sendall(head.encode() + content)
        eventually(lambda: len(files_of(stack, upload)) == 2, 20, "body and attributes are not in their place")


def test_a_put_whose_answer_was_lost_is_repeated_and_answered_with_the_one_document(
    stack: Stack, archive: Archive
) -> None:
    content = "Ответ потерян.".encode()
    upload = archive.announce("lost-answer.txt", len(content)).json()
    put_and_lose_the_answer(stack, upload, content)
    before = sorted((path, path.stat().st_mtime_ns) for path in files_of(stack, upload))
    again = archive.put(upload, content)
    assert (again.status_code, again.json()["document_id"]) == (200, upload["document_id"])
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"
    assert sorted((path, path.stat().st_mtime_ns) for path in files_of(stack, upload)) == before
    assert archive.content(upload["document_id"]).content == content


def test_a_put_repeated_after_its_document_was_moved_to_the_trash_gets_its_answer_and_brings_nothing_back(
    stack: Stack, archive: Archive
) -> None:
    content = "Перемещено рукой в корзину.".encode()
    upload = archive.announce("trashed.txt", len(content), element_id="hot").json()
    put_and_lose_the_answer(stack, upload, content)
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"
    first = archive.put(upload, content).json()
    with in_the_trash(stack, upload):
        for restart in (False, True):
            if restart:
                # A restart carries the ledger over, and recovery must not bring the document back either.
                reborn(stack, "agent-hot", stack.send("agent-hot", signal.SIGTERM))
            again = archive.put(upload, content)
            assert (again.status_code, again.json()) == (200, first)
            assert archive.put(upload, bytes(len(content))).status_code == 409
            assert {path.parent.name for path in files_of(stack, upload)} == {"trash"}
            assert staged(stack) == []
    assert archive.content(upload["document_id"]).content == content


def reborn(stack: Stack, program: str, ended: int) -> None:
    """Wait until a program that ended is ready as another process."""
    eventually(lambda: stack.status()[program]["pid"] not in {None, ended}, 60, f"there is no new {program}")
    stack.await_ready(program)


@contextmanager
def in_the_trash(stack: Stack, upload: JSON) -> Iterator[None]:
    """Let a document lie in the trash for the length of the block."""
    trash = stack.root("hot") / "trash"
    moved = [(path, trash / path.name) for path in files_of(stack, upload)]
    for path, there in moved:
        shutil.move(path, there)
    try:
        yield
    finally:
        for path, there in moved:
            shutil.move(there, path)


def at_once(calls: Sequence[Callable[[], httpx2.Response]]) -> list[httpx2.Response]:
    """Let all calls begin at the same moment."""
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], httpx2.Response]) -> httpx2.Response:
        ready.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(120) for future in [pool.submit(run, call) for call in calls]]


def test_of_puts_at_once_with_one_ticket_one_wins_and_its_equals_get_its_answer(stack: Stack, archive: Archive) -> None:
    bodies = [letter * 600_000 for letter in (b"a", b"b", b"a", b"b", b"a", b"b")]
    upload = archive.announce("at-once.bin", len(bodies[0])).json()
    answers = at_once([lambda body=body: archive.put(upload, body) for body in bodies])  # type: ignore[misc]
    winners = {body[:1] for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 200}
    assert len(winners) == 1
    for body, answer in zip(bodies, answers, strict=True):
        if body[:1] in winners:
            assert (answer.status_code, answer.json()["document_id"]) == (200, upload["document_id"])
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "upload_conflict")
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"
    assert archive.content(upload["document_id"]).content[:1] in winners
    assert len(files_of(stack, upload)) == 2
    assert staged(stack) == []


def test_a_put_at_the_very_moment_of_its_deadline_is_committed_and_found_or_refused_and_failed(
    stack: Stack, archive: Archive
) -> None:
    # The processor looks for deadlines every second: these PUTs come from just before to well behind its look.
    offsets = [-0.2 + n * 0.15 for n in range(16)]
    announced = [(time.monotonic(), archive.announce(f"moment-{n}.txt", 5).json()) for n in range(len(offsets))]

    def put(offset: float, begun: float, upload: JSON) -> httpx2.Response:
        time.sleep(max(0.0, begun + DEADLINE_SECONDS + offset - time.monotonic()))
        return archive.put(upload, b"bytes")

    with ThreadPoolExecutor(len(offsets)) as pool:
        futures = [pool.submit(put, offset, *one) for offset, one in zip(offsets, announced, strict=True)]
        answers = [future.result(90) for future in futures]
    for answer, (_, upload) in zip(answers, announced, strict=True):
        operation = archive.finished(upload["operation_id"], 90)
        if answer.status_code == 200:
            assert operation["state"] == "succeeded", operation
            assert archive.content(upload["document_id"]).content == b"bytes"
        else:
            assert (answer.status_code, answer.json()["code"]) == (410, "upload_abandoned")
            assert (operation["state"], operation["problem"]["code"]) == ("failed", "upload_abandoned")
            assert archive.get(f"/documents/{upload['document_id']}").status_code == 404
            assert files_of(stack, upload) == []


@pytest.mark.timeout(600)
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


@pytest.mark.timeout(300)
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
