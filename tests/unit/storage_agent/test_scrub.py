"""The scrub: it finds each kind of damage, tells it once, and goes on behind a fault and after a restart."""

import asyncio
import errno
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from infra.runtime.metrics import Metrics
from infra.runtime.settings_sections import AgentSettings
from schemas.errors import BodyDamaged, SealBroken
from schemas.events import DocumentDamaged, DocumentMended, ElementScrubbed
from schemas.identifiers import DocumentId, new_id
from schemas.ticket import UploadTicket
from storage_agent.documents import Documents
from storage_agent.files import write_synced
from storage_agent.layout import place_of
from storage_agent.scrub import VERSION_BYTES, Pace
from tests.builders import NOW
from tests.disks import MemoryDisk
from tests.elements import ROOT, a_scrub, a_ticket_for, an_element, put, told_by

DATA = b"the bytes of a document"
NAME = "Отчёт.txt"


def body_of(ticket: UploadTicket) -> Path:
    place = place_of(ticket.document_id, 1, NAME)
    return ROOT / place.directory / place.body


def attr_of(ticket: UploadTicket) -> Path:
    place = place_of(ticket.document_id, 1, NAME)
    return ROOT / place.directory / place.attr


async def stored(documents: Documents, *, hours_ago: float = 0.0) -> UploadTicket:
    ticket = a_ticket_for(documents.identity, DATA)
    document_id = DocumentId(new_id(NOW - timedelta(hours=hours_ago)))
    ticket = ticket.model_copy(update={"document_id": document_id})
    await put(documents, ticket, DATA)
    await documents.settle()
    return ticket


def overwrite(disk: MemoryDisk, path: Path, data: bytes) -> None:
    disk.unlink(path)
    write_synced(disk, path, data)


def flip(disk: MemoryDisk, path: Path) -> None:
    data = bytearray(disk.read(path) or b"")
    data[len(data) // 2] ^= 1
    overwrite(disk, path, bytes(data))


def replace_by_folder(disk: MemoryDisk, path: Path) -> None:
    disk.unlink(path)
    disk.make_directory(path)


DAMAGES: dict[str, tuple[str, str, Callable[[MemoryDisk, UploadTicket], None]]] = {
    "a bit of the body": ("body", "digest", lambda disk, ticket: flip(disk, body_of(ticket))),
    "a byte less": ("body", "size", lambda disk, ticket: overwrite(disk, body_of(ticket), DATA[:-1])),
    "a byte more": ("body", "size", lambda disk, ticket: overwrite(disk, body_of(ticket), DATA + b"!")),
    "no body": ("body", "missing", lambda disk, ticket: disk.unlink(body_of(ticket))),
    "a folder for a body": ("body", "not_a_file", lambda disk, ticket: replace_by_folder(disk, body_of(ticket))),
    "a bit of the attributes": ("attributes", "seal", lambda disk, ticket: flip(disk, attr_of(ticket))),
    "no attributes": ("attributes", "missing", lambda disk, ticket: disk.unlink(attr_of(ticket))),
    "a folder for attributes": (
        "attributes",
        "not_a_file",
        lambda disk, ticket: replace_by_folder(disk, attr_of(ticket)),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_each_kind_of_damage_is_told_once_and_refused_and_everything_else_is_still_given(damage: str) -> None:
    part, reason, harm = DAMAGES[damage]
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        first, hurt, last = [await stored(documents) for _ in range(3)]
        await told_by(documents)
        harm(disk, hurt)
        for _ in range(2):
            await a_scrub(documents).walk()
        damaged = [fact for fact in await told_by(documents) if isinstance(fact, DocumentDamaged)]
        assert [(fact.meta.aggregate_id, fact.document_version) for fact in damaged] == [(hurt.document_id, 1)]
        assert (damaged[0].part, damaged[0].reason, damaged[0].found_by) == (part, reason, "scrub")
        assert damaged[0].size == (len(DATA) if part == "body" else None)
        with pytest.raises(BodyDamaged if part == "body" else SealBroken, match="is damaged"):
            documents.find(hurt.document_id, 1)
        assert documents.find(first.document_id, 1) is not None
        assert documents.find(last.document_id, 1) is not None
        assert documents.fixity.damaged == 1


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_is_damaged_lies_in_the_quarantine_and_its_other_half_stays(damage: str) -> None:
    part, reason, harm = DAMAGES[damage]
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        ticket = await stored(documents)
        harm(disk, ticket)
        await a_scrub(documents).walk()
        hurt, other = (body_of, attr_of) if part == "body" else (attr_of, body_of)
        kept = [] if reason == "missing" else [hurt(ticket).name]
        assert disk.names(ROOT / "quarantine") == kept
        assert (disk.size(hurt(ticket)), disk.is_file(other(ticket))) == (None, True)
        fact = next(fact for fact in await told_by(documents) if isinstance(fact, DocumentDamaged))
        assert list(fact.quarantined) == kept


async def test_damage_is_told_once_over_a_restart_and_a_new_segment_and_its_mending_as_well() -> None:
    disk, told = MemoryDisk(), []
    async with an_element(disk) as documents:
        ticket = await stored(documents)
        good = disk.read(body_of(ticket)) or b""
        flip(disk, body_of(ticket))
        await a_scrub(documents).walk()
        told += await told_by(documents)
    async with an_element(disk) as documents:
        await a_scrub(documents).walk()
        with pytest.raises(BodyDamaged):
            documents.find(ticket.document_id, 1)
        told += await told_by(documents)
        write_synced(disk, body_of(ticket), good)
        for _ in range(2):
            await a_scrub(documents).walk()
        assert documents.find(ticket.document_id, 1) is not None
        told += await told_by(documents)
    facts = [fact for fact in told if isinstance(fact, DocumentDamaged | DocumentMended)]
    assert [type(fact) for fact in facts] == [DocumentDamaged, DocumentMended]
    assert facts[1].meta.causation_id == facts[0].meta.event_id
    assert facts[0].meta.aggregate_version < facts[1].meta.aggregate_version


async def test_a_wrong_file_put_back_is_put_aside_under_another_name_and_is_no_news() -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        ticket = await stored(documents)
        for _ in range(3):
            disk.unlink(body_of(ticket))
            write_synced(disk, body_of(ticket), DATA[::-1])
            await a_scrub(documents).walk()
        name = body_of(ticket).name
        assert disk.names(ROOT / "quarantine") == [name, f"{name}.2", f"{name}.3"]
        facts = [fact for fact in await told_by(documents) if isinstance(fact, DocumentDamaged)]
        assert len(facts) == 1


async def test_damage_of_the_other_half_is_news() -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        ticket = await stored(documents)
        flip(disk, body_of(ticket))
        await a_scrub(documents).walk()
        flip(disk, attr_of(ticket))
        await a_scrub(documents).walk()
        facts = [fact for fact in await told_by(documents) if isinstance(fact, DocumentDamaged)]
        assert [fact.part for fact in facts] == ["body", "attributes"]
        assert facts[1].quarantined == (attr_of(ticket).name, body_of(ticket).name)


async def test_attributes_of_another_document_and_files_in_a_strange_folder_are_misplaced() -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        one, two = await stored(documents), await stored(documents)
        moved = await stored(documents, hours_ago=1)
        overwrite(disk, attr_of(two), disk.read(attr_of(one)) or b"")
        for path in (body_of(moved), attr_of(moved)):
            disk.rename(path, body_of(one).parent / path.name)
        await a_scrub(documents).walk()
        facts = {f.meta.aggregate_id: f for f in await told_by(documents) if isinstance(f, DocumentDamaged)}
        assert {key: (fact.part, fact.reason) for key, fact in facts.items()} == {
            two.document_id: ("attributes", "misplaced"),
            moved.document_id: ("attributes", "misplaced"),
        }
        # What is whole and only lies wrongly stays, for who knows where it was.
        assert disk.is_file(body_of(one).parent / body_of(moved).name)


async def test_a_copy_in_a_strange_folder_does_no_harm_to_its_document() -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        one, copied = await stored(documents), await stored(documents, hours_ago=1)
        for path in (body_of(copied), attr_of(copied)):
            write_synced(disk, body_of(one).parent / path.name, disk.read(path) or b"")
        await a_scrub(documents).walk()
        assert documents.fixity.damaged == 0
        assert documents.find(copied.document_id, 1) is not None


class SlowDisk(MemoryDisk):
    """Puts attributes into place only when it may: their body lies there alone."""

    def __init__(self) -> None:
        super().__init__()
        self.renaming, self.may_rename = threading.Event(), threading.Event()

    def rename(self, source: Path, target: Path) -> None:
        if target.name.endswith("attr.json"):
            self.renaming.set()
            self.may_rename.wait(10)
        super().rename(source, target)


async def test_a_commit_on_its_way_is_no_damage() -> None:
    disk = SlowDisk()
    async with an_element(disk) as documents:
        commit = asyncio.create_task(stored(documents))
        await asyncio.to_thread(disk.renaming.wait, 5)
        await a_scrub(documents).walk()
        assert documents.fixity.damaged == 0
        disk.may_rename.set()
        await commit
        await a_scrub(documents).walk()
        assert documents.fixity.damaged == 0


class SickDisk(MemoryDisk):
    """Gives an error in the place of some bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[Path] = set()
        self._bad_handles: set[int] = set()

    def read(self, path: Path) -> bytes | None:
        if path in self.bad:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return super().read(path)

    def names(self, path: Path) -> list[str]:
        if path in self.bad:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return super().names(path)

    def open_to_read(self, path: Path) -> int:
        handle = super().open_to_read(path)
        if path in self.bad:
            self._bad_handles.add(handle)
        return handle

    def read_at(self, handle: int, size: int, offset: int) -> bytes:
        if handle in self._bad_handles:
            raise OSError(errno.EIO, "Input/output error")
        return super().read_at(handle, size, offset)

    def close(self, handle: int) -> None:
        self._bad_handles.discard(handle)
        super().close(handle)


async def test_what_the_drive_does_not_give_is_unreadable_stays_in_place_and_ends_nothing() -> None:
    disk = SickDisk()
    async with an_element(disk) as documents:
        body, attr, good = [await stored(documents) for _ in range(3)]
        far = await stored(documents, hours_ago=3)
        disk.bad = {body_of(body), attr_of(attr), body_of(far).parent}
        await a_scrub(documents).walk()
        facts = {f.meta.aggregate_id: f for f in await told_by(documents) if isinstance(f, DocumentDamaged)}
        assert {key: (fact.part, fact.reason) for key, fact in facts.items()} == {
            body.document_id: ("body", "unreadable"),
            attr.document_id: ("attributes", "unreadable"),
        }
        assert disk.names(ROOT / "quarantine") == []
        disk.bad.clear()
        assert documents.find(good.document_id, 1) is not None
        await a_scrub(documents).walk()
        assert documents.fixity.damaged == 0


async def test_a_version_that_a_later_one_presupposes_is_missed() -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        found = documents.find((await stored(documents)).document_id, 1)
        assert found is not None
        place = place_of(found.attributes.document_id, 3, NAME)
        content = found.attributes.content.model_copy(update={"stored_name": place.body})
        third = found.attributes.model_copy(update={"version": 3, "content": content})
        write_synced(disk, ROOT / place.directory / place.attr, third.sealed())
        write_synced(disk, ROOT / place.directory / place.body, DATA)
        await a_scrub(documents).walk()
        facts = [fact for fact in await told_by(documents) if isinstance(fact, DocumentDamaged)]
        assert [(fact.document_version, fact.part, fact.reason) for fact in facts] == [(2, "attributes", "missing")]


class NotingDisk(MemoryDisk):
    """Notes which bodies are read, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.read_bodies: list[Path] = []

    def open_to_read(self, path: Path) -> int:
        self.read_bodies.append(path)
        return super().open_to_read(path)


async def test_after_a_hit_the_hours_beside_it_are_read_before_the_walk_goes_on() -> None:
    disk = NotingDisk()
    async with an_element(disk) as documents:
        hours = [await stored(documents, hours_ago=ago) for ago in (50, 40, 30, 20, 10)]
        flip(disk, body_of(hours[2]))
        await a_scrub(documents).walk()
        walked = [hours.index(next(h for h in hours if body_of(h) == path)) for path in disk.read_bodies]
        assert walked == [0, 1, 2, 1, 3, 3, 4]


async def test_after_a_wrong_read_its_own_hour_and_those_beside_it_are_read_at_once() -> None:
    disk = NotingDisk()
    async with an_element(disk) as documents:
        hours = [await stored(documents, hours_ago=ago) for ago in (40, 30, 20, 10)]
        beside = await stored(documents, hours_ago=20)
        for ticket in (hours[2], beside):
            flip(disk, body_of(ticket))
        documents.fixity.suspect((hours[2].document_id, 1))
        with pytest.raises(BodyDamaged, match="being looked at"):
            documents.find(hours[2].document_id, 1)
        await a_scrub(documents).look_at_suspects()
        assert {*disk.read_bodies} == {body_of(ticket) for ticket in (*hours[1:], beside)}
        facts = [fact for fact in await told_by(documents) if isinstance(fact, DocumentDamaged)]
        assert [(fact.meta.aggregate_id, fact.found_by) for fact in facts] == [
            (hours[2].document_id, "read"),
            (beside.document_id, "scrub"),
        ]


async def test_a_suspect_that_is_whole_is_given_again_and_nothing_is_told() -> None:
    async with an_element(MemoryDisk()) as documents:
        ticket = await stored(documents)
        await told_by(documents)
        documents.fixity.suspect((ticket.document_id, 1))
        await a_scrub(documents).look_at_suspects()
        assert documents.find(ticket.document_id, 1) is not None
        assert await told_by(documents) == []


async def test_a_pass_is_told_with_what_it_saw_and_the_next_one_has_the_next_number() -> None:
    disk, metrics = MemoryDisk(), Metrics()
    clock = ManualClock(NOW)
    async with an_element(disk, clock=clock) as documents:
        assert documents.fixity.progress() is None
        for ago in (0, 1, 30):
            await stored(documents, hours_ago=ago)
        flip(disk, body_of(await stored(documents)))
        for _ in range(2):
            await a_scrub(documents, metrics=metrics).walk()
            clock.advance(60)
        passes = [fact for fact in await told_by(documents) if isinstance(fact, ElementScrubbed)]
        assert [(fact.meta.aggregate_version, fact.documents, fact.damaged) for fact in passes] == [
            (1, 4, 1),
            (2, 4, 1),
        ]
        assert passes[1].bytes - 3 * len(DATA) == sum(len(disk.read(path) or b"") for path in attributes(disk))
        assert passes[0].meta.event_id != passes[1].meta.event_id
        progress = documents.fixity.progress()
        assert progress is not None
        assert (progress.pass_number, progress.share, progress.finished_at) == (2, 1.0, NOW + timedelta(seconds=60))
    # Four in each pass, and once more the one in the hour beside the hit.
    assert metrics.registry.get_sample_value("artstore_scrubbed_documents_total") == 9.0


def attributes(disk: MemoryDisk) -> list[Path]:
    return [Path(path) for path in disk.tree() if path.endswith("attr.json") and "quarantine" not in path]


class Interrupted(Exception):
    """The process ends here."""


async def test_a_restart_goes_on_where_the_scrub_was_and_ends_the_same_pass() -> None:
    disk = NotingDisk()
    clock = ManualClock(NOW)
    async with an_element(disk, clock=clock) as documents:
        hours = [await stored(documents, hours_ago=ago) for ago in (40, 30, 20, 10)]
        scrub = a_scrub(documents)

        def stop_at_the_third(path: Path) -> int:
            clock.advance(31)
            if path == body_of(hours[2]):
                raise Interrupted
            return NotingDisk.open_to_read(disk, path)

        disk.open_to_read = stop_at_the_third  # type: ignore[method-assign]
        with suppress(Interrupted):
            await scrub.walk()
        del disk.open_to_read
        # What nobody waits for is durable within half a second; an orderly end is sooner.
    disk.read_bodies.clear()
    async with an_element(disk, clock=clock) as documents:
        progress = documents.fixity.progress()
        assert progress is not None
        assert 0 < progress.share < 1
        await a_scrub(documents).walk()
        assert disk.read_bodies == [body_of(ticket) for ticket in hours[1:]]
        passes = [fact for fact in await told_by(documents) if isinstance(fact, ElementScrubbed)]
        assert [(fact.meta.aggregate_version, fact.started_at) for fact in passes] == [(1, NOW)]


async def test_the_first_pass_comes_an_hour_after_the_element_and_the_others_after_the_pause() -> None:
    clock = ManualClock(NOW)
    async with an_element(MemoryDisk(), clock=clock) as documents:
        scrub = a_scrub(documents, pause_seconds=7 * 24 * 3600.0)
        assert scrub.due() == NOW + timedelta(hours=1)
        await scrub.walk()
        assert scrub.due() == NOW + timedelta(days=7)


async def test_the_task_looks_at_what_is_damaged_first_and_then_rests() -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        ticket = await stored(documents)
        good = disk.read(body_of(ticket)) or b""
        flip(disk, body_of(ticket))
        await a_scrub(documents).walk()
        write_synced(disk, body_of(ticket), good)
        task = asyncio.create_task(a_scrub(documents).run())
        async with asyncio.timeout(5):
            while documents.fixity.damaged:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
        documents.fixity.suspect((ticket.document_id, 1))
        async with asyncio.timeout(5):
            while (ticket.document_id, 1) in documents._parts.suspects:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()


async def test_a_full_outbox_puts_the_scrub_off_and_nothing_is_lost() -> None:
    disk = MemoryDisk()
    async with an_element(disk, settings=AgentSettings(reserve_bytes=0, outbox_entries_max=3)) as documents:
        ticket = await stored(documents)
        flip(disk, body_of(ticket))
        await stored(documents)
        scrub = asyncio.create_task(a_scrub(documents).walk())
        await asyncio.sleep(0.05)
        assert (documents.outbox.length, documents.fixity.damaged) == (3, 0)
        scrub.cancel()
        await told_by(documents)
        await a_scrub(documents).walk()
        assert documents.fixity.damaged == 1


async def test_the_pace_keeps_to_its_bytes_per_second() -> None:
    waits: list[float] = []
    clock = ManualClock(NOW)

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 6))
        clock.advance(seconds)

    pace = Pace(2 * VERSION_BYTES, clock, sleep)
    for _ in range(3):
        await pace.spend(VERSION_BYTES)
    clock.advance(100)
    await pace.spend(VERSION_BYTES)
    assert waits == [0.5, 0.5, 0.5, 0.5]
