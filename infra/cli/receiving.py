"""A download while it arrives: what is here already, how to go on after a break, and the proof at the end."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import BinaryIO

import httpx2

from schemas.api.documents import DocumentBody
from schemas.errors import BodyDamaged, ConnectionBroken

PARTIAL = 206
CHUNK_BYTES = 2**20
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def _unnoted(_etag: str) -> None:
    """Nobody goes on with this file later."""


class Receiving:
    """Bytes written to `file` so far, their number and their rolling SHA-256.

    `etag` says of which content the file holds the beginning; without one, the file begins empty. `note` is told the
    tag of an answer before its first byte is written. `furthest` is the highest count that there ever was.
    """

    def __init__(self, file: BinaryIO, etag: str | None = None, note: Callable[[str], None] = _unnoted) -> None:
        self._file = file
        self._note = note
        self._sha256 = hashlib.sha256()
        self._etag = etag
        self.count = 0
        if etag is None:
            self.restart()
        else:
            self._read_back()
        self.furthest = self.count

    def headers(self) -> Mapping[str, str]:
        """Say what to ask for: everything at first, later the rest if the content is the same (RFC 9110, 13.1.5)."""
        # The bytes themselves are wanted, not a compressed form of them: the digest speaks of those.
        plain = {"Accept-Encoding": "identity"}
        if not self.count or self._etag is None:
            return plain
        return {**plain, "Range": f"bytes={self.count}-", "If-Range": self._etag}

    def begin(self, response: httpx2.Response) -> None:
        """Take the head of an answer: a 206 goes on where we are, anything else begins from nothing."""
        etag = response.headers.get("ETag")
        if response.status_code != PARTIAL:
            self.restart()
        elif _start_of(response) != self.count or etag != self._etag:
            self.restart()
            raise ConnectionBroken("The agent continued with other bytes than asked; the download begins again.")
        if etag is not None and etag != self._etag:
            self._note(etag)
        self._etag = etag

    def take(self, chunk: bytes) -> None:
        """Write the next bytes."""
        self._file.write(chunk)
        self._sha256.update(chunk)
        self.count += len(chunk)
        self.furthest = max(self.furthest, self.count)

    def restart(self) -> None:
        """Forget what has come."""
        self._file.seek(0)
        self._file.truncate()
        self._sha256 = hashlib.sha256()
        self._etag = None
        self.count = 0

    def is_whole(self, document: DocumentBody) -> bool:
        """Whether all bytes have come (an empty document has to be asked for once, too)."""
        return self._etag is not None and self.count == document.size

    def is_right(self, document: DocumentBody) -> bool:
        """Whether size and SHA-256 are those that the document promises."""
        return self.count == document.size and self._sha256.hexdigest() == document.sha256

    def verify(self, document: DocumentBody) -> None:
        """Compare with what the document promises. BodyDamaged."""
        if self.is_right(document):
            return
        msg = (
            f"{document.document_id}: {self.count} bytes with SHA-256 {self._sha256.hexdigest()} came, "
            f"{document.size} bytes with {document.sha256} were promised."
        )
        raise BodyDamaged(msg)

    def _read_back(self) -> None:
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            self._sha256.update(chunk)
            self.count += len(chunk)


def _start_of(response: httpx2.Response) -> int | None:
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None
