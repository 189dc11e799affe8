"""Opening an element: the lock, its identity, recovery, the journal's writer, and an orderly end with a checkpoint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from infra.runtime.clock import Clock
from infra.runtime.settings_sections import AgentSettings
from schemas.elements import ElementIdentity
from schemas.errors import DiskFailed, InsufficientStorage, Stopping
from schemas.fixity import FoundBy
from storage_agent import facts
from storage_agent.commitment import stored
from storage_agent.documents import Documents
from storage_agent.element import hold_element, open_element
from storage_agent.entries import Announced
from storage_agent.explained import explain
from storage_agent.files import Disk, LocalDisk
from storage_agent.gate import DiskGate, disk_errors_told
from storage_agent.journal import Journal
from storage_agent.layout import Folders
from storage_agent.manifests import STOP_SECONDS, Manifests
from storage_agent.outbox import Outbox
from storage_agent.parts import Parts
from storage_agent.placing import Placer
from storage_agent.proofs import Proofs
from storage_agent.recovery import Recovered, recover
from storage_agent.reserve import Reserve
from storage_agent.resumable import ResumableUploads
from storage_agent.settling import Settler
from storage_agent.staging import Stagings

RECOVERY_SECONDS = 600.0


@asynccontextmanager
async def open_documents(
    root: Path, settings: AgentSettings, clock: Clock, disk: Disk | None = None
) -> AsyncIterator[Documents]:
    """Hold the element in `root` for a block, recovered and writing; after an orderly end the plain files are complete.

    ElementBusy when another agent holds it; SealBroken, JournalDamaged when it must not start.
    """
    disk = disk or LocalDisk()
    with hold_element(disk, root):
        identity, recovered = await _prepared(disk, root, settings, clock)
        with disk_errors_told():
            parts = _assemble(disk, root, settings, clock, identity, recovered)
        await parts.gate.call(parts.reserve.take)
        documents = Documents(parts)
        tasks = (
            asyncio.create_task(parts.journal.run(), name="journal"),
            asyncio.create_task(parts.settler.run(documents.fixity.note_gone), name="settler"),
        )
        try:
            await _catch_up(parts, documents, recovered)
            yield documents
        finally:
            await _end(parts, documents, *tasks)


async def _prepared(disk: Disk, root: Path, settings: AgentSettings, clock: Clock) -> tuple[ElementIdentity, Recovered]:
    gate = DiskGate(RECOVERY_SECONDS)
    try:
        return await gate.call(_prepare, disk, root, settings, clock.now())
    except InsufficientStorage:
        # Recovery must go on a full disk too: this is what the reserve is for. Every step of it may be repeated.
        await gate.call(Reserve(disk, Folders(root).journal, settings.reserve_bytes).drop)
        return await gate.call(_prepare, disk, root, settings, clock.now())


def _prepare(disk: Disk, root: Path, settings: AgentSettings, now: datetime) -> tuple[ElementIdentity, Recovered]:
    identity = open_element(disk, root, settings, now)
    recovered = recover(disk, root, now)
    explain(disk, root)
    return identity, recovered


def _assemble(  # noqa: PLR0913, PLR0917 - here the parts come together
    disk: Disk, root: Path, settings: AgentSettings, clock: Clock, identity: ElementIdentity, recovered: Recovered
) -> Parts:
    folders, gate, memory = Folders(root), DiskGate(), recovered.memory
    reserve = Reserve(disk, folders.journal, settings.reserve_bytes)
    journal = Journal(disk, gate, reserve, memory, recovered.tail, clock)
    stagings = Stagings(disk, gate, reserve, folders.staging, clock)
    outbox, placer = Outbox(memory, journal, gate, clock, settings.outbox_entries_max), Placer(disk, folders)
    return Parts(
        disk=disk,
        gate=gate,
        clock=clock,
        folders=folders,
        identity=identity,
        memory=memory,
        journal=journal,
        reserve=reserve,
        outbox=outbox,
        stagings=stagings,
        resumables=ResumableUploads(stagings, folders, memory, clock, recovered.uploads),
        placer=placer,
        settler=Settler(gate, reserve, memory, journal, placer, outbox),
        # Where the drive is asked about everything more often than that, nothing is believed for longer.
        proofs=Proofs(clock, settings.scrub_pause_seconds),
    )


async def _catch_up(parts: Parts, documents: Documents, recovered: Recovered) -> None:
    """Tell the journal what recovery has done, and the log that the element exists in this mode, once per epoch."""
    for materialised in recovered.redone:
        parts.journal.append_lazily(materialised)
    for committed in recovered.unread:
        documents.fixity.suspect((committed.document_id, committed.version))
    for committed in recovered.missing:
        await documents.fixity.tell_gone(committed, FoundBy.START)
    identity, announced = parts.identity, parts.memory.announced_epoch
    if announced < identity.mode_epoch:
        fact = facts.element_announced(identity, known=announced > 0)
        await parts.journal.append(
            Announced(
                at=parts.clock.now(),
                lane=identity.element_id,
                records=stored((fact,), None),
                mode_epoch=identity.mode_epoch,
            )
        )


async def _end(parts: Parts, documents: Documents, writer: asyncio.Task[None], settling: asyncio.Task[None]) -> None:
    """Finish what has begun, write what is queued, carry it over; after a failure of the disk leave all as it is."""
    try:
        with suppress(DiskFailed, Stopping):
            await documents.settle()
        parts.settler.close()
        await asyncio.wait({settling})
        if parts.gate.failure() is None:
            await Manifests(parts).write_owed(STOP_SECONDS)
    finally:
        # Also when this end was cancelled: nothing may go on writing to an element that is let go of.
        parts.settler.close()
        await asyncio.wait({settling})
        parts.journal.close()
        await asyncio.wait({writer})
    # What ended them is the cause of whatever else went wrong; and a thread may still be at work on a file of theirs.
    writer.result()
    settling.result()
    await parts.journal.checkpoint()
    await parts.gate.call(parts.journal.release)
