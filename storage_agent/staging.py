"""Bytes on their way in: one file per PUT, hashed as it grows, durable before it may be committed."""

import asyncio
import hashlib
import itertools
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from infra.runtime.clock import Clock
from schemas.errors import InsufficientStorage, Malformed, SizeMismatch, Stopping, UploadAbandonedError
from schemas.identifiers import is_uuid
from schemas.ticket import UploadTicket
from storage_agent.files import Disk
from storage_agent.gate import DiskGate
from storage_agent.ledger import Creation
from storage_agent.reserve import Reserve

File = TypeVar("File", bound="StagingFile")

BUFFER_BYTES = 1024 * 1024
# Of all bodies together; when there are many, each gathers less.
GATHERED_BYTES = 128 * 1024 * 1024
# Up to here a body is kept in memory and rides in the journal: one sync makes it durable, together with its attributes.
SMALL_BYTES = 128 * 1024
# Synced as it arrives: the sync of a whole large body at its end could outlast the disk's deadline, and would keep the
# journal's own sync waiting.
SYNC_BYTES = 64 * 1024 * 1024
# The drive begins with them while more arrive.
WRITE_BACK_BYTES = 8 * 1024 * 1024
ARRIVING_SECONDS = 15.0


@dataclass(frozen=True)
class Staged:
    """A finished body: size in bytes, hex SHA-256. A small one is `body`, another one lies, durable, in `path`.

    Of a `lasting` one the file stays when its commit is refused: the upload it belongs to decides what becomes of it.
    `creation` is what was said of that upload.
    """

    path: Path | None
    size: int
    sha256: str
    body: bytes | None = None
    lasting: bool = False
    creation: Creation | None = None


class StagingFile:
    """The body of one PUT. Chunks are gathered, so that the disk sees few, large writes, and of a small body none.

    One piece is hashed and written while the next one arrives; there are never more.
    """

    def __init__(self, ticket: UploadTicket, path: Path | None, stagings: "Stagings", size: int | None = None) -> None:
        self.ticket = ticket
        self.size = ticket.size if size is None else size
        self.path = path
        self.received = 0
        self.last_byte_at = stagings.clock.monotonic()
        self._stagings = stagings
        self._handle: int | None = None
        self._written = 0
        self._synced = 0
        self._written_back = 0
        self._writing: asyncio.Task[None] | None = None
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._lock = asyncio.Lock()
        # A cancelled PUT leaves its thread at work: nobody may close the handle under it, the number may be reused.
        self._at_work = threading.Lock()
        self._finished: Staged | None = None
        self._closed = False
        self._revoked = False
        self._taken = False

    def create(self) -> None:
        """Make the file, when there is one; blocks."""
        if self.path is not None:
            self._handle = self._stagings.disk.create(self.path)

    async def write(self, chunk: bytes | memoryview) -> None:
        """Take more bytes; SizeMismatch beyond the ticket's size, UploadAbandonedError once it was given up.

        InsufficientStorage when the disk is full; it may be told by the call behind. After any error only `discard` is
        left to call. The memory of a chunk may be used again once the call behind this one has returned.
        """
        async with self._lock:
            self._require_open()
            if self.received + len(chunk) > self.size:
                msg = f"More bytes arrive than the {self.size} that were announced. Nothing is kept."
                raise SizeMismatch(msg)
            self.received += len(chunk)
            self.last_byte_at = self._stagings.clock.monotonic()
            enough = self._stagings.worth_writing
            if self.path is not None and not self._buffer and len(chunk) >= enough:
                await self._flush(chunk)
                return
            self._buffer += chunk
            if self.path is not None and len(self._buffer) >= enough:
                await self._flush(self._gathered())

    async def finish(self) -> Staged:
        """Make the body durable; fewer bytes than announced are not an error here, the commit decides."""
        async with self._lock:
            self._require_open()
            await self._written_down()
            gathered = self._gathered()
            if self.path is None:
                self._closed = True
                self._finished = Staged(None, self.received, hashlib.sha256(gathered).hexdigest(), gathered)
            else:
                await self._stagings.gate.call(self._seal, self.path, gathered)
                self._finished = Staged(self.path, self.received, self._digest.hexdigest())
            return self._finished

    async def discard(self) -> None:
        """Remove the file; nothing to do once a commit has taken it, or when called again."""
        async with self._lock:
            self._stagings.forget(self)
            self._closed = True
            if self._writing is not None:
                await asyncio.wait({self._writing})
                if not self._writing.cancelled():
                    # Asking for it tells the event loop that its failure was not lost: the gate has it.
                    self._writing.exception()
            if self.path is not None and not self._taken and self._stagings.gate.failure() is None:
                await self._stagings.gate.call(self._remove, self.path)

    async def revoke(self) -> None:
        """Give the upload up from the other side: later writes and `finish` raise UploadAbandonedError."""
        self._revoked = True
        await self.discard()

    def holds(self, staged: Staged) -> bool:
        """Tell whether this is the file that `finish` has given out as `staged`."""
        return self._finished is staged

    def take(self) -> None:
        """Hand the file to a commit, which moves or removes it."""
        self._taken = True

    @property
    def promised(self) -> int:
        """Return how many announced bytes are not on the disk yet."""
        return max(self.size - self._written, 0)

    def _require_open(self) -> None:
        if self._revoked:
            raise UploadAbandonedError
        if self._closed:
            raise Stopping("The upload's file is closed. Send it again with the same ticket.")

    async def _flush(self, piece: bytes | memoryview) -> None:
        """Begin to write a piece as soon as the one before it is written."""
        await self._written_down()
        self._writing = asyncio.create_task(self._stagings.gate.call(self._append, piece), name="staging")

    async def _written_down(self) -> None:
        if self._writing is not None:
            # Who is cancelled while he waits leaves the thread at work.
            await asyncio.wait({self._writing})
            self._writing.result()

    def _gathered(self) -> bytes:
        chunk, self._buffer = bytes(self._buffer), bytearray()
        return chunk

    def _append(self, chunk: bytes | memoryview) -> None:
        with self._at_work:
            self._put(chunk)
            if self._handle is None:
                return
            if self._written - self._synced >= SYNC_BYTES:
                self._stagings.disk.sync(self._handle)
                self._synced = self._written_back = self._written
                self._note_synced()
            elif (size := self._written - self._written_back) >= WRITE_BACK_BYTES:
                self._stagings.disk.write_back(self._handle, self._written_back, size)
                self._written_back = self._written

    def _note_synced(self) -> None:
        """Do what is to be done, in the disk's thread, once all that is written so far is durable."""

    def _put(self, chunk: bytes | memoryview) -> None:
        if chunk and self._handle is not None:
            self._stagings.disk.write(self._handle, chunk, self._written)
            self._take_in(chunk)
            self._written += len(chunk)

    def _take_in(self, chunk: bytes | memoryview) -> None:
        self._digest.update(chunk)

    def _seal(self, path: Path, chunk: bytes) -> None:
        with self._at_work:
            self._put(chunk)
            if self._handle is not None:
                self._stagings.disk.sync(self._handle)
            self._close()
            self._stagings.disk.sync_directory(path.parent)

    def _remove(self, path: Path) -> None:
        with self._at_work:
            self._close()
            self._stagings.disk.unlink(path)

    def _close(self) -> None:
        self._closed = True
        self._release()

    def _release(self) -> None:
        if self._handle is not None:
            self._stagings.disk.close(self._handle)
            self._handle = None


class Stagings:
    """All files that are being received, and the room that is promised to them."""

    def __init__(self, disk: Disk, gate: DiskGate, reserve: Reserve, folder: Path, clock: Clock) -> None:
        self.disk = disk
        self.gate = gate
        self.clock = clock
        self._reserve = reserve
        self._folder = folder
        self._open: list[StagingFile] = []

    @property
    def worth_writing(self) -> int:
        """Return how many bytes a body gathers in memory before they are written."""
        return min(BUFFER_BYTES, GATHERED_BYTES // max(len(self._open), 1))

    async def open(self, ticket: UploadTicket) -> StagingFile:
        """Begin one PUT and promise it its room; InsufficientStorage, Malformed for a strange ticket id."""
        if not is_uuid(ticket.ticket_id):
            msg = "A ticket's id must be a uuid."
            raise Malformed(msg)
        name = f"{ticket.ticket_id}.{secrets.token_hex(8)}.part"
        path = None if ticket.size <= SMALL_BYTES else self._folder / name
        return await self.begin(StagingFile(ticket, path, self))

    async def begin(self, file: File) -> File:
        """Make a file and promise it its room; InsufficientStorage."""
        self.remember(file)
        has_room = False
        try:
            # Looks are asked one behind another: two takers of the reserve would trip over each other's file.
            await self.gate.look(self._begin, file)
            has_room = True
        finally:
            if not has_room:
                self.forget(file)
        return file

    async def grow(self, file: StagingFile) -> None:
        """Promise a file that has become larger the room for what is yet to come; InsufficientStorage."""
        await self.gate.look(self._require_room_to_grow, file)

    def arriving(self, ticket_id: str) -> int | None:
        """Return how many bytes have arrived when some did within the last 15 seconds; None otherwise."""
        recent = self.clock.monotonic() - ARRIVING_SECONDS
        return max((f.received for f in self._of(ticket_id, lambda f: f.last_byte_at > recent)), default=None)

    def deadline_passed(self, ticket_id: str) -> bool:
        """Tell whether an open file's ticket is past the time that no renewal can move."""
        now = self.clock.now()
        return bool(self._of(ticket_id, lambda file: file.ticket.deadline_at_max <= now))

    async def revoke(self, ticket_id: str) -> None:
        """Remove all open files of a ticket that was given up."""
        for file in self._of(ticket_id, lambda _: True):
            await file.revoke()

    @contextmanager
    def taken(self, staged: Staged) -> Iterator[None]:
        """Let a commit have the finished file: nobody else removes it. For the block it still counts as arriving."""
        files = [file for file in self._open if file.holds(staged)]
        for file in files:
            file.take()
        try:
            yield
        finally:
            for file in files:
                self.forget(file)

    def remember(self, file: StagingFile) -> None:
        """Count a file as one that is being received: its room is promised."""
        if file not in self._open:
            self._open.append(file)

    def forget(self, file: StagingFile) -> None:
        """Stop counting a file that is finished or gone."""
        if file in self._open:
            self._open.remove(file)

    def _begin(self, file: StagingFile) -> None:
        self._reserve.take()
        earlier = itertools.takewhile(lambda other: other is not file, tuple(self._open))
        self._require_room(file.size, sum(other.promised for other in earlier))
        file.create()

    def _require_room_to_grow(self, file: StagingFile) -> None:
        self._require_room(file.promised, sum(other.promised for other in tuple(self._open) if other is not file))

    def _require_room(self, size: int, promised: int) -> None:
        if self.disk.free_bytes(self._folder) < size + self._reserve.owed() + promised:
            msg = f"The element has no room for {size} bytes beside what is promised to other uploads."
            raise InsufficientStorage(msg)

    def _of(self, ticket_id: str, wanted: Callable[[StagingFile], bool]) -> list[StagingFile]:
        return [file for file in self._open if file.ticket.ticket_id == ticket_id and wanted(file)]
