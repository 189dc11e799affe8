"""Checksum lists of hour folders: sha256sum agrees with them, none is forgotten, and none is in a commit's way."""

import asyncio
import errno
import random
import subprocess
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from schemas.errors import ArtStoreError
from schemas.ticket import UploadTicket
from storage_agent import opening
from storage_agent.documents import Documents
from storage_agent.entries import Committed, Listed
from storage_agent.files import LocalDisk
from storage_agent.journal import SEGMENT
from storage_agent.layout import SUMS
from storage_agent.manifests import Manifests, due, hours_without_list, is_listable, parsed, rendered
from storage_agent.memory import Memory
from storage_agent.parts import Parts
from storage_agent.segments import scan
from tests.builders import NOW
from tests.disks import Crash, CrashingDisk, MemoryDisk
from tests.elements import ROOT, a_ticket_for, an_element, faults, hours, list_faults, put

FILENAMES = (
    "Отчёт за год.txt",
    "👩‍👩‍👧 & 'кавычки'; $(rm) *.txt",
    "ж" * 300 + ".pdf",
    "🗄" * 200,
    "  с пробелами \\ и\nпереводом строки  ",
    "\u202eнаоборот",
    "SHA256SUMS",
    "x.attr.json",
    "е\u0308",
)


async def store(documents: Documents, data: bytes = b"data", filename: str = "Отчёт.txt") -> UploadTicket:
    ticket = a_ticket_for(documents.identity, data, filename=filename)
    await put(documents, ticket, data)
    await documents.settle()
    return ticket


def checked(hour: Path) -> str:
    """Return what `sha256sum -c` says about a folder, all of it."""
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", SUMS], cwd=hour, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


async def test_sha256sum_agrees_with_the_list_of_a_folder_with_names_of_every_kind(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        for filename in FILENAMES:
            await store(documents, filename.encode(), filename)
        await store(documents, b"")
    [hour] = hours(LocalDisk(), tmp_path)
    files = sorted(path.name for path in hour.iterdir() if path.name != SUMS)
    assert max(len(name.encode()) for name in files) > 235
    assert checked(hour) == "".join(f"{name}: OK\n" for name in files)
    assert len(files) == 2 * len(FILENAMES) + 2


async def test_sha256sum_finds_what_was_changed_afterwards(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        await store(documents)
    [hour] = hours(LocalDisk(), tmp_path)
    next(hour.glob("*.txt")).write_bytes(b"Data")
    assert ".txt: FAILED" in checked(hour)


async def test_a_list_is_written_once_its_folder_has_been_quiet_for_a_minute() -> None:
    disk, clock = MemoryDisk(), ManualClock(NOW)
    async with an_element(disk, clock=clock) as documents:
        parts = documents._parts
        await store(documents)
        lists = Manifests(parts)
        clock.advance(59)
        await lists.write_due()
        assert hours_without_list(disk, ROOT) != []
        clock.advance(1)
        await lists.write_due()
        assert list_faults(disk) == []
        await until_nothing_is_owed(parts)


async def test_a_folder_that_is_never_quiet_gets_its_list_every_ten_minutes() -> None:
    disk, clock = MemoryDisk(), ManualClock(NOW)
    async with an_element(disk, clock=clock) as documents:
        parts = documents._parts
        lists, written = Manifests(parts), list[int]()
        for minute in range(22):
            await put(documents, at(documents, clock), b"busy")
            await documents.settle()
            clock.advance(30)
            await lists.write_due()
            [hour] = hours(disk)
            lines = len(parsed(disk.read(hour / SUMS) or b""))
            if lines != (written[-1] if written else 0):
                written.append(lines)
            assert minute < 20 or written
        assert written == [2 * 20]


def at(documents: Documents, clock: ManualClock) -> UploadTicket:
    """Return a ticket that is still current whatever the clock shows; its document lies in the first hour."""
    ticket = a_ticket_for(documents.identity, b"busy")
    return ticket.model_copy(update={"deadline_at": clock.now(), "deadline_at_max": ticket.deadline_at_max})


async def until_nothing_is_owed(parts: Parts) -> None:
    async with asyncio.timeout(10):
        while parts.memory.unlisted:  # noqa: ASYNC110 - the journal tells nobody of what nobody waits for
            await asyncio.sleep(0.01)


async def test_a_commit_that_comes_while_a_list_is_written_is_owed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        parts = documents._parts
        await store(documents)
        names = disk.names

        def and_a_commit_comes(path: Path) -> list[str]:
            found = names(path)
            if path.name.isdigit() and not late:
                late.append(asyncio.run_coroutine_threadsafe(store(documents), loop))
                late[0].result(30)
            return found

        late, loop = list[Future[UploadTicket]](), asyncio.get_running_loop()
        monkeypatch.setattr(disk, "names", and_a_commit_comes)
        await Manifests(parts).write_owed()
        # When an entry is durable, all before it are.
        await parts.journal.append(Listed(directory="none", through=0))
        assert len(parts.memory.unlisted) == 1
        assert list_faults(disk) != []
    assert list_faults(disk) == []


async def work(disk: CrashingDisk) -> None:
    async with an_element(disk) as documents:
        parts = documents._parts
        await store(documents)
        await Manifests(parts).write_owed()
        await store(documents)
    async with an_element(disk):
        pass


async def test_a_crash_at_any_step_forgets_no_list() -> None:
    counted = CrashingDisk(MemoryDisk())
    await work(counted)
    for at in range(len(counted.calls) + 1):
        disk = MemoryDisk()
        with suppress(Crash, ArtStoreError):
            await work(CrashingDisk(disk, at))
        disk.cut_power(random.Random(at), float(at % 2))  # noqa: S311 - a seed, not a secret
        # Nothing is stored any more: whatever is listed now was owed before the crash.
        async with an_element(disk):
            pass
        assert [*faults(disk), *list_faults(disk)] == [], f"a crash before step {at}"


async def commits(count: int) -> list[Committed]:
    """Return the journal's entries about documents of one hour."""
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        for _ in range(count):
            await store(documents)
        [segment] = [name for name in disk.names(ROOT / "journal") if name.endswith(SEGMENT)]
        lines = scan(disk.read(ROOT / "journal" / segment) or b"").lines
        return [entry for line in lines for entry in line.entries if isinstance(entry, Committed)]


async def test_a_list_counts_for_no_commit_whose_files_are_still_on_their_way() -> None:
    memory, later = Memory(), NOW + timedelta(minutes=10)
    first, second = await commits(2)
    memory.apply(5, first)
    memory.apply(6, second.model_copy(update={"at": later}))
    hour = first.directory
    assert due(memory.unlisted.values(), later) == [hour]
    assert memory.in_place_through(hour) == 4
    memory.settle(first.document_id, 1)
    assert memory.in_place_through(hour) == 5
    memory.apply(7, Listed(directory=hour, through=5))
    assert due(memory.unlisted.values(), later) == []
    assert due(memory.unlisted.values(), later + timedelta(minutes=1)) == [hour]
    memory.settle(second.document_id, 1)
    assert memory.in_place_through(hour) == 6
    memory.apply(8, Listed(directory=hour, through=6))
    assert memory.unlisted == {}


@pytest.mark.parametrize("step", [timedelta(minutes=-1), timedelta(days=-400), timedelta(days=400)])
async def test_a_clock_that_is_set_elsewhere_puts_no_list_off(step: timedelta) -> None:
    memory, [committed] = Memory(), await commits(1)
    memory.apply(1, committed)
    assert due(memory.unlisted.values(), NOW + step) == [committed.directory]


async def test_what_is_owed_is_carried_over_from_segment_to_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "STOP_SECONDS", -1.0)
    disk = MemoryDisk()
    for number in range(3):
        async with an_element(disk) as documents:
            parts = documents._parts
            # No stop has time for a list, and each begins a new segment.
            assert len(parts.memory.unlisted) == min(number, 1)
            await store(documents)
    assert hours_without_list(disk, ROOT) != []
    monkeypatch.setattr(opening, "STOP_SECONDS", 60.0)
    async with an_element(disk):
        pass
    assert list_faults(disk) == []


async def test_a_folder_that_lost_its_list_or_never_had_one_gets_it_when_asked_for() -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        await store(documents)
    [hour] = hours(disk)
    disk.unlink(hour / SUMS)
    async with an_element(disk) as documents:
        parts = documents._parts
        assert await Manifests(parts).write_missing() == 1
        assert await Manifests(parts).write_missing() == 0
    assert list_faults(disk) == []


async def test_a_body_without_attributes_is_never_listed(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        await store(documents)
        [hour] = hours(LocalDisk(), tmp_path)
        (hour / f"{next(hour.glob('*.txt')).name}.stray").write_bytes(b"stray")
    assert [name for name in parsed((hour / SUMS).read_bytes()) if "stray" in name] == []


async def test_attributes_that_are_damaged_keep_the_sums_that_they_had(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        await store(documents)
    [hour] = hours(LocalDisk(), tmp_path)
    before, damaged = (hour / SUMS).read_bytes(), next(hour.glob("*.attr.json"))
    damaged.write_bytes(damaged.read_bytes().replace(b'"admin"', b'"Admin"'))
    async with an_element(None, tmp_path) as documents:
        await store(documents)
    after = (hour / SUMS).read_bytes()
    assert len(after.splitlines()) == 4
    assert set(before.splitlines()) < set(after.splitlines())
    assert f"{damaged.name}: FAILED" in checked(hour)


class NoRoomForLists(LocalDisk):
    """Takes half of a list and is full."""

    def __init__(self) -> None:
        self.full = True
        self._list: int | None = None

    def create(self, path: Path) -> int:
        handle = super().create(path)
        self._list = handle if path.name == SUMS else None
        return handle

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        if self.full and handle == self._list:
            super().write(handle, data[: len(data) // 2], offset)
            raise OSError(errno.ENOSPC, "no room")
        super().write(handle, data, offset)


async def test_a_full_disk_puts_a_list_off_and_stops_nothing(tmp_path: Path) -> None:
    disk = NoRoomForLists()
    async with an_element(disk, tmp_path) as documents:
        parts = documents._parts
        await store(documents)
        await Manifests(parts).write_owed()
        await store(documents)
        assert len(parts.memory.unlisted) == 1
        assert list((tmp_path / "staging").iterdir()) == []
        disk.full = False
        await Manifests(parts).write_owed()
        assert list_faults(disk, tmp_path) == []


class Unread(MemoryDisk):
    """Has bodies that nobody may read."""

    def read(self, path: Path) -> bytes | None:
        assert not path.name.endswith("Отчёт.txt"), path
        return super().read(path)

    def sha256(self, path: Path) -> str | None:
        raise AssertionError(path)


async def test_no_body_is_read_for_a_list() -> None:
    disk = Unread()
    async with an_element(disk) as documents:
        parts = documents._parts
        await store(documents)
        await Manifests(parts).write_owed()
        await until_nothing_is_owed(parts)
        assert hours_without_list(disk, ROOT) == []


async def test_a_list_that_is_right_already_is_not_written_again(tmp_path: Path) -> None:
    async with an_element(None, tmp_path) as documents:
        parts = documents._parts
        await store(documents)
        await Manifests(parts).write_owed()
        [hour] = hours(LocalDisk(), tmp_path)
        before = (hour / SUMS).stat().st_ino
        await Manifests(parts).write_owed()
        assert (hour / SUMS).stat().st_ino == before


async def test_lists_are_kept_while_an_agent_runs() -> None:
    disk, clock = MemoryDisk(), ManualClock(NOW)
    async with an_element(disk, clock=clock) as documents:
        parts = documents._parts
        await store(documents)
        clock.advance(60)
        keeper = asyncio.create_task(documents.keep_manifests())
        await until_nothing_is_owed(parts)
        keeper.cancel()
        assert list_faults(disk) == []


def test_a_list_reads_back_as_it_was_written() -> None:
    sums = {"a  b": "0" * 64, "Отчёт 👩‍👩‍👧.txt": "f" * 64}
    assert parsed(rendered(sums)) == sums
    assert parsed(b"garbage\n" + rendered(sums) + b"\xff\xfe") == sums


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "a\rb", "../a", "a/b", ".."])
def test_a_name_that_would_need_escaping_is_not_listed(name: str) -> None:
    assert not is_listable(name)
