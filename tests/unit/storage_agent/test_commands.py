"""The control plane: commands taken once, others' left, damaged ones kept apart, heartbeats."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.kafka import partition_for
from infra.runtime.settings_sections import KafkaSettings
from producers.publisher import MemoryPublisher
from schemas.commands import AbandonUpload, ExtractText
from schemas.envelope import Message, Received
from schemas.errors import ArtStoreError, Busy, InsufficientStorage, LogUnavailable
from schemas.events import ScrubProgress
from schemas.registry import decode, encode
from schemas.replies import TextFinished, UploadAbandoned
from schemas.topics import ELEMENT_COMMAND, dead_letters
from storage_agent.commands import Commands
from storage_agent.documents import Documents
from storage_agent.status import Heartbeat
from storage_agent.text import Texts
from tests.agents import Plane, a_plane, an_abandon_upload, an_extract_text, told, until
from tests.builders import an_upload_request
from tests.elements import a_scrub


@dataclass(frozen=True)
class Raw:
    """A record as the driver gives it."""

    key: bytes | None
    value: bytes | None
    offset: int
    topic: str = ELEMENT_COMMAND
    partition: int = 0
    headers: Sequence[tuple[str, bytes]] = (("own", b"header"),)


def raw(message: Message, offset: int) -> Raw:
    record = encode(message)
    return Raw(record.key, record.value, offset)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


def commands_of(plane: Plane, publisher: MemoryPublisher | None = None) -> Commands:
    return Commands(plane.documents, plane.texts, publisher or MemoryPublisher(), KafkaSettings(), plane.metrics)


@contextlib.asynccontextmanager
async def working(texts: Texts) -> AsyncIterator[None]:
    running = asyncio.create_task(texts.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})


async def replies_of(plane: Plane, count: int) -> list[Message]:
    return [decode(record.value) for record in (await told(plane.documents, count)).records]


async def test_an_abandoned_upload_is_answered_at_once_and_only_once(plane: Plane) -> None:
    ticket = plane.ticket(b"abc")
    command = raw(an_abandon_upload(ticket).message, 0)
    commands = commands_of(plane)
    await commands.take(command)
    await commands.take(command)
    replies = await replies_of(plane, 2)
    assert [type(reply) for reply in replies].count(UploadAbandoned) == 1
    assert plane.documents.command_offset(0) == 1


async def test_a_text_is_worked_on_beside_and_answered(plane: Plane) -> None:
    ticket = await plane.stored(b"words", "a.txt")
    async with working(plane.texts):
        await commands_of(plane).take(raw(an_extract_text(ticket).message, 0))
        replies = await replies_of(plane, 5)
    assert isinstance(replies[-1], TextFinished)


async def test_texts_that_wait_do_not_keep_an_abandon_waiting(plane: Plane) -> None:
    commands = commands_of(plane)
    async with asyncio.timeout(20):
        for offset in range(300):
            await commands.take(raw(an_extract_text(plane.ticket(b"x")).message, offset))
        await commands.take(raw(an_abandon_upload(plane.ticket(b"x")).message, 300))
        replies = await replies_of(plane, 2)
    assert any(isinstance(reply, UploadAbandoned) for reply in replies)


@pytest.mark.parametrize("short", [Busy(), InsufficientStorage()], ids=["busy", "full"])
async def test_an_abandon_that_could_not_be_noted_is_decided_later_by_the_same_process(
    plane: Plane, short: ArtStoreError
) -> None:
    documents = HardPressed(plane.documents, short)
    commands = Commands(documents, plane.texts, MemoryPublisher(), KafkaSettings(), plane.metrics)
    async with asyncio.timeout(10):
        await commands.take(raw(an_abandon_upload(plane.ticket(b"x")).message, 0))
    assert documents.times == 2
    assert plane.documents.pending_commands() == []


async def test_commands_for_other_elements_are_left(plane: Plane) -> None:
    other = plane.ticket(b"x").model_copy(update={"element_id": an_upload_request().element_id})
    publisher = MemoryPublisher()
    await commands_of(plane, publisher).take(raw(an_abandon_upload(other).message, 0))
    assert plane.documents.pending_commands() == []
    assert publisher.records == []


async def test_a_damaged_command_becomes_a_dead_letter_with_its_cause(plane: Plane) -> None:
    key = plane.documents.identity.element_id.encode()
    publisher = MemoryPublisher()
    commands = commands_of(plane, publisher)
    await commands.take(Raw(key, b"\x00junk", 7))
    request = encode(an_upload_request())
    await commands.take(Raw(key, request.value, 8))
    await commands.take(Raw(key, None, 9))
    letters = publisher.records
    assert {letter.topic for letter in letters} == {dead_letters(ELEMENT_COMMAND)}
    assert [letter.headers["dl_cause"] for letter in letters] == ["unknown_schema", "wrong_key", "undecodable_record"]
    assert letters[0].headers["dl_source_offset"] == "7"
    assert letters[0].headers["own"] == "header"
    assert (letters[0].key, letters[0].value) == (key, b"\x00junk")
    # What leads to no work is noted with the next command that does.
    await commands.take(raw(an_abandon_upload(plane.ticket(b"x")).message, 10))
    assert plane.documents.command_offset(0) == 11


async def test_a_dead_letter_that_is_not_acknowledged_is_not_passed_over(plane: Plane) -> None:
    publisher = MemoryPublisher()
    publisher.fail(1)
    with pytest.raises(LogUnavailable):
        await commands_of(plane, publisher).take(Raw(plane.documents.identity.element_id.encode(), b"", 7))
    assert plane.documents.command_offset(0) is None


async def test_what_was_accepted_before_a_stop_is_worked_on_after_it(tmp_path: Path) -> None:
    async with a_plane(tmp_path / "hot") as plane:
        ticket = await plane.stored(b"words", "a.txt")
        for received in (an_extract_text(ticket, offset=0), an_abandon_upload(plane.ticket(b"x"), offset=1)):
            assert await plane.documents.accept_command(received)
    async with a_plane(tmp_path / "hot") as plane, working(plane.texts):
        assert [type(received.message) for received in plane.documents.pending_commands()] == [
            ExtractText,
            AbandonUpload,
        ]
        running = asyncio.create_task(commands_of(plane).run())
        try:
            await until(lambda: not plane.documents.pending_commands())
        finally:
            running.cancel()
            await asyncio.wait({running})
        assert plane.documents.command_offset(0) == 2


async def test_the_partition_is_that_of_the_elements_key(plane: Plane) -> None:
    found = commands_of(plane).partition
    assert (found.topic, found.partition) == (
        ELEMENT_COMMAND,
        partition_for(plane.documents.identity.element_id.encode(), 6),
    )


async def test_a_heartbeat_says_what_the_element_is_and_survives_a_log_that_is_away(plane: Plane) -> None:
    publisher = MemoryPublisher()
    publisher.fail(2)
    heart = Heartbeat(plane.documents, publisher, plane.clock, plane.metrics, plane.root, "http://agent:1", 1, 0.01)
    beating = asyncio.create_task(heart.run())
    try:
        await until(lambda: bool(publisher.records))
    finally:
        beating.cancel()
        await asyncio.wait({beating})
    status = await heart.status()
    identity = plane.documents.identity
    assert (status.name, status.mode, status.mode_epoch, status.url) == ("hot", identity.mode, 1, "http://agent:1")
    assert status.capacity.total >= status.capacity.free > 0
    assert publisher.records[0].key == identity.element_id.encode()
    assert (status.damaged, status.scrub) == (0, None)


async def test_a_heartbeat_says_how_many_documents_are_damaged_and_how_far_the_scrub_is(plane: Plane) -> None:
    heart = Heartbeat(plane.documents, MemoryPublisher(), plane.clock, plane.metrics, plane.root, "http://a:1", 1, 0.01)
    ticket = await plane.stored(b"to be lost", "a.bin")
    await plane.documents.settle()
    next(plane.root.rglob(f"{ticket.document_id}.v1.a.bin")).unlink()
    await a_scrub(plane.documents).walk()
    plane.clock.advance(60)
    status = await heart.status()
    assert status.damaged == 1
    assert status.scrub == ScrubProgress(
        pass_number=1, share=1.0, documents=1, finished_at=plane.clock.now() - timedelta(seconds=60)
    )
    assert decode(encode(status).value) == status
    shown = plane.metrics.registry.get_sample_value
    assert [shown(f"artstore_{name}") for name in ("documents_damaged", "scrub_age_seconds")] == [1.0, 60.0]


class HardPressed(Documents):
    """Cannot note the first answer."""

    def __init__(self, documents: Documents, short: ArtStoreError) -> None:
        super().__init__(documents._parts)
        self.times = 0
        self._short = short

    async def abandon(self, received: Received) -> None:
        self.times += 1
        if self.times == 1:
            raise self._short
        await super().abandon(received)
