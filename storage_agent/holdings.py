"""Finding a version on the disk by its id alone: attributes, their exact bytes, and the body's path."""

from dataclasses import dataclass
from pathlib import Path

from infra.runtime.recent import Recent
from schemas.attributes import Attributes
from schemas.errors import BodyDamaged, Malformed, SealBroken
from schemas.fixity import DamagedPart, DamageReason
from storage_agent.checking import Fault, Key, Read, find_body, read_attributes
from storage_agent.giving import CarriedReader, FileReader, Reader
from storage_agent.parts import Parts

# Of attribute files, together; parsed they take about four times as much memory. Such a file has some 2 KiB.
PARSED_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True)
class StoredDocument:
    """One version: parsed and exact attributes, and where the body lies at this moment.

    While only the journal has the body it is `carried`, and `body` is where it will lie.
    """

    attributes: Attributes
    attr: bytes
    body: Path
    carried: bytes | None = None

    def open(self) -> Reader:
        """Open the body; FileNotFoundError when it has gone from where it was found."""
        return FileReader(self.body) if self.carried is None else CarriedReader(self.carried)


class Holdings:
    """Reads what is committed; from the journal's record while the files are on their way into place."""

    def __init__(self, parts: Parts) -> None:
        self._disk, self._root = parts.disk, parts.folders.root
        self._memory, self._placer, self._suspects = parts.memory, parts.placer, parts.suspects
        # By their exact bytes, which are read each time: whatever becomes of a file, this is what stands in it.
        self._parsed: Recent[bytes, Attributes] = Recent(PARSED_BYTES_MAX)

    def find(self, document_id: str, version: int) -> StoredDocument | None:
        """Return a version, or None when this element does not hold it.

        SealBroken when its attributes are damaged, BodyDamaged when the body is missing or has another size, and when
        one of the two is known to be damaged, or suspected of it.
        """
        unsettled = self._memory.unsettled.get((document_id, version))
        if unsettled is not None:
            committed, attr = unsettled.committed, unsettled.committed.attr.encode()
            path = self._placer.body_path(committed)
            return StoredDocument(Attributes.from_sealed(attr), attr, path, committed.body)
        self._require_unharmed((document_id, version))
        found = self._read(document_id, version)
        if found is None:
            return None
        body = find_body(self._disk, self._root, found.attributes)
        if isinstance(body, Fault):
            raise BodyDamaged(body.detail)
        return StoredDocument(found.attributes, found.attr, body)

    def committed(self, document_id: str, version: int) -> Attributes | None:
        """Return the attributes of a version that was committed, whatever became of its body since; else None.

        SealBroken when they are damaged themselves.
        """
        unsettled = self._memory.unsettled.get((document_id, version))
        if unsettled is not None:
            return Attributes.from_sealed(unsettled.committed.attr.encode())
        ailing = self._memory.damaged.get((document_id, version))
        if ailing is not None and ailing.part == DamagedPart.ATTRIBUTES:
            raise SealBroken(_told((document_id, version)))
        found = self._read(document_id, version)
        return None if found is None else found.attributes

    def _require_unharmed(self, key: Key) -> None:
        ailing = self._memory.damaged.get(key)
        if ailing is not None:
            raise (SealBroken if ailing.part == DamagedPart.ATTRIBUTES else BodyDamaged)(_told(key))
        if key in self._suspects:
            raise BodyDamaged(f"Document {key[0]}, version {key[1]}, was read wrongly and is being looked at.")

    def _read(self, document_id: str, version: int) -> Read | None:
        try:
            found = read_attributes(self._disk, self._root, (document_id, version), self._parse)
        except Malformed:
            return None
        if isinstance(found, Read):
            return found
        if found.reason == DamageReason.MISSING:
            return None
        raise SealBroken(found.detail)

    def _parse(self, attr: bytes) -> Attributes:
        attributes = self._parsed.get(attr)
        if attributes is None:
            attributes = Attributes.from_sealed(attr)
            self._parsed.keep(attr, attributes)
        return attributes


def _told(key: Key) -> str:
    return f"Document {key[0]}, version {key[1]}, is damaged. It is not given until its files are put back."
