"""A crash at every step that changes the disk: what was acknowledged is there, what was not leaves nothing behind."""

import hashlib
import random
from contextlib import suppress

import pytest

from infra.runtime.clock import ManualClock
from producers.publisher import MemoryPublisher
from schemas.api.uploads import Receipt
from schemas.errors import ArtStoreError, DiskFailed, TypeRefused, UploadAbandonedError
from schemas.events import DocumentCommitted
from schemas.registry import decode
from schemas.ticket import UploadTicket
from storage_agent import staging
from storage_agent.documents import Documents
from storage_agent.recovery import recover
from storage_agent.staging import SMALL_BYTES
from tests.builders import NOW
from tests.disks import Crash, CrashingDisk, MemoryDisk
from tests.elements import ALL_ARE_LARGE, ROOT, a_ticket_for, an_abandon, an_element, faults, put, relay_all, stage

BODIES = (b"the first body", "тело второго документа".encode())


@pytest.fixture(params=[SMALL_BYTES, ALL_ARE_LARGE], ids=["small", "large"], autouse=True)
def small_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crash with bodies that ride in the journal, and with bodies that have a file of their own first."""
    monkeypatch.setattr(staging, "SMALL_BYTES", request.param)


class Deed:
    """What was seen from outside before the crash: tickets, bytes sent, receipts and refusals got, the element."""

    def __init__(self) -> None:
        self.element_id = ""
        self.spent: dict[type[ArtStoreError], UploadTicket] = {}
        self.tickets: list[tuple[UploadTicket, bytes]] = []
        self.receipts: dict[str, Receipt] = {}

    async def put(self, documents: Documents, data: bytes) -> None:
        ticket = a_ticket_for(documents.identity, data)
        self.tickets.append((ticket, data))
        self.receipts[ticket.ticket_id] = await put(documents, ticket, data)


async def work(disk: CrashingDisk, deed: Deed) -> None:
    """Open, commit, refuse, give up, commit, close, open, close: every kind of step that an agent takes."""
    async with an_element(disk) as documents:
        deed.element_id = documents.identity.element_id
        await deed.put(documents, BODIES[0])
        refused = a_ticket_for(documents.identity, b"#!")
        file, _ = await stage(documents, refused, b"#!")
        await documents.refuse(refused, TypeRefused(), {"code": "type_refused"}, None)
        deed.spent[TypeRefused] = refused
        await file.discard()
        given_up = a_ticket_for(documents.identity, b"never")
        await documents.accept_command(an_abandon(given_up))
        await documents.abandon(an_abandon(given_up))
        deed.spent[UploadAbandonedError] = given_up
        await deed.put(documents, BODIES[1])
    async with an_element(disk):
        pass


async def crash(inner: MemoryDisk, at: int | None, *, skipped: str = "") -> tuple[Deed, int]:
    disk, deed = CrashingDisk(inner, at, skipped=skipped), Deed()
    try:
        await work(disk, deed)
    except (Crash, DiskFailed):
        assert len(disk.calls) == (at or 0) + 1
    return deed, len(disk.calls)


async def check(disk: MemoryDisk, deed: Deed) -> None:
    """Everything that must hold after a restart, whatever happened before."""
    publisher = MemoryPublisher()
    async with an_element(disk) as documents:
        assert faults(disk) == []
        assert documents.identity.element_id == (deed.element_id or documents.identity.element_id)
        for kind, ticket in deed.spent.items():
            with pytest.raises(kind):
                documents.admit(ticket)
        for ticket, data in deed.tickets:
            found = documents.find(ticket.document_id, 1)
            if ticket.ticket_id in deed.receipts:
                assert documents.admit(ticket) == deed.receipts[ticket.ticket_id]
                assert found is not None
            if found is not None:
                assert disk.sha256(found.body) == hashlib.sha256(data).hexdigest()
        await relay_all(documents, publisher)
        facts = [decode(record.value) for record in publisher.records]
        told = {fact.meta.aggregate_id for fact in facts if isinstance(fact, DocumentCommitted)}
        assert told == {ticket.document_id for ticket, _ in deed.tickets if documents.find(ticket.document_id, 1)}
        # And it goes on working.
        await deed.put(documents, b"after the crash")
    before = disk.tree()
    for _ in range(2):
        recover(disk, ROOT, NOW)
        assert disk.tree() == before


async def steps_of_work() -> int:
    return (await crash(MemoryDisk(), None))[1]


async def test_a_power_cut_at_any_step_that_forgets_all_that_was_not_synced_loses_nothing_acknowledged() -> None:
    for at in range(await steps_of_work()):
        disk = MemoryDisk()
        deed, _ = await crash(disk, at)
        disk.cut_power(random.Random(at), 0.0)  # noqa: S311 - a seed, not a secret
        await check(disk, deed)


async def test_a_crash_at_any_step_after_which_any_part_survives_loses_nothing_acknowledged() -> None:
    for at in range(await steps_of_work() + 1):
        chance, disk = random.Random(at), MemoryDisk()  # noqa: S311 - a seed, not a secret
        deed, _ = await crash(disk, at)
        # 1.0 is a kill without a power cut: all that was written is there.
        disk.cut_power(chance, chance.choice([0.2, 0.5, 0.8, 1.0]))
        await check(disk, deed)


async def test_a_second_crash_in_the_middle_of_recovery_is_recovered_as_well() -> None:
    for first in range(20, await steps_of_work(), 7):
        for second in range(0, 24, 3):
            chance, disk = random.Random(second), MemoryDisk()  # noqa: S311 - a seed, not a secret
            deed, _ = await crash(disk, first)
            disk.cut_power(chance, 0.5)
            with suppress(Crash, DiskFailed):
                async with an_element(CrashingDisk(disk, second)):
                    pass
            disk.cut_power(chance, 0.5)
            await check(disk, deed)


@pytest.mark.parametrize("skipped", ["sync", "sync_directory"])
async def test_without_a_kind_of_sync_these_tests_see_a_loss(skipped: str) -> None:
    total = await steps_of_work()
    assert any([await is_lost(at, skipped) for at in range(0, total, 2)])


async def is_lost(at: int, skipped: str) -> bool:
    disk = MemoryDisk()
    deed, _ = await crash(disk, at, skipped=skipped)
    disk.cut_power(random.Random(at), 0.0)  # noqa: S311 - a seed, not a secret
    try:
        await check(disk, deed)
    except (AssertionError, ArtStoreError, pytest.fail.Exception):
        return True
    return False


async def test_an_orderly_end_leaves_plain_files_that_are_complete_without_the_journal() -> None:
    disk, deed = MemoryDisk(), Deed()
    await work(CrashingDisk(disk), deed)
    for name in disk.names(ROOT / "journal"):
        disk.unlink(ROOT / "journal" / name)

    async with an_element(disk, clock=ManualClock(NOW)) as documents:
        for ticket, data in deed.tickets:
            found = documents.find(ticket.document_id, 1)
            assert found is not None
            assert disk.read(found.body) == data
