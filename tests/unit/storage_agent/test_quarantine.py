"""A crash at every step of putting aside and telling: no bytes are lost, and each damage is told once."""

import random
from collections.abc import Iterable
from contextlib import suppress

import pytest

from schemas.envelope import Message
from schemas.errors import BodyDamaged, DiskFailed
from schemas.events import DocumentDamaged
from storage_agent.layout import Folders, directory_of
from storage_agent.quarantine import put_aside, set_aside
from tests.disks import Crash, CrashingDisk, MemoryDisk
from tests.elements import ROOT, a_scrub, an_element, told_by
from tests.rotting import DATA, attr_of, body_of, overwrite, stored

WRONG = DATA[::-1]


async def one_damaged(disk: MemoryDisk) -> tuple[str, str]:
    """Store two documents, damage the second durably; return the damaged one's id and its body's name."""
    async with an_element(disk) as documents:
        await stored(documents)
        ticket = await stored(documents)
        await told_by(documents)
    overwrite(disk, body_of(ticket), WRONG)
    disk.sync_directory(body_of(ticket).parent)
    return ticket.document_id, body_of(ticket).name


async def scrubbed(disk: MemoryDisk, at: int | None) -> tuple[range, list[Message]]:
    """Open and scrub with a crash at a step; return the steps from the scrub on, and what had reached the log."""
    crashing, told, opened = CrashingDisk(disk, at), list[Message](), 0
    with suppress(Crash, DiskFailed):
        async with an_element(crashing) as documents:
            opened = len(crashing.calls)
            await a_scrub(documents).walk()
            told = await told_by(documents)
    return range(opened, len(crashing.calls)), told


def damages(told: Iterable[Message]) -> list[DocumentDamaged]:
    return [fact for fact in told if isinstance(fact, DocumentDamaged)]


@pytest.mark.parametrize("survival", [0.0, 0.5, 1.0])
async def test_after_a_crash_at_any_step_the_damage_is_told_once_and_its_bytes_are_kept(survival: float) -> None:
    disk = MemoryDisk()
    await one_damaged(disk)
    steps, _ = await scrubbed(disk, None)
    for at in steps:
        disk = MemoryDisk()
        document_id, name = await one_damaged(disk)
        _, told = await scrubbed(disk, at)
        disk.cut_power(random.Random(at), survival)  # noqa: S311 - a seed, not a secret
        told += (await scrubbed(disk, None))[1]
        # What was told and not yet acknowledged is told again, and is the same.
        facts = {fact.meta.event_id: fact for fact in damages(told)}
        assert [fact.meta.aggregate_id for fact in facts.values()] == [document_id]
        assert disk.read(ROOT / "quarantine" / name) == WRONG
        async with an_element(disk) as documents:
            with pytest.raises(BodyDamaged):
                documents.find(document_id, 1)
            assert documents.fixity.damaged == 1


async def test_a_crash_between_putting_aside_and_telling_leaves_a_missing_body_and_the_name_of_what_was_put_aside() -> (
    None
):
    disk = MemoryDisk()
    document_id, name = await one_damaged(disk)
    async with an_element(disk) as documents:
        put_aside(disk, documents.folders, ROOT / directory_of(document_id) / name)
    _, told = await scrubbed(disk, None)
    assert [(fact.meta.aggregate_id, fact.reason, fact.quarantined) for fact in damages(told)] == [
        (document_id, "missing", (name,))
    ]


async def test_what_is_gone_already_is_not_put_aside_and_a_name_is_never_taken_twice() -> None:
    disk = MemoryDisk()
    async with an_element(disk) as documents:
        one, other = await stored(documents), await stored(documents)
        folders, key = Folders(ROOT), (one.document_id, 1)
        assert put_aside(disk, folders, body_of(one).with_name("no")) is None
        names = []
        for data in (b"1", b"2"):
            overwrite(disk, body_of(one), data)
            names.append(put_aside(disk, folders, body_of(one)))
        names.append(put_aside(disk, folders, attr_of(one)))
        put_aside(disk, folders, body_of(other))
        assert set_aside(disk, folders, key) == tuple(sorted(str(name) for name in names))
        assert [disk.read(folders.quarantine / str(name)) for name in names[:2]] == [b"1", b"2"]
