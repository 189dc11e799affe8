"""The way of the scrub: what lies beside a hit first, on where it was after a restart, pass after pass, at its pace."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.clock import ManualClock
from infra.runtime.metrics import Metrics
from infra.runtime.settings_sections import AgentSettings
from schemas.errors import BodyDamaged
from schemas.events import DocumentDamaged, ElementScrubbed
from schemas.fixity import FoundBy
from storage_agent.checking import Key
from storage_agent.files import write_synced
from storage_agent.fixity import Pace as Pacing
from storage_agent.scrub import VERSION_BYTES, Pace
from tests.builders import NOW
from tests.disks import MemoryDisk
from tests.elements import a_scrub, an_element, told_by
from tests.rotting import DATA, NotingDisk, body_of, flip, stored


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


async def test_who_goes_on_asking_for_a_damaged_document_does_not_stop_the_walk() -> None:
    disk = NotingDisk()
    async with an_element(disk) as documents:
        hurt, last = await stored(documents, hours_ago=1), await stored(documents)
        flip(disk, body_of(hurt))
        scrub, look = a_scrub(documents), documents.fixity.look

        async def looked(key: Key, found_by: FoundBy, pace: Pacing, elsewhere: str | None) -> bool:
            is_news = await look(key, found_by, pace, elsewhere)
            documents.fixity.suspect((hurt.document_id, 1))
            return is_news

        documents.fixity.look = looked  # type: ignore[assignment, method-assign]
        async with asyncio.timeout(5):
            await scrub.walk()
        assert body_of(last) in disk.read_bodies


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
