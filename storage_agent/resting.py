"""The body of an upload that outlives its requests: how far it is, durably; what is told of it is never more."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import Busy, NotFound, UploadAbandonedError
from schemas.ticket import UploadTicket
from storage_agent import staging
from storage_agent.files import Disk, replace
from storage_agent.gate import raise_if_exhausted
from storage_agent.inspection import HEAD_BYTES
from storage_agent.layout import UPLOADED, Folders
from storage_agent.ledger import Creation
from storage_agent.staging import Staged, StagingFile, Stagings

if TYPE_CHECKING:
    # What hashlib's functions return has no public name.
    from hashlib import _Hash

PROGRESS = ".json"
# A ticket has at most 7 KiB as text; as JSON it is smaller than that, but for what had to be escaped.
PROGRESS_BYTES_MAX = 64 * 1024
PIECE_BYTES = 16 * 1024 * 1024
WAKE_SECONDS = 20.0


class Progress(BaseModel):
    """What is known for certain of an upload, beside its bytes: `size` are announced, `kept` durable.

    `sha256` (hex) is that of the durable bytes; a part of a larger upload has none, it is hashed with the whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    upload_id: str
    ticket: UploadTicket
    is_part: bool
    size: int = Field(ge=0)
    kept: int = Field(ge=0)
    sha256: str | None
    creation: Creation | None = None


@dataclass(frozen=True)
class _Kept:
    size: int
    digest: "_Hash"


class RestingFile(StagingFile):
    """A staging file that is closed between requests and opened again where it was.

    Bytes count as kept once they are synced and the progress beside them says so. The last byte of a whole document
    is never kept before its commit: who is told that all has arrived would not come back.
    """

    def __init__(self, progress: Progress, folders: Folders, stagings: Stagings) -> None:
        body, self._state = paths_of(folders, progress.upload_id)
        super().__init__(progress.ticket, body, stagings, progress.size)
        self.progress = progress
        self._creation = progress.creation
        self._body = body
        self._scratch = folders.staging / self._state.name
        self._kept = _Kept(progress.kept if progress.is_part else 0, hashlib.sha256())
        self._checked: _Hash | None = None
        self._finished: Staged | None = None
        self._written = self._synced = self._written_back = self.received = progress.kept
        # After a start nobody knows what the drive really has: the bytes are read back before anything is told.
        self._read_back = 0
        self._asleep = progress.kept > 0 and not progress.is_part
        self._joined = False
        # Its names may be another upload's by now.
        self._is_gone = False

    @property
    def kept(self) -> int:
        """Return how many bytes are durable, and as far as can be told."""
        return self.progress.kept

    @property
    def is_checked(self) -> bool:
        """Tell whether what arrives is not to be kept before its checksum is compared."""
        return self._checked is not None

    @property
    def is_over(self) -> bool:
        """Tell whether it was given up, discarded or committed."""
        return self._revoked or (self._closed and self._finished is None)

    @property
    def is_gone(self) -> bool:
        """Tell whether nothing of it is left, nor will be: another upload may have its names."""
        return self._is_gone

    def create(self) -> None:
        """Make file and progress, durable with their names; blocks. UploadAbandonedError once it was given up."""
        disk = self._stagings.disk
        with self._at_work:
            self._require_names()
            disk.unlink(self._body)
            try:
                disk.close(disk.create(self._body))
                self._save(self.progress)
            except OSError:
                disk.unlink(self._body)
                raise

    async def wake(self) -> None:
        """Read back what an earlier run has kept; Busy when that takes long, to go on at the next call.

        NotFound when the drive does not have it: then nothing is left of it.
        """
        if not self._asleep:
            return
        began = self._stagings.clock.monotonic()
        async with self._lock:
            self._require_open()
            while self._asleep:
                if self._stagings.clock.monotonic() - began > WAKE_SECONDS:
                    raise Busy("The bytes that arrived before are being read back. Repeat the request.")
                if not await self._stagings.gate.call(self._read_on):
                    self._stagings.forget(self)
                    await self._stagings.gate.call(self._remove, self._body)
                    raise NotFound("What had arrived of this upload cannot be read back. Begin a new one.")

    async def rest(self) -> None:
        """Keep all that has arrived, and close the file; with a checksum that is not compared yet, nothing."""
        async with self._lock:
            if self._closed or self._revoked or self._checked is not None or self._stagings.gate.failure() is not None:
                return
            await self._quiet()
            await self._stagings.gate.call(self._settle, self._gathered())
            self.received = self._written

    async def revert(self) -> None:
        """Forget what is not kept, and be open again."""
        async with self._lock:
            if self._stagings.gate.failure() is None and not self._asleep and not self._is_gone:
                await self._quiet()
                await self._stagings.gate.call(self._reset)
                if not self._revoked:
                    self._stagings.remember(self)

    async def check(self, checksum: "_Hash") -> None:
        """From here on let `checksum` take in what arrives; nothing of it is kept before `approve`."""
        async with self._lock:
            self._checked = checksum

    async def approve(self, expected: bytes) -> bool:
        """Tell whether what arrived since `check` has this digest; if so, it may be kept."""
        async with self._lock:
            self._require_open()
            await self._flush(self._gathered())
            await self._written_down()
            if self._checked is None or self._checked.digest() != expected:
                return False
            self._checked = None
            return True

    async def join(self, others: Sequence["RestingFile"], creation: Creation | None) -> None:
        """Become the whole document, of which this is the first part: the others are written behind it, in order.

        `creation`: what was said of the whole. All of it is hashed now, once. What this part was, it is again after
        `revert`. InsufficientStorage.
        """
        async with self._lock:
            self._require_open()
            self._joined, self.size, self._creation = True, self.ticket.size, creation
            self._digest, end = hashlib.sha256(), self._written
        await self._stagings.grow(self)
        for offset in range(0, end, PIECE_BYTES):
            await self._stagings.gate.call(self._take_in, await self.piece(offset, end))
        for other in others:
            for offset in range(0, other.kept, PIECE_BYTES):
                await self.write(await other.piece(offset, other.kept))

    async def finish(self) -> Staged:
        """Make the body durable as a whole; a small one is taken into memory, to ride in the journal."""
        async with self._lock:
            self._require_open()
            await self._written_down()
            gathered = self._gathered()
            if self.size <= staging.SMALL_BYTES:
                body = await self._stagings.gate.call(self._whole, gathered)
                staged = Staged(None, len(body), hashlib.sha256(body).hexdigest(), body, lasting=True)
            else:
                await self._stagings.gate.call(self._seal, self._body, gathered)
                staged = Staged(self._body, self.received, self._digest.hexdigest(), lasting=True)
            self._finished = replaced(staged, creation=self._creation)
            self._closed = True
            return self._finished

    async def head(self) -> bytes:
        """Return the first bytes of what `finish` has returned, for who judges it."""
        if self._finished is not None and self._finished.body is not None:
            return self._finished.body[:HEAD_BYTES]
        return await self.piece(0, HEAD_BYTES)

    async def done(self) -> None:
        """Forget the upload behind the commit of its document, which has taken the body."""
        async with self._lock:
            self._stagings.forget(self)
            is_moved = self._finished is not None and self._finished.path is not None
            self._finished, self._closed = None, True
            if self._stagings.gate.failure() is None:
                await self._stagings.gate.call(self._end, None if is_moved else self._body)

    async def piece(self, offset: int, end: int) -> bytes:
        """Return the bytes from `offset` on, a piece at most; UploadAbandonedError when it was given up meanwhile."""
        size = min(PIECE_BYTES, end - offset)
        return await self._stagings.gate.call(_read_or_gone, self._stagings.disk, self._body, size, offset)

    async def _quiet(self) -> None:
        """Wait for the piece that is being written; behind one that failed nothing can follow."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
            if self._writing.cancelled() or self._writing.exception() is not None:
                self._buffer.clear()
            self._writing = None

    def _read_on(self) -> bool:
        """Hash one more piece; False when these are not the bytes that were kept."""
        disk, end = self._stagings.disk, self.progress.kept
        with self._at_work:
            try:
                if not self._read_back:
                    disk.forget_cached(self._body)
                piece = _piece(disk, self._body, min(PIECE_BYTES, end - self._read_back), self._read_back)
            except OSError as error:
                raise_if_exhausted(error)
                return False
            self._digest.update(piece)
            self._read_back += len(piece)
            if piece and self._read_back < end:
                return True
            self._kept, self._asleep = _Kept(end, self._digest.copy()), False
            return self._read_back == end and self.progress.sha256 in (None, self._digest.hexdigest())

    def _reset(self) -> None:
        with self._at_work:
            self._release()
            self._buffer = bytearray()
            self._digest, self._checked, self._finished = self._kept.digest.copy(), None, None
            self._written = self._synced = self._written_back = self.received = self._kept.size
            self._closed = self._taken = self._joined = False
            self.size, self._creation = self.progress.size, self.progress.creation

    def _settle(self, gathered: bytes) -> None:
        with self._at_work:
            if self._is_gone:
                return
            self._put(gathered)
            if self._handle is not None and self._written > self._synced:
                self._stagings.disk.sync(self._handle)
                self._synced = self._written
            self._note_synced()
            self._release()

    def _note_synced(self) -> None:
        is_whole = self._written == self.size and not self.progress.is_part
        if self._joined or self._checked is not None or is_whole or self._written <= self.kept:
            return
        digest = self._digest.copy()
        sha256 = None if self.progress.is_part else digest.hexdigest()
        self._save(self.progress.model_copy(update={"kept": self._written, "sha256": sha256}))
        self._kept = _Kept(self._written, digest)

    def _put(self, chunk: bytes | memoryview) -> None:
        if chunk and self._handle is None:
            self._handle = self._opened()
        super()._put(chunk)
        if self._checked is not None:
            self._checked.update(chunk)

    def _require_names(self) -> None:
        if self._is_gone:
            raise UploadAbandonedError

    def _opened(self) -> int:
        self._require_names()
        try:
            return self._stagings.disk.open(self._body)
        except FileNotFoundError as error:
            # Somebody has taken it away by hand: that ends this upload, and nothing else.
            self._revoked = True
            raise UploadAbandonedError from error

    def _save(self, progress: Progress) -> None:
        replace(self._stagings.disk, self._state, progress.model_dump_json().encode(), self._scratch)
        self.progress = progress

    def _whole(self, gathered: bytes) -> bytes:
        with self._at_work:
            self._release()
            self._require_names()
            return _read_or_gone(self._stagings.disk, self._body, self._written, 0) + gathered

    def _take_in(self, chunk: bytes | memoryview) -> None:
        # A part is hashed with the whole, in its place there.
        if self._joined or not self.progress.is_part:
            super()._take_in(chunk)

    def _remove(self, path: Path) -> None:
        with self._at_work:
            self._close()
            self._finished = None
            self._remove_progress(path)

    def _end(self, body: Path | None) -> None:
        with self._at_work:
            self._remove_progress(body)

    def _remove_progress(self, body: Path | None) -> None:
        """Remove all of it, once: afterwards the names may be another upload's."""
        if self._is_gone:
            return
        self._is_gone = True
        # The progress first: bytes without it are swept at the next start.
        self._stagings.disk.unlink(self._state)
        if body is not None:
            self._stagings.disk.unlink(body)
        self._stagings.disk.sync_directory(self._state.parent)


def paths_of(folders: Folders, upload_id: str) -> tuple[Path, Path]:
    """Return where body and progress of an upload lie."""
    return folders.arrived(upload_id + UPLOADED), folders.uploads / (upload_id + PROGRESS)


def read_progress(disk: Disk, path: Path) -> Progress | None:
    """Return what a progress file says; None when it says nothing that can be believed."""
    try:
        # Read whole, a file of gigabytes in its place would take all memory with it.
        data = disk.read(path) if (disk.size(path) or 0) <= PROGRESS_BYTES_MAX else None
        found = Progress.model_validate_json(data or b"")
    except OSError as error:
        raise_if_exhausted(error)
        return None
    except ValidationError:
        return None
    return found if path.name == found.upload_id + PROGRESS and found.kept <= found.size else None


def _read_or_gone(disk: Disk, path: Path, size: int, offset: int) -> bytes:
    try:
        return _piece(disk, path, size, offset)
    except FileNotFoundError as error:
        raise UploadAbandonedError from error


def _piece(disk: Disk, path: Path, size: int, offset: int) -> bytes:
    handle = disk.open_to_read(path)
    try:
        return disk.read_at(handle, size, offset)
    finally:
        disk.close(handle)
