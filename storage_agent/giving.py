"""Bytes on their way out: small bodies are checked before the first byte leaves, large ones before the last does."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from schemas.errors import BodyDamaged
from storage_agent.derived import on_disk, open_to_read
from storage_agent.gate import raise_if_exhausted
from storage_agent.ranges import Span

PIECE_BYTES = 256 * 1024
# Up to here a body is read whole before any of it is sent, whatever part was asked for.
CHECKED_BYTES = 1024 * 1024


class Reader(Protocol):
    """A body, or a text, that is open to be read. `size` in bytes."""

    size: int

    def read(self, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from `offset` on. Blocks; OSError."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class FileReader:
    """A file; FileNotFoundError when it is not there."""

    def __init__(self, path: Path) -> None:
        self._file = open_to_read(path)
        self.size = os.fstat(self._file.fileno()).st_size

    def read(self, count: int, offset: int) -> bytes:
        """Return bytes of the file."""
        return os.pread(self._file.fileno(), count, offset)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CarriedReader:
    """A body that the journal's record carries, until its file is in place."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, count: int, offset: int) -> bytes:
        """Return bytes of the body."""
        return self._data[offset : offset + count]

    def close(self) -> None:
        """Nothing is held."""


async def checked_body(reader: Reader, size: int, sha256: str) -> bytes:
    """Return a whole body; BodyDamaged unless it has this size and hex SHA-256."""
    return await on_disk(_checked, reader, size, sha256)


async def pieces(reader: Reader, part: Span) -> AsyncIterator[bytes]:
    """Yield the bytes of a span as they are read; BodyDamaged where they end too early or cannot be read."""
    position, end = part.first, part.last + 1
    while position < end:
        piece = await on_disk(_piece, reader, min(PIECE_BYTES, end - position), position)
        position += len(piece)
        yield piece


async def checked_pieces(reader: Reader, size: int, sha256: str) -> AsyncIterator[bytes]:
    """Yield a whole body, hashed as it is read; BodyDamaged instead of the last piece unless the SHA-256 is right.

    Whoever gets fewer bytes than were announced does not take them for the document.
    """
    digest, position, held = hashlib.sha256(), 0, b""
    while position < size:
        piece = await on_disk(_hashed_piece, reader, digest, min(PIECE_BYTES, size - position), position)
        if held:
            yield held
        position, held = position + len(piece), piece
    if digest.hexdigest() != sha256:
        raise BodyDamaged
    yield held


def _checked(reader: Reader, size: int, sha256: str) -> bytes:
    read: list[bytes] = []
    left = size
    while left:
        read.append(_piece(reader, left, size - left))
        left -= len(read[-1])
    body = read[0] if len(read) == 1 else b"".join(read)
    if hashlib.sha256(body).hexdigest() != sha256:
        raise BodyDamaged
    return body


def _hashed_piece(reader: Reader, digest: "hashlib._Hash", count: int, offset: int) -> bytes:
    piece = _piece(reader, count, offset)
    digest.update(piece)
    return piece


def _piece(reader: Reader, count: int, offset: int) -> bytes:
    try:
        piece = reader.read(count, offset)
    except OSError as error:
        raise_if_exhausted(error)
        msg = f"The drive does not give the document's bytes: {error.strerror}."
        raise BodyDamaged(msg) from error
    if not piece:
        raise BodyDamaged
    return piece
