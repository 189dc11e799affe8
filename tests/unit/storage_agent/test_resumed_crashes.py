"""A crash at every step of an upload that is resumed: no offset was told that is not there, no byte is another's."""

import random
from contextlib import suppress

import pytest

from schemas.errors import ArtStoreError
from schemas.ticket import UploadTicket
from storage_agent import staging
from tests.agents import Plane, a_plane, silence
from tests.disks import Crash, CrashingDisk, MemoryDisk
from tests.elements import ALL_ARE_LARGE, ROOT, faults
from tests.resuming import ask, create, offset_of, patch

DATA = bytes(range(40, 100))
# Every step is struck in turn by one of the tests or another when this is 1; three keeps the suite fast.
STRIDE = 3


@pytest.fixture(params=[staging.SMALL_BYTES, ALL_ARE_LARGE], ids=["small", "large"], autouse=True)
def small_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crash with bodies that end in the journal, and with those that are put in place from where they lie."""
    monkeypatch.setattr(staging, "SMALL_BYTES", request.param)
    monkeypatch.setattr(staging, "BUFFER_BYTES", 8)
    monkeypatch.setattr(staging, "SYNC_BYTES", 16)
    silence()


class Client:
    """What a client was told before the crash: the offset of its upload, and whether the document is committed."""

    def __init__(self) -> None:
        self.ticket: UploadTicket | None = None
        self.told = 0
        self.committed = False

    async def work(self, plane: Plane) -> None:
        """Make an upload, end it, make it again, bring pieces, be told, and bring the rest."""
        self.ticket = plane.ticket(DATA)
        await create(plane, self.ticket, content=DATA[:5])
        await ask(plane, self.ticket, "DELETE")
        await create(plane, self.ticket, content=DATA[:5])
        self.told = 5
        for end in (30, 33):
            answer = await patch(plane, self.ticket, self.told, DATA[self.told : end])
            self.told = int(answer.headers["Upload-Offset"])
        self.told = await offset_of(plane, self.ticket)
        self.committed = (await patch(plane, self.ticket, self.told, DATA[self.told :])).status_code == 204


async def crash(inner: MemoryDisk, at: int | None) -> tuple[Client, int]:
    disk, client = CrashingDisk(inner, at), Client()
    with suppress(Crash, ArtStoreError):
        async with a_plane(ROOT, disk=disk) as plane:
            await client.work(plane)
    return client, len(disk.calls)


async def check(disk: MemoryDisk, client: Client) -> None:
    """Go on behind a restart: what was told holds, and one document comes of it."""
    async with a_plane(ROOT, disk=disk) as plane:
        assert faults(disk) == []
        if client.ticket is not None:
            await go_on(plane, client, client.ticket)
            found = plane.documents.find(client.ticket.document_id, 1)
            assert found is not None
            await plane.documents.settle()
            assert disk.names(ROOT / "uploads") == []
            assert disk.read(found.body) == DATA
    assert faults(disk) == []


async def go_on(plane: Plane, client: Client, ticket: UploadTicket) -> None:
    told = await ask(plane, ticket, "HEAD")
    assert told.status_code == (200 if client.committed or client.told else told.status_code)
    if told.status_code == 404:
        await create(plane, ticket)
    offset = await offset_of(plane, ticket)
    assert offset >= (len(DATA) if client.committed else client.told)
    # Who is told that all has arrived does not come back.
    assert offset < len(DATA) or plane.documents.find(ticket.document_id, 1) is not None
    assert (await patch(plane, ticket, offset, DATA[offset:])).status_code == 204


async def steps_of_work() -> int:
    return (await crash(MemoryDisk(), None))[1]


async def test_a_power_cut_at_any_step_that_forgets_all_that_was_not_synced_takes_back_no_offset() -> None:
    for at in range(0, await steps_of_work(), STRIDE):
        disk = MemoryDisk()
        client, _ = await crash(disk, at)
        disk.cut_power(random.Random(at), 0.0)  # noqa: S311 - a seed, not a secret
        await check(disk, client)


async def test_a_crash_at_any_step_after_which_any_part_survives_takes_back_no_offset() -> None:
    for at in range(1, await steps_of_work() + 1, STRIDE):
        chance, disk = random.Random(at), MemoryDisk()  # noqa: S311 - a seed, not a secret
        client, _ = await crash(disk, at)
        # 1.0 is a kill without a power cut: all that was written is there.
        disk.cut_power(chance, chance.choice([0.2, 0.5, 0.8, 1.0]))
        await check(disk, client)


async def test_an_upload_that_was_terminated_does_not_come_back_with_the_power() -> None:
    disk = MemoryDisk()
    async with a_plane(ROOT, disk=disk) as plane:
        ticket = plane.ticket(DATA)
        await create(plane, ticket, content=DATA[:5])
        assert (await ask(plane, ticket, "DELETE")).status_code == 204
    disk.cut_power(random.Random(1), 0.0)  # noqa: S311 - a seed, not a secret
    async with a_plane(ROOT, disk=disk) as plane:
        assert (await ask(plane, ticket, "HEAD")).status_code == 404


@pytest.mark.parametrize("skipped", ["sync", "sync_directory"])
async def test_without_a_kind_of_sync_an_offset_that_was_told_is_taken_back(skipped: str) -> None:
    disk = MemoryDisk()
    async with a_plane(ROOT, disk=CrashingDisk(disk, skipped=skipped)) as plane:
        ticket = plane.ticket(DATA)
        assert (await create(plane, ticket, content=DATA[:20])).headers["Upload-Offset"] == "20"
    disk.cut_power(random.Random(1), 0.0)  # noqa: S311 - a seed, not a secret
    # It may not even open again.
    with suppress(ArtStoreError):
        async with a_plane(ROOT, disk=disk) as plane:
            assert (await ask(plane, ticket, "HEAD")).status_code != 200


async def test_no_legal_state_of_the_disk_behind_an_answer_takes_its_offset_back() -> None:
    disk = MemoryDisk()
    async with a_plane(ROOT, disk=disk) as plane:
        ticket = plane.ticket(DATA)
        assert (await create(plane, ticket, content=DATA[:5])).headers["Upload-Offset"] == "5"
    for state in disk.states():
        after = MemoryDisk()
        after.become(state)
        async with a_plane(ROOT, disk=after) as plane:
            assert await offset_of(plane, ticket) == 5
