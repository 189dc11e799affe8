"""The outbox: order per document, facts before replies, repeats until acknowledged, a mark that survives a restart."""

import asyncio
import threading
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from producers.publisher import MemoryPublisher
from schemas.envelope import Position, Record
from schemas.errors import DiskFailed, LogUnavailable, TooLarge
from schemas.registry import decode
from schemas.replies import ContentCommitted
from storage_agent import staging
from storage_agent.commitment import committed_entry
from storage_agent.entries import Unsettled, Waiting
from storage_agent.files import LocalDisk
from storage_agent.memory import Memory
from storage_agent.staging import SMALL_BYTES, Staged
from tests.builders import NOW
from tests.elements import ALL_ARE_LARGE, a_ticket_for, an_element, body_in, put, relay_all

DATA = b"bytes"


class FlakyPublisher(MemoryPublisher):
    """Fails every third call, after a while for every one: answers come out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    async def publish(self, record: Record) -> Position:
        self.calls += 1
        number = self.calls
        await asyncio.sleep(0.001 * (number % 5))
        if number % 3 == 0:
            raise LogUnavailable
        return await super().publish(record)


class Refusing(MemoryPublisher):
    async def publish(self, record: Record) -> Position:
        raise TooLarge(f"{len(record.value)} bytes are too many for {record.topic}.")


class SlowDisk(LocalDisk):
    """Moves a body into place only when it may."""

    def __init__(self) -> None:
        self.renaming, self.may_rename = threading.Event(), threading.Event()
        self.may_rename.set()

    def rename(self, source: Path, target: Path) -> None:
        if not self.may_rename.is_set():
            self.renaming.set()
            self.may_rename.wait(10)
        super().rename(source, target)


async def test_every_record_arrives_and_no_reply_overtakes_its_fact_however_the_log_behaves(tmp_path: Path) -> None:
    publisher = FlakyPublisher()
    async with an_element(None, tmp_path) as documents:
        await asyncio.gather(*(put(documents, a_ticket_for(documents.identity, DATA), DATA) for _ in range(12)))
        await relay_all(documents, publisher)
        assert documents.outbox.length == 0
    seen: set[str] = set()
    replies = 0
    for record in publisher.records:
        message = decode(record.value)
        if isinstance(message, ContentCommitted):
            assert message.meta.causation_id in seen
            replies += 1
        seen.add(message.meta.event_id)
    assert replies == 12
    assert len(seen) == 25


async def test_what_is_acknowledged_is_not_sent_again_after_a_restart_and_the_rest_is_byte_for_byte(
    tmp_path: Path,
) -> None:
    first, second, third = MemoryPublisher(), MemoryPublisher(), MemoryPublisher()
    async with an_element(None, tmp_path) as documents:
        await put(documents, a_ticket_for(documents.identity, DATA), DATA)
        await relay_all(documents, first)
        await put(documents, a_ticket_for(documents.identity, DATA), DATA)
        waiting = [r.record() for w in documents._parts.memory.waiting.values() for r in w.records]
    async with an_element(None, tmp_path) as documents:
        assert documents.outbox.length == 1
        await relay_all(documents, second)
    async with an_element(None, tmp_path) as documents:
        await relay_all(documents, third)
    assert len(first.records) == 3
    assert second.records == waiting
    assert third.records == []


async def test_the_age_of_the_oldest_entry_grows_until_it_is_acknowledged(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    async with an_element(None, tmp_path, clock) as documents:
        clock.advance(30)
        assert (documents.outbox.length, documents.outbox.oldest_age) == (1, 30.0)
        await relay_all(documents, MemoryPublisher())
        assert (documents.outbox.length, documents.outbox.oldest_age) == (0, 0.0)


@pytest.mark.parametrize("small_bytes", [SMALL_BYTES, ALL_ARE_LARGE])
async def test_while_files_are_on_their_way_the_document_is_read_from_the_record_and_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_bytes: int
) -> None:
    monkeypatch.setattr(staging, "SMALL_BYTES", small_bytes)
    disk, publisher = SlowDisk(), MemoryPublisher()
    async with an_element(disk, tmp_path) as documents:
        await relay_all(documents, publisher)
        ticket = a_ticket_for(documents.identity, DATA)
        disk.may_rename.clear()
        receipt = await put(documents, ticket, DATA)
        await asyncio.to_thread(disk.renaming.wait, 5)
        relay = asyncio.create_task(documents.outbox.run(publisher))
        await asyncio.sleep(0.1)
        assert (len(publisher.records), documents.outbox.length) == (1, 1)
        assert documents.admit(ticket) == receipt
        assert body_in(documents, ticket) == DATA
        disk.may_rename.set()
        await documents.settle()
        assert body_in(documents, ticket) == DATA
        relay.cancel()
        await relay_all(documents, publisher)
    assert len(publisher.records) == 3


async def test_a_record_that_the_log_can_never_take_ends_the_relay_loudly(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        with pytest.raises(TooLarge):
            await asyncio.wait_for(documents.outbox.run(Refusing()), 5)
        assert documents.outbox.length == 1


async def test_a_failed_disk_ends_the_relay_even_when_it_has_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(DiskFailed, match="gone"):
        await fail_while_the_relay_waits(tmp_path)


async def fail_while_the_relay_waits(root: Path) -> None:
    async with an_element(None, root) as documents:
        relay = asyncio.create_task(documents.outbox.run(MemoryPublisher()))
        watch = asyncio.create_task(documents.watch())
        await asyncio.sleep(0.05)
        documents._parts.gate.fail("The disk is gone.")
        for task in (relay, watch):
            with pytest.raises(DiskFailed):
                await asyncio.wait_for(task, 5)
        with pytest.raises(DiskFailed):
            documents.admit(a_ticket_for(documents.identity, DATA))


async def test_behind_an_entry_whose_files_are_not_in_place_its_lane_waits_and_others_do_not(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        committed = committed_entry(
            ticket=a_ticket_for(documents.identity, DATA),
            media_type="text/plain",
            staged=Staged(None, len(DATA), "0" * 64, DATA),
            identity=documents.identity,
            now=NOW,
            traceparent=None,
        )
    memory = Memory()
    memory.waiting = {n: Waiting(number=n, at=NOW, lane=lane, records=()) for n, lane in enumerate("abab")}
    memory.unsettled = {("a", 1): Unsettled(number=0, committed=committed)}
    assert [waiting.number for waiting in memory.released(4)] == [1, 3]
