"""What rots in tests: documents in known hours, their files changed behind the agent's back, drives that fail."""

import errno
import threading
from datetime import timedelta
from pathlib import Path

from schemas.identifiers import DocumentId, new_id
from schemas.ticket import UploadTicket
from storage_agent.documents import Documents
from storage_agent.files import write_synced
from storage_agent.layout import place_of
from tests.builders import NOW
from tests.disks import MemoryDisk
from tests.elements import ROOT, a_ticket_for, put

DATA = b"the bytes of a document"
NAME = "Отчёт.txt"


def body_of(ticket: UploadTicket) -> Path:
    place = place_of(ticket.document_id, 1, NAME)
    return ROOT / place.directory / place.body


def attr_of(ticket: UploadTicket) -> Path:
    place = place_of(ticket.document_id, 1, NAME)
    return ROOT / place.directory / place.attr


async def stored(documents: Documents, *, hours_ago: float = 0.0) -> UploadTicket:
    ticket = a_ticket_for(documents.identity, DATA)
    document_id = DocumentId(new_id(NOW - timedelta(hours=hours_ago)))
    ticket = ticket.model_copy(update={"document_id": document_id})
    await put(documents, ticket, DATA)
    await documents.settle()
    return ticket


def overwrite(disk: MemoryDisk, path: Path, data: bytes) -> None:
    disk.unlink(path)
    write_synced(disk, path, data)


def flip(disk: MemoryDisk, path: Path) -> None:
    data = bytearray(disk.read(path) or b"")
    data[len(data) // 2] ^= 1
    overwrite(disk, path, bytes(data))


def replace_by_folder(disk: MemoryDisk, path: Path) -> None:
    disk.unlink(path)
    disk.make_directory(path)


class SickDisk(MemoryDisk):
    """Gives an error in the place of some bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: set[Path] = set()
        self._bad_handles: set[int] = set()

    def read(self, path: Path) -> bytes | None:
        if path in self.bad:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return super().read(path)

    def names(self, path: Path) -> list[str]:
        if path in self.bad:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return super().names(path)

    def is_directory(self, path: Path) -> bool:
        if path in self.bad and super().is_directory(path.parent):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return super().is_directory(path)

    def open_to_read(self, path: Path) -> int:
        handle = super().open_to_read(path)
        if path in self.bad:
            self._bad_handles.add(handle)
        return handle

    def read_at(self, handle: int, size: int, offset: int) -> bytes:
        if handle in self._bad_handles:
            raise OSError(errno.EIO, "Input/output error")
        return super().read_at(handle, size, offset)

    def close(self, handle: int) -> None:
        self._bad_handles.discard(handle)
        super().close(handle)


class NotingDisk(MemoryDisk):
    """Notes which bodies are read, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.read_bodies: list[Path] = []

    def open_to_read(self, path: Path) -> int:
        self.read_bodies.append(path)
        return super().open_to_read(path)


class SilentDisk(MemoryDisk):
    """Does not answer for one body until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.silent: Path | None = None
        self.may_answer = threading.Event()

    def open_to_read(self, path: Path) -> int:
        if path == self.silent:
            self.may_answer.wait(10)
        return super().open_to_read(path)
