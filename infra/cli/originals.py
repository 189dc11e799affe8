"""A file as it was when its SHA-256 was taken: what is sent later must still be that file."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from schemas.errors import Rejected

CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Original:
    """A file with its size in bytes, its SHA-256 as 64 hex digits, and the time of its last change when it was read."""

    path: Path
    size: int
    sha256: str
    modified_ns: int

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the whole file, in pieces. OSError; Rejected when it changes meanwhile."""
        # What the file is comes first: a change during the reading is seen afterwards.
        before = path.stat()
        original = cls(path, before.st_size, _sha256_of(path), before.st_mtime_ns)
        original.require_unchanged()
        return original

    @classmethod
    def known(cls, path: Path, sha256: str) -> Self:
        """Take the digest from who has made the file. OSError."""
        about = path.stat()
        return cls(path, about.st_size, sha256, about.st_mtime_ns)

    def require_unchanged(self) -> None:
        """Raise Rejected when the file is not the one that was read. OSError."""
        self._require(self.path.stat())

    def chunks(self, start: int, count: int, chunk_bytes: int) -> Iterator[bytes]:
        """Yield `count` bytes from `start` on; the last chunk only when the file is still the one that was read."""
        with self.path.open("rb") as file:
            file.seek(start)
            while count:
                chunk = file.read(min(chunk_bytes, count))
                count -= len(chunk)
                if not count or not chunk:
                    self.require_unchanged()
                if not chunk:
                    raise self._changed()
                yield chunk

    def _require(self, about: os.stat_result) -> None:
        if (about.st_size, about.st_mtime_ns) != (self.size, self.modified_ns):
            raise self._changed()

    def _changed(self) -> Rejected:
        return Rejected(f"{self.path} has changed since it was read; nothing of it was stored. Put it again.")


def _sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
