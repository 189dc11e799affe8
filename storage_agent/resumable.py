"""Uploads that outlive their requests: found again by ticket, written by one request at a time, swept when expired."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import structlog

from infra.runtime.clock import Clock
from schemas.errors import ArtStoreError, Busy, TooLarge, UploadLocked
from schemas.identifiers import derive, new_id
from schemas.ticket import UploadTicket
from storage_agent.layout import Folders
from storage_agent.ledger import Creation, Ledger
from storage_agent.locks import DocumentLocks
from storage_agent.memory import Memory
from storage_agent.resting import Progress, RestingFile
from storage_agent.staging import Stagings

OPEN_MAX = 1024
PARTS_MAX = 16
TURN_SECONDS = 15.0
SWEEP_SECONDS = 3600.0


class ResumableUpload:
    """One open upload, or one part of it. `file`: its bytes."""

    def __init__(self, upload_id: str, file: RestingFile) -> None:
        self.upload_id = upload_id
        self.file = file
        self._turn = asyncio.Lock()
        self._newest: object = None
        self._waiting: asyncio.Timeout | None = None
        self._completing: asyncio.Task[Any] | None = None

    @property
    def progress(self) -> Progress:
        """Return what is known of it for certain."""
        return self.file.progress

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[object]:
        """Be the one writer for a block; who was it before ends with UploadLocked. Yields what `pieces` asks for.

        UploadLocked when the one before does not end in time: it waits for the disk.
        """
        token = self._newest = object()
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError as error:
            raise UploadLocked("An earlier request still writes what it has brought. Repeat the request.") from error
        try:
            # A request that went away in the middle of a commit has let go of the lock before the commit's end.
            if self._completing is not None:
                await asyncio.wait({self._completing})
            yield token
        finally:
            self._turn.release()

    async def pieces(
        self, arriving: AsyncIterator[bytes | memoryview], token: object
    ) -> AsyncIterator[bytes | memoryview]:
        """Yield what arrives for as long as the turn lasts; UploadLocked from the moment that another has it.

        Only the wait for bytes is broken off, never work on the disk.
        """
        while True:
            if self._newest is not token:
                raise UploadLocked
            try:
                async with asyncio.timeout(None) as self._waiting:
                    piece = await anext(arriving, None)
            except TimeoutError as error:
                raise UploadLocked from error
            finally:
                self._waiting = None
            if piece is None:
                return
            yield piece

    def completes(self, task: "asyncio.Task[Any]") -> None:
        """Take note of the commit that is under way: the next turn waits for its end."""
        self._completing = task


class ResumableUploads:
    """All open uploads of an element, at most `OPEN_MAX`."""

    def __init__(
        self, stagings: Stagings, folders: Folders, memory: Memory, clock: Clock, kept: Iterable[Progress]
    ) -> None:
        self._stagings = stagings
        self._folders = folders
        self._memory = memory
        self._clock = clock
        self._open: dict[str, ResumableUpload] = {}
        self._beginning = 0
        self._creating = DocumentLocks()
        for progress in kept:
            upload = self._open[progress.upload_id] = self._upload(progress)
            stagings.remember(upload.file)

    def find(self, upload_id: str) -> ResumableUpload | None:
        """Return an open upload; None when there is none, or it is over."""
        found = self._open.get(upload_id)
        return None if found is None or found.file.is_over else found

    async def create(self, ticket: UploadTicket, creation: Creation | None = None) -> ResumableUpload:
        """Return the ticket's upload of a whole document, made durably unless it is there.

        InsufficientStorage; Busy when there are too many.
        """
        upload_id = whole_id(ticket)
        async with self._creating.hold(ticket.document_id):
            found = self.find(upload_id)
            if found is not None:
                return found
            before = self._open.get(upload_id)
            if before is not None:
                # Its names are those of the new one: nothing of it may be at work any more.
                await before.file.discard()
            return await self._begin(_progress(upload_id, ticket, ticket.size, creation, is_part=False))

    async def create_part(self, ticket: UploadTicket, size: int, creation: Creation | None = None) -> ResumableUpload:
        """Make a part of `size` bytes; TooLarge when there are too many, or they exceed the ticket's size together."""
        async with self._creating.hold(ticket.document_id):
            others = self.parts(ticket)
            if len(others) >= PARTS_MAX:
                msg = f"At most {PARTS_MAX} parts of a document may be open at once."
                raise TooLarge(msg)
            if sum(part.progress.size for part in others) + size > ticket.size:
                msg = f"The parts have more bytes together than the {ticket.size} that were announced."
                raise TooLarge(msg)
            return await self._begin(_progress(new_id(self._clock.now()), ticket, size, creation, is_part=True))

    def parts(self, ticket: UploadTicket) -> list[ResumableUpload]:
        """Return the open parts of a ticket's document."""
        found = (self.find(upload_id) for upload_id in list(self._open))
        return [u for u in found if u is not None and u.progress.is_part and is_of(u, ticket)]

    async def run(self) -> None:
        """Sweep by the hour, until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Remove what no ticket can go on with: expired, given up, or committed in another way."""
        for upload_id in list(self._open):
            upload = self.find(upload_id)
            if upload is None or not is_swept(upload.progress, self._memory.ledger, self._clock.now()):
                continue
            try:
                await upload.file.revoke()
            except ArtStoreError as error:
                log = structlog.get_logger("artstore.agent")
                log.warning("upload_not_swept", upload_id=upload_id, reason=error.detail)

    async def _begin(self, progress: Progress) -> ResumableUpload:
        self._open = {upload_id: upload for upload_id, upload in self._open.items() if not upload.file.is_gone}
        if len(self._open) + self._beginning >= OPEN_MAX:
            raise Busy("As many uploads are open as this element takes at once. Repeat the request later.")
        upload = self._upload(progress)
        self._beginning += 1
        try:
            await self._stagings.begin(upload.file)
        finally:
            self._beginning -= 1
        # Nobody finds it before it is there.
        self._open[upload.upload_id] = upload
        return upload

    def _upload(self, progress: Progress) -> ResumableUpload:
        return ResumableUpload(progress.upload_id, RestingFile(progress, self._folders, self._stagings))


def whole_id(ticket: UploadTicket) -> str:
    """Return the id of the upload that makes a ticket's document: who has lost its address finds it again."""
    return derive(ticket.ticket_id, "upload")


def is_of(upload: ResumableUpload, ticket: UploadTicket) -> bool:
    """Tell whether a ticket, perhaps a renewed one, is for the upload."""
    own = upload.progress.ticket
    return (own.ticket_id, own.document_id, own.document_version) == (
        ticket.ticket_id,
        ticket.document_id,
        ticket.document_version,
    )


def expiry_of(ticket: UploadTicket, now: datetime) -> datetime:
    """Return when an upload is given up next if no bytes arrive then.

    Its saga asks at the deadline of the announcement, and where bytes arrive again as much later, to within the time
    that asking takes.
    """
    life = ticket.deadline_at - ticket.requested_at
    asked_before = (now - ticket.requested_at) // life if now >= ticket.deadline_at and life else 0
    return min(ticket.deadline_at + asked_before * life, ticket.deadline_at_max)


def _progress(upload_id: str, ticket: UploadTicket, size: int, creation: Creation | None, *, is_part: bool) -> Progress:
    """Return the progress of an upload of which nothing has arrived."""
    return Progress(
        upload_id=upload_id, ticket=ticket, is_part=is_part, size=size, kept=0, sha256=None, creation=creation
    )


def is_swept(progress: Progress, ledger: Ledger, now: datetime) -> bool:
    """Tell whether an upload has no future."""
    return progress.ticket.deadline_at_max <= now or ledger.get(progress.ticket.ticket_id) is not None
