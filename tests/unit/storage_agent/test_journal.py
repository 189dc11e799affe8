"""The journal's writer: one sync for many, full disks, failed disks, segments that begin and go."""

import asyncio
import errno
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from infra.runtime.settings_sections import AgentSettings
from schemas.errors import DiskFailed, InsufficientStorage, JournalDamaged, Stopping
from schemas.ticket import UploadTicket
from storage_agent import staging
from storage_agent.entries import Passed, StoredPosition
from storage_agent.files import LocalDisk
from storage_agent.journal import QUEUE_MAX, segment_names
from storage_agent.reserve import NAME
from storage_agent.staging import SMALL_BYTES
from tests.builders import NOW
from tests.disks import CrashingDisk, MemoryDisk
from tests.elements import (
    ALL_ARE_LARGE,
    RESERVE_BYTES,
    ROOT,
    a_ticket_for,
    an_abandon,
    an_element,
    faults,
    put,
    put_in_place,
)

DATA = b"bytes"


class FailingDisk(LocalDisk):
    """A local disk whose calls of one name fail with one error, once or for ever, after it is switched on."""

    def __init__(self) -> None:
        self.failing = ""
        self.error = errno.EIO
        self.times = 0
        self.seen = 0

    def fail(self, name: str, error: int, times: int = 10**9) -> None:
        self.failing, self.error, self.times = name, error, times

    def _maybe(self, name: str) -> None:
        if name == self.failing and self.times > 0:
            self.times -= 1
            self.seen += 1
            raise OSError(self.error, os.strerror(self.error))

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        if self.failing == "write" and self.times > 0:
            super().write(handle, data[: len(data) // 2], offset)
        self._maybe("write")
        super().write(handle, data, offset)

    def create(self, path: Path) -> int:
        self._maybe("create")
        return super().create(path)

    def allocate(self, handle: int, size: int) -> None:
        self._maybe("allocate")
        super().allocate(handle, size)

    def close(self, handle: int) -> None:
        super().close(handle)
        self._maybe("close")

    def sync(self, handle: int) -> None:
        self._maybe("sync")
        super().sync(handle)

    def rename(self, source: Path, target: Path) -> None:
        self._maybe("rename")
        super().rename(source, target)


async def test_what_is_decided_at_the_same_moment_shares_one_sync() -> None:
    disk = CrashingDisk(MemoryDisk())
    async with an_element(disk) as documents:
        journal, lines, calls = documents._parts.journal, disk_lines(disk), len(disk.calls)
        entries = [Passed(position=StoredPosition(topic="t", partition=0, offset=n)) for n in range(40)]
        # All forty wait before the writer has its turn, so that no thread decides how many share a line.
        await asyncio.gather(*(journal.append(entry) for entry in entries))
        assert disk_lines(disk) == lines + 1
        assert disk.calls[calls:].count("sync") == 1


async def test_refusals_without_end_do_not_fill_the_memory_behind_a_slow_disk() -> None:
    async with an_element(CrashingDisk(MemoryDisk())) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        # The writer has no turn in between, as behind a disk that does not answer.
        for _ in range(QUEUE_MAX + 10):
            documents.note_refusal(ticket, {"code": "size_mismatch"})
        assert len(documents._parts.journal._queue) == QUEUE_MAX
        assert "size_mismatch" in documents._parts.memory.notes[ticket.ticket_id].problem


def disk_lines(disk: CrashingDisk) -> int:
    names = disk.names(ROOT / "journal")
    return (disk.read(ROOT / "journal" / names[0]) or b"").count(b"\n")


async def test_what_nobody_waits_for_becomes_durable_within_a_second(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        documents.note_refusal(ticket, {"code": "digest_mismatch"})
        segment = tmp_path / "journal" / segment_names(LocalDisk(), tmp_path / "journal")[0]
        async with asyncio.timeout(5):
            while b"digest_mismatch" not in segment.read_bytes():  # noqa: ASYNC110 - only the file tells it
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("call", ["sync", "write", "rename"])
@pytest.mark.parametrize("error", [errno.EIO, errno.EROFS])
async def test_a_failed_call_is_final_nothing_is_acknowledged_any_more(tmp_path: Path, call: str, error: int) -> None:
    disk, acknowledged = FailingDisk(), list[UploadTicket]()
    with pytest.raises(DiskFailed):
        await work_on(disk, tmp_path, acknowledged, lambda: disk.fail(call, error, times=1))
    assert disk.seen == 1
    async with an_element(None, tmp_path) as documents:
        assert documents.find(acknowledged[0].document_id, 1) is not None
    assert faults(LocalDisk(), tmp_path) == []


async def work_on(disk: FailingDisk, root: Path, acknowledged: list[UploadTicket], fail: Callable[[], None]) -> None:
    """Commit one document, let the disk fail, and find every later call refused."""
    async with an_element(disk, root) as documents:
        acknowledged.append(a_ticket_for(documents.identity, DATA))
        await put(documents, acknowledged[0], DATA)
        fail()
        for _ in range(3):
            with pytest.raises(DiskFailed):
                await put(documents, a_ticket_for(documents.identity, DATA), DATA)
        with pytest.raises(DiskFailed):
            documents.admit(acknowledged[0])
        with pytest.raises(DiskFailed):
            await documents.watch()


async def test_a_full_disk_is_helped_once_by_the_reserve_and_then_refuses_without_a_partial_line(
    tmp_path: Path,
) -> None:
    disk = FailingDisk()
    reserve = tmp_path / "journal" / NAME
    async with an_element(disk, tmp_path) as documents:
        assert reserve.stat().st_size == RESERVE_BYTES
        command = an_abandon(a_ticket_for(documents.identity, DATA))
        disk.fail("write", errno.ENOSPC, times=1)
        assert await documents.accept_command(command)
        assert not reserve.exists()
        disk.fail("write", errno.ENOSPC, times=2)
        with pytest.raises(InsufficientStorage):
            await documents.accept_command(an_abandon(a_ticket_for(documents.identity, DATA), offset=1))
        segment = tmp_path / "journal" / segment_names(disk, tmp_path / "journal")[0]
        assert segment.read_bytes().endswith(b"\n")
        ticket = a_ticket_for(documents.identity, DATA)
        await put(documents, ticket, DATA)
        assert reserve.stat().st_size == RESERVE_BYTES
    async with an_element(None, tmp_path) as documents:
        assert documents.pending_commands() == [command]
        assert documents.find(ticket.document_id, 1) is not None


@pytest.mark.parametrize(("small_bytes", "full_writes"), [(SMALL_BYTES, 2), (ALL_ARE_LARGE, 1)])
async def test_a_full_disk_refuses_an_upload_and_keeps_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_bytes: int, full_writes: int
) -> None:
    monkeypatch.setattr(staging, "SMALL_BYTES", small_bytes)
    disk = FailingDisk()
    async with an_element(disk, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        # The journal's line has the reserve behind it and is tried twice.
        disk.fail("write", errno.ENOSPC, times=full_writes)
        with pytest.raises(InsufficientStorage):
            await put(documents, ticket, DATA)
        assert faults(LocalDisk(), tmp_path) == []
        assert (await put(documents, ticket, DATA)).size == len(DATA)


async def test_a_full_disk_behind_the_commit_point_gives_the_reserve_to_the_document(tmp_path: Path) -> None:
    disk = FailingDisk()
    async with an_element(disk, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        disk.fail("rename", errno.ENOSPC, times=1)
        await put_in_place(documents, ticket, DATA)
        assert not (tmp_path / "journal" / NAME).exists()
    assert faults(LocalDisk(), tmp_path) == []


async def test_an_element_starts_on_a_disk_that_is_full_up_to_the_reserve(tmp_path: Path) -> None:
    disk = FailingDisk()
    async with an_element(disk, tmp_path) as documents:
        ticket = a_ticket_for(documents.identity, DATA)
        await put(documents, ticket, DATA)
    disk.fail("write", errno.ENOSPC, times=1)
    async with an_element(disk, tmp_path) as documents:
        assert documents.find(ticket.document_id, 1) is not None


async def test_an_element_starts_where_a_quota_leaves_no_room_for_the_reserve(tmp_path: Path) -> None:
    disk = FailingDisk()
    disk.fail("allocate", errno.EDQUOT, times=1)
    async with an_element(disk, tmp_path) as documents:
        assert not (tmp_path / "journal" / NAME).exists()
        assert await put(documents, a_ticket_for(documents.identity, DATA), DATA)
        assert (tmp_path / "journal" / NAME).stat().st_size == RESERVE_BYTES


@pytest.mark.parametrize("rotate_beyond", [1, 10**9])
async def test_a_segment_that_cannot_be_closed_is_a_failure_of_the_disk(tmp_path: Path, rotate_beyond: int) -> None:
    with pytest.raises(DiskFailed):
        await accept_while_closing_fails(FailingDisk(), tmp_path, rotate_beyond)


async def accept_while_closing_fails(disk: FailingDisk, root: Path, rotate_beyond: int) -> None:
    async with an_element(disk, root) as documents:
        documents._parts.journal._rotate_beyond = rotate_beyond
        disk.fail("close", errno.EIO)
        await documents.accept_command(an_abandon(a_ticket_for(documents.identity, DATA)))


async def test_a_large_journal_begins_a_new_segment_that_carries_everything(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        documents._parts.journal._rotate_beyond = 2_000
        tickets = [a_ticket_for(documents.identity, DATA) for _ in range(6)]
        command = an_abandon(a_ticket_for(documents.identity, DATA), offset=7)
        await documents.accept_command(command)
        for ticket in tickets:
            await put(documents, ticket, DATA)
        waiting = dict(documents._parts.memory.waiting)
        assert len(segment_names(LocalDisk(), tmp_path / "journal")) > 1
    async with an_element(None, tmp_path) as documents:
        assert documents._parts.memory.waiting == waiting
        assert documents.pending_commands() == [command]
        assert documents.command_offset(3) == 8
        assert all(documents.admit(ticket) for ticket in tickets)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EMFILE])
async def test_a_new_segment_that_cannot_be_written_is_put_off_and_the_old_one_goes_on(
    tmp_path: Path, error: int
) -> None:
    disk = FailingDisk()
    async with an_element(disk, tmp_path) as documents:
        documents._parts.journal._rotate_beyond = 1
        disk.fail("create", error, times=1)
        first, second = (
            an_abandon(a_ticket_for(documents.identity, DATA)),
            an_abandon(a_ticket_for(documents.identity, DATA), offset=1),
        )
        for command in (first, second):
            assert await documents.accept_command(command)
        assert segment_names(disk, tmp_path / "journal") == ["0000000000000001.wal"]
        assert disk.seen == 1
    async with an_element(None, tmp_path) as documents:
        assert documents.pending_commands() == [first, second]


async def test_a_new_segment_gets_the_reserve_for_its_name(tmp_path: Path) -> None:
    disk = FailingDisk()
    await rotate_while_names_fail(disk, tmp_path, times=1)
    assert segment_names(disk, tmp_path / "journal") == ["0000000000000001.wal", "0000000000000004.wal"]
    assert faults(disk, tmp_path) == []


async def test_a_new_segment_that_may_be_visible_or_not_is_a_failure_for_good(tmp_path: Path) -> None:
    disk = FailingDisk()
    with pytest.raises(DiskFailed):
        await rotate_while_names_fail(disk, tmp_path, times=2)
    async with an_element(None, tmp_path) as documents:
        assert len(documents.pending_commands()) == 1


async def rotate_while_names_fail(disk: FailingDisk, root: Path, times: int) -> None:
    async with an_element(disk, root) as documents:
        documents._parts.journal._rotate_beyond = 1
        disk.fail("rename", errno.ENOSPC, times)
        await documents.accept_command(an_abandon(a_ticket_for(documents.identity, DATA)))


async def test_a_segment_goes_when_it_is_a_week_old_and_nothing_in_it_waits() -> None:
    clock, disk = ManualClock(NOW), MemoryDisk()
    settings = AgentSettings(reserve_bytes=0)
    for day in range(12):
        disk.now = clock.now()
        async with an_element(disk, clock=clock, settings=settings) as documents:
            documents.note_refusal(a_ticket_for(documents.identity, DATA), {"day": day})
        clock.advance(timedelta(days=1).total_seconds())
        names = segment_names(disk, ROOT / "journal")
        assert len(names) == day + 2, "the announcement of the element waits in the first one"
    async with an_element(disk, clock=clock, settings=settings) as documents:
        documents._parts.memory.waiting.clear()
        documents.note_refusal(a_ticket_for(documents.identity, DATA), {})
    assert len(segment_names(disk, ROOT / "journal")) == 8


async def test_a_damaged_journal_keeps_the_agent_from_starting_and_nothing_is_cut(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        documents.note_refusal(a_ticket_for(documents.identity, DATA), {})
    segment = tmp_path / "journal" / segment_names(LocalDisk(), tmp_path / "journal")[-1]
    damaged = segment.read_bytes().replace(b'"carried"', b'"carries"')
    segment.write_bytes(damaged)
    with pytest.raises(JournalDamaged):
        async with an_element(None, tmp_path):
            pass
    assert segment.read_bytes() == damaged


async def test_after_the_end_an_append_is_told_that_the_agent_stops(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        pass
    with pytest.raises(Stopping):
        await documents.accept_command(an_abandon(a_ticket_for(documents.identity, DATA)))
