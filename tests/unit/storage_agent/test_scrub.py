"""The scrub finds each kind of damage, tells it once, and goes on behind a fault."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.errors import BodyDamaged, SealBroken
from schemas.events import DocumentDamaged, DocumentMended
from schemas.fixity import FoundBy
from schemas.ticket import UploadTicket
from storage_agent.files import write_synced
from storage_agent.fixity import Fixity
from tests.disks import MemoryDisk
from tests.elements import ROOT, a_scrub, an_element, told_by
from tests.rotting import DATA, SickDisk, SilentDisk, attr_of, body_of, flip, overwrite, replace_by_folder, stored

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


async def test_a_body_for_which_the_drive_does_not_answer_costs_one_document_and_not_the_element() -> None:
    disk = SilentDisk()
    async with an_element(disk) as documents:
        hurt, last = await stored(documents), await stored(documents)
        disk.silent = body_of(hurt)
        fixity = Fixity(documents._parts, read_seconds=0.1)
        assert [await fixity.look((ticket.document_id, 1), FoundBy.SCRUB) for ticket in (hurt, last)] == [True, False]
        facts = [fact for fact in await told_by(documents) if isinstance(fact, DocumentDamaged)]
        assert [(fact.meta.aggregate_id, fact.reason) for fact in facts] == [(hurt.document_id, "unreadable")]
        assert disk.is_file(body_of(hurt))
        disk.may_answer.set()
        await documents.fixity.look((hurt.document_id, 1), FoundBy.SCRUB)
        assert documents.find(hurt.document_id, 1) is not None
