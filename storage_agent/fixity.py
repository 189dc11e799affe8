"""Looking at versions again: what is damaged is put aside and told, what was mended is told as well, each once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import structlog

from schemas.envelope import Message
from schemas.errors import Busy, InsufficientStorage
from schemas.events import ScrubProgress
from schemas.fixity import DamageReason, FoundBy
from storage_agent.checking import Fault, Finding, Key, Whole, check, glance, go_on, overdue
from storage_agent.commitment import stored
from storage_agent.entries import Ailing, Committed, Damaged, Mended
from storage_agent.fixity_facts import Seen, document_damaged, document_mended, number_after
from storage_agent.gate import DISK_SECONDS
from storage_agent.parts import Parts
from storage_agent.placing import gone
from storage_agent.quarantine import put_aside, set_aside

# A drive may try for long to read a sector that is dying. That is damage of one document; behind it the gate's own
# deadline, after which nothing passes any more, must not have come.
READ_SECONDS = DISK_SECONDS / 2

Pace = Callable[[int], Awaitable[None]]


async def at_once(_read_bytes: int) -> None:
    """Let a check go on without a pause."""


class Fixity:
    """Knows which versions are damaged, and finds out."""

    def __init__(self, parts: Parts, read_seconds: float = READ_SECONDS) -> None:
        self._parts = parts
        self._read_seconds = read_seconds

    @property
    def damaged(self) -> int:
        """Return how many versions are damaged now."""
        return len(self._parts.memory.damaged)

    def progress(self) -> ScrubProgress | None:
        """Return how far the scrub is; None before its first pass."""
        state = self._parts.memory.scrub
        if state is None:
            return None
        return ScrubProgress(
            pass_number=state.pass_number, share=state.share, documents=state.documents, finished_at=state.finished_at
        )

    def suspect(self, key: Key) -> None:
        """Take note that a version was read wrongly, or is asked for although it is damaged: it is looked at soon."""
        self._parts.suspects.add(key)
        self._parts.proofs.forget(key)

    async def look(self, key: Key, found_by: FoundBy, pace: Pace = at_once, elsewhere: str | None = None) -> bool:
        """Read a version from the drive and act on what is found; True when it is damaged and that is news.

        A commit on its way is passed over. `elsewhere`: a folder in which files of it were seen. Malformed for what no
        version can be; Busy while the log is away and no event more may wait; InsufficientStorage, DiskFailed.
        """
        finding = None
        if key not in self._parts.memory.unsettled:
            finding = await self._read(key, pace)
        if isinstance(finding, Fault):
            # At once: to tell it takes time, and may have to wait.
            self._parts.proofs.forget(key)
        is_news = finding is not None and await self._act(finding, found_by, elsewhere)
        self._parts.suspects.clear(key)
        return is_news

    async def tell_gone(self, committed: Committed, found_by: FoundBy) -> str:
        """Tell that a committed body is nowhere; return the sentence."""
        fault = gone(self._parts.folders, committed)
        await self._tell_damaged(fault, found_by)
        return fault.detail

    async def note_gone(self, committed: Committed) -> None:
        """Tell of a body that was gone when it was to be put in place; what cannot be told now is looked at soon."""
        try:
            await self.tell_gone(committed, FoundBy.COMMIT)
        except (Busy, InsufficientStorage):
            self.suspect((committed.document_id, committed.version))

    async def _read(self, key: Key, pace: Pace) -> Finding | None:
        disk, root, gate = self._parts.disk, self._parts.folders.root, self._parts.gate
        at_work, finding = check(disk, root, key), None
        while finding is None:
            try:
                async with asyncio.timeout(self._read_seconds):
                    read_bytes, finding = await gate.call(go_on, at_work)
            except TimeoutError:
                return await gate.call(overdue, disk, root, key, self._read_seconds)
            await pace(read_bytes)
        return finding

    async def _act(self, finding: Finding, found_by: FoundBy, elsewhere: str | None) -> bool:
        memory = self._parts.memory
        if isinstance(finding, Whole) and finding.key not in memory.damaged:
            return False
        async with self._parts.locks.hold(finding.key[0]):
            if finding.key in memory.unsettled:
                return False
            # Its files may have come or gone since they were read; what only reading shows cannot have changed.
            now = await self._parts.gate.call(glance, self._parts.disk, self._parts.folders.root, finding.key)
            if now is not None:
                return await self._damaged(_placed(now, elsewhere), found_by)
            if isinstance(finding, Whole):
                await self._tell_mended(finding, memory.damaged[finding.key], found_by)
                return False
            return finding.is_of_content() and await self._damaged(finding, found_by)

    async def _damaged(self, fault: Fault, found_by: FoundBy) -> bool:
        ailing = self._parts.memory.damaged.get(fault.key)
        is_news = ailing is None or ailing.part != fault.part
        if is_news:
            self._parts.outbox.require_room()
        if fault.reason not in {DamageReason.MISSING, DamageReason.UNREADABLE}:
            await self._put_aside(fault.path)
        if is_news:
            await self._tell_damaged(fault, found_by)
        return is_news

    async def _put_aside(self, path: Path) -> None:
        try:
            await self._parts.gate.call(put_aside, self._parts.disk, self._parts.folders, path)
        except InsufficientStorage:
            # It stays where it is, and is refused all the same.
            structlog.get_logger("artstore.agent").warning("no_room_in_quarantine", name=path.name)

    async def _tell_damaged(self, fault: Fault, found_by: FoundBy) -> None:
        names = await self._parts.gate.call(set_aside, self._parts.disk, self._parts.folders, fault.key)
        seen = self._seen(found_by)
        structlog.get_logger("artstore.agent").critical(
            "document_damaged",
            document_id=fault.key[0],
            version=fault.key[1],
            part=fault.part.value,
            found_by=found_by.value,
            reason=fault.detail,
            quarantined=names,
        )
        await self._parts.journal.append(
            Damaged(
                at=seen.now,
                lane=fault.key[0],
                records=stored((document_damaged(fault, names, seen),), None),
                document_id=fault.key[0],
                version=fault.key[1],
                part=fault.part,
                number=seen.number,
            )
        )
        self._parts.outbox.wake()

    async def _tell_mended(self, whole: Whole, ailing: Ailing, found_by: FoundBy) -> None:
        self._parts.outbox.require_room()
        seen, (document_id, version) = self._seen(found_by), whole.key
        log = structlog.get_logger("artstore.agent")
        log.warning("document_mended", document_id=document_id, version=version, found_by=found_by.value)
        fact: Message = document_mended(whole, ailing, seen)
        await self._parts.journal.append(
            Mended(
                at=seen.now,
                lane=document_id,
                records=stored((fact,), None),
                document_id=document_id,
                version=version,
                number=seen.number,
            )
        )
        self._parts.outbox.wake()

    def _seen(self, found_by: FoundBy) -> Seen:
        now = self._parts.clock.now()
        return Seen(self._parts.identity, now, found_by, number_after(self._parts.memory.fixity_number, now))


def _placed(fault: Fault, elsewhere: str | None) -> Fault:
    """Say of a file that is missing where it belongs that it lies in another folder, if it does."""
    if elsewhere is None or fault.reason != DamageReason.MISSING:
        return fault
    detail = f"{fault.detail} A file of it lies in {elsewhere}."
    return replace(fault, reason=DamageReason.MISPLACED, detail=detail)
