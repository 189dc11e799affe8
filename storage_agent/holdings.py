"""Finding a version on the disk by its id alone: attributes, their exact bytes, and the body's path."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.attributes import Attributes
from schemas.errors import BodyDamaged, Malformed, SealBroken
from storage_agent.files import Disk
from storage_agent.layout import Folders, attr_name, directory_of
from storage_agent.memory import Memory
from storage_agent.placing import Placer


class OpenBody(Protocol):
    """A body that is open to be read; blocking calls. `size` in bytes."""

    size: int

    def read(self, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from `offset` on; none behind the end."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class FileBody:
    """A body in a file of its own; symbolic links are not followed. FileNotFoundError when it is not there."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.size = os.fstat(self._handle).st_size

    def read(self, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from `offset` on."""
        return os.pread(self._handle, count, offset)

    def close(self) -> None:
        """Close the file; fine when it is closed."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class CarriedBody:
    """A body that the journal's record carries, until its file is in place."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from `offset` on."""
        return self._data[offset : offset + count]

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class StoredDocument:
    """One version: parsed and exact attributes, and where the body lies at this moment.

    While only the journal has the body it is `carried`, and `body` is where it will lie.
    """

    attributes: Attributes
    attr: bytes
    body: Path
    carried: bytes | None = None

    def open(self) -> OpenBody:
        """Open the body; FileNotFoundError when it has gone from where it was found."""
        return FileBody(self.body) if self.carried is None else CarriedBody(self.carried)


class Holdings:
    """Reads what is committed; from the journal's record while the files are on their way into place."""

    def __init__(self, disk: Disk, folders: Folders, memory: Memory, placer: Placer) -> None:
        self._disk = disk
        self._folders = folders
        self._memory = memory
        self._placer = placer

    def find(self, document_id: str, version: int) -> StoredDocument | None:
        """Return a version, or None when this element does not hold it.

        SealBroken when its attributes are damaged, BodyDamaged when the body is missing or has another size.
        """
        unsettled = self._memory.unsettled.get((document_id, version))
        if unsettled is not None:
            committed, attr = unsettled.committed, unsettled.committed.attr.encode()
            path = self._placer.body_path(committed)
            return StoredDocument(Attributes.from_sealed(attr), attr, path, committed.body)
        found = self._read(document_id, version)
        return None if found is None else StoredDocument(*found, self._body(document_id, found[0]))

    def committed(self, document_id: str, version: int) -> Attributes | None:
        """Return the attributes of a version that was committed, whatever became of its body since; else None.

        SealBroken when they are damaged themselves.
        """
        unsettled = self._memory.unsettled.get((document_id, version))
        if unsettled is not None:
            return Attributes.from_sealed(unsettled.committed.attr.encode())
        found = self._read(document_id, version)
        return None if found is None else found[0]

    def _read(self, document_id: str, version: int) -> tuple[Attributes, bytes] | None:
        try:
            directory = self._folders.root / directory_of(document_id)
            name = attr_name(document_id, version)
        except Malformed:
            return None
        attr = self._disk.read(directory / name)
        if attr is None:
            return None
        attributes = Attributes.from_sealed(attr)
        if (attributes.document_id, attributes.version) != (document_id, version):
            raise SealBroken("An attribute file lies under the name of another document.")
        return attributes, attr

    def _body(self, document_id: str, attributes: Attributes) -> Path:
        body = self._folders.root / directory_of(document_id) / Path(attributes.content.stored_name).name
        size = self._disk.size(body)
        if size != attributes.content.size:
            found = "is missing" if size is None else f"has {size} bytes"
            msg = f"The body of document {attributes.document_id} {found}; {attributes.content.size} are promised."
            raise BodyDamaged(msg)
        return body
