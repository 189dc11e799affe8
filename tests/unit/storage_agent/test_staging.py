"""Bytes on their way in, with many at once: room is promised once, the reserve is taken once, no handle is reused."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from schemas.errors import DiskFailed, InsufficientStorage, UploadAbandonedError
from schemas.identifiers import TicketId, derive
from schemas.ticket import UploadTicket
from storage_agent import staging
from storage_agent.files import LocalDisk
from storage_agent.gate import DiskGate
from storage_agent.reserve import Reserve
from storage_agent.staging import Stagings
from tests.builders import NOW, a_ticket, an_upload_request

ROOM = 10_000_000


class NarrowDisk(LocalDisk):
    """Has little room, takes its time, and notes what is synced and which handles are used after they were closed."""

    def __init__(self) -> None:
        self.closed: set[int] = set()
        self.late: list[int] = []
        self.synced: list[int] = []
        self.writing = threading.Event()
        self.held = threading.Event()
        self.held.set()

    def free_bytes(self, path: Path) -> int:
        del path
        return ROOM

    def create(self, path: Path) -> int:
        time.sleep(0.02)
        handle = super().create(path)
        self.closed.discard(handle)
        return handle

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        time.sleep(0.02)

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        self.writing.set()
        self.held.wait(5)
        time.sleep(0.1)
        if handle in self.closed:
            self.late.append(handle)
            return
        super().write(handle, data, offset)

    def sync(self, handle: int) -> None:
        self.synced.append(handle)
        super().sync(handle)

    def close(self, handle: int) -> None:
        self.closed.add(handle)
        super().close(handle)


class ForgetfulDisk(LocalDisk):
    """Has endless room, keeps nothing, and notes how many bytes each sync had to bring to the drive."""

    def __init__(self) -> None:
        self.waiting = 0
        self.synced: list[int] = []
        self.begun: list[tuple[int, int]] = []

    def free_bytes(self, path: Path) -> int:
        del path
        return 10**12

    def write_back(self, handle: int, offset: int, size: int) -> None:
        del handle
        self.begun.append((offset, size))

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        del handle, offset
        self.waiting += len(data)

    def sync(self, handle: int) -> None:
        del handle
        self.synced.append(self.waiting)
        self.waiting = 0


def stagings(disk: LocalDisk, folder: Path, reserve_bytes: int = 0) -> Stagings:
    return Stagings(disk, DiskGate(), Reserve(disk, folder, reserve_bytes), folder, ManualClock(NOW))


def ticket_of(size: int, n: int = 0) -> UploadTicket:
    ticket = a_ticket(an_upload_request(size=size))
    return ticket.model_copy(update={"ticket_id": TicketId(derive("ticket", "staging", n))})


async def test_uploads_that_begin_at_once_are_not_promised_the_same_room(tmp_path: Path) -> None:
    opening = stagings(NarrowDisk(), tmp_path)
    outcomes = await asyncio.gather(
        *(opening.open(ticket_of(ROOM * 6 // 10, n)) for n in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(InsufficientStorage) == 2


async def test_uploads_that_begin_at_once_take_the_reserve_again_and_the_disk_does_not_count_as_failed(
    tmp_path: Path,
) -> None:
    opening = stagings(NarrowDisk(), tmp_path, reserve_bytes=4096)
    files = await asyncio.gather(*(opening.open(ticket_of(staging.SMALL_BYTES + 1, n)) for n in range(4)))
    assert len({file.path for file in files}) == 4
    assert opening.gate.failure() is None


async def test_a_put_that_is_cancelled_while_it_writes_closes_its_file_only_behind_the_write(tmp_path: Path) -> None:
    disk = NarrowDisk()
    opening = stagings(disk, tmp_path)
    file = await opening.open(ticket_of(staging.BUFFER_BYTES))
    writing = asyncio.create_task(file.write(bytes(staging.BUFFER_BYTES)))
    await asyncio.to_thread(disk.writing.wait, 5)
    writing.cancel()
    await asyncio.wait({writing})
    await file.revoke()
    await asyncio.sleep(0.15)
    assert disk.late == []
    assert disk.names(tmp_path) == []
    with pytest.raises(UploadAbandonedError):
        await file.finish()


async def test_a_small_body_stays_whole_in_memory_however_little_is_gathered_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "BUFFER_BYTES", 4)
    file = await stagings(NarrowDisk(), tmp_path).open(ticket_of(10))
    await file.write(b"small")
    await file.write(b" body")
    assert (await file.finish()).body == b"small body"


async def test_many_bodies_together_gather_no_more_for_the_disk_than_they_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "GATHERED_BYTES", 2 * staging.BUFFER_BYTES)
    disk = ForgetfulDisk()
    opening = stagings(disk, tmp_path)
    half = bytes(staging.BUFFER_BYTES // 2)
    files = [await opening.open(ticket_of(staging.BUFFER_BYTES, number)) for number in range(4)]
    await files[0].write(half)
    # Written though the next one is not there yet: the four together have no room for more.
    await asyncio.sleep(0)
    await files[0].discard()
    await files[1].discard()
    await files[2].write(half)
    assert (files[0].promised, files[2].promised) == (len(half), staging.BUFFER_BYTES)


async def test_a_large_body_is_synced_while_it_arrives_so_that_its_last_sync_is_short(tmp_path: Path) -> None:
    disk = ForgetfulDisk()
    size = staging.SYNC_BYTES * 2 + 5
    file = await stagings(disk, tmp_path).open(ticket_of(size))
    for _ in range(size // staging.BUFFER_BYTES):
        await file.write(bytes(staging.BUFFER_BYTES))
    await file.write(bytes(size % staging.BUFFER_BYTES))
    await file.finish()
    assert max(disk.synced) <= staging.SYNC_BYTES
    assert sum(disk.synced) == size
    # Between two syncs the drive is given work, and never the same bytes twice.
    step = staging.WRITE_BACK_BYTES
    assert disk.begun == [
        (at, step) for at in range(0, 2 * staging.SYNC_BYTES, step) if (at + step) % staging.SYNC_BYTES
    ]


async def test_the_next_piece_is_taken_while_one_is_written_and_no_third(tmp_path: Path) -> None:
    disk = NarrowDisk()
    disk.held.clear()
    file = await stagings(disk, tmp_path).open(ticket_of(3 * staging.BUFFER_BYTES, 1))
    piece = memoryview(bytearray(staging.BUFFER_BYTES))
    await file.write(piece)
    await asyncio.to_thread(disk.writing.wait, 5)
    third = asyncio.create_task(file.write(piece))
    await asyncio.sleep(0.05)
    assert not third.done()
    disk.held.set()
    await third
    await file.finish()
    assert file.promised == staging.BUFFER_BYTES


async def test_a_disk_that_does_not_say_how_much_is_free_holds_nobody_else_up(tmp_path: Path) -> None:
    disk = SilentDisk()
    stagings = Stagings(disk, DiskGate(0.2), Reserve(disk, tmp_path, 0), tmp_path, ManualClock(NOW))
    opening = asyncio.create_task(stagings.open(a_ticket(an_upload_request(size=1))))
    try:
        # The event loop turns meanwhile, and after its deadline the disk counts as failed.
        with pytest.raises(DiskFailed, match="did not answer"):
            async with asyncio.timeout(10):
                await opening
    finally:
        disk.heard.set()


class SilentDisk(LocalDisk):
    """Answers no question about its room until `heard` is set."""

    def __init__(self) -> None:
        self.heard = threading.Event()

    def free_bytes(self, path: Path) -> int:
        self.heard.wait(60)
        return super().free_bytes(path)
