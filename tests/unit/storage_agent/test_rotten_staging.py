"""A body that rots between its commit and its place: known by its digest, and kept for whoever looks into it."""

import random
from contextlib import suppress

from schemas.errors import DiskFailed
from tests.disks import Crash, CrashingDisk, MemoryDisk
from tests.elements import ROOT, a_ticket_for, an_element, stage

# More than rides in the journal.
LARGE_BYTES = 200 * 1024


async def killed_with_its_body_damaged(disk: MemoryDisk) -> bytes:
    """Be killed behind the commit point of a large document, whose staged body then rots; return what is left of it."""
    dying, damaged = CrashingDisk(disk), bytes(LARGE_BYTES)
    with suppress(Crash, DiskFailed):
        async with an_element(dying) as documents:
            ticket = a_ticket_for(documents.identity, b"x" * LARGE_BYTES)
            _, staged = await stage(documents, ticket, b"x" * LARGE_BYTES)
            # The two halves of the journal's line and its sync are the last that the drive hears.
            dying._at = len(dying.calls) + 3
            await documents.commit(ticket, staged, "text/plain", None)
    assert dying.calls[-4:-1] == ["write", "write", "sync"]
    (name,) = disk.names(ROOT / "staging")
    handle = disk.open(ROOT / "staging" / name)
    disk.write(handle, damaged, 0)
    disk.sync(handle)
    return damaged


async def test_a_rotten_body_is_known_by_its_digest_and_kept_in_the_quarantine_whatever_a_power_cut_forgets() -> None:
    disk = MemoryDisk()
    damaged = await killed_with_its_body_damaged(disk)
    for _ in range(2):
        async with an_element(disk):
            pass
        disk.cut_power(random.Random(1), 0.0)  # noqa: S311 - a seed, not a secret
    assert [disk.read(ROOT / "quarantine" / name) for name in disk.names(ROOT / "quarantine")] == [damaged]
