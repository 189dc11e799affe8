"""Bytes on their way out: small bodies are checked before the first byte leaves, large ones before the last does.

A large one that was read whole and found right a while ago goes unread (`proofs.py`).
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.errors import BodyDamaged
from storage_agent.derived import on_disk, open_to_read
from storage_agent.gate import raise_if_exhausted
from storage_agent.proofs import FileState, Proof
from storage_agent.ranges import Span

# What is sent at once, and what of a whole large body is held back until its digest is known.
PIECE_BYTES = 4 * 1024 * 1024
READ_BYTES = 256 * 1024
# Up to here a body is read whole before any of it is sent, whatever part was asked for.
CHECKED_BYTES = 1024 * 1024


class Reader(Protocol):
    """A body, or a text, that is open to be read. `size` in bytes; `opened`: its file's state then, if it has one."""

    size: int
    opened: FileState | None

    def read(self, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from `offset` on. Blocks; OSError."""
        ...

    def handle(self) -> int | None:
        """Return the handle of its file, valid until `close`; None for what lies in no file."""
        ...

    def state(self) -> FileState | None:
        """Return its file's state as it is now. Blocks; OSError."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class FileReader:
    """A file; FileNotFoundError when it is not there."""

    def __init__(self, path: Path) -> None:
        self._file = open_to_read(path)
        state = self.state()
        self.opened: FileState | None = state
        self.size = state.size

    def read(self, count: int, offset: int) -> bytes:
        """Return bytes of the file."""
        return os.pread(self._file.fileno(), count, offset)

    def handle(self) -> int:
        """Return the file's handle."""
        return self._file.fileno()

    def state(self) -> FileState:
        """Return the file's state."""
        return FileState.of(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CarriedReader:
    """A body that the journal's record carries, until its file is in place."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)
        self.opened: FileState | None = None

    def read(self, count: int, offset: int) -> bytes:
        """Return bytes of the body."""
        return self._data[offset : offset + count]

    def handle(self) -> None:
        """Return none."""

    def state(self) -> None:
        """Return none."""

    def close(self) -> None:
        """Nothing is held."""


class CheckedReader(CarriedReader):
    """A small body that was read whole, and is what it should be."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


def checked(reader: Reader, size: int, sha256: str) -> CheckedReader:
    """Read a whole body and close what it came from; BodyDamaged unless it has this size and hex SHA-256. Blocks."""
    try:
        return CheckedReader(_checked(reader, size, sha256))
    finally:
        reader.close()


async def checked_body(reader: Reader, size: int, sha256: str) -> bytes:
    """Return a whole body; BodyDamaged unless it has this size and hex SHA-256."""
    return await on_disk(_checked, reader, size, sha256)


@dataclass(frozen=True)
class Stretch:
    """Some bytes of a body, not read yet: `count` of them from `first` on."""

    reader: Reader
    first: int
    count: int

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read them; BodyDamaged where they end too early or cannot be read."""
        position, end = self.first, self.first + self.count
        while position < end:
            piece = await on_disk(_piece, self.reader, min(READ_BYTES, end - position), position)
            position += len(piece)
            yield piece


async def pieces(reader: Reader, part: Span) -> AsyncIterator[Stretch]:
    """Yield a span in stretches that can be sent; BodyDamaged where the body ends before it."""
    if part.last >= reader.size:
        raise BodyDamaged
    for stretch in _stretches(reader, part):
        yield stretch


async def checked_pieces(reader: Reader, size: int, sha256: str, proof: Proof) -> AsyncIterator[Stretch]:
    """Yield a whole body in stretches, each once it is hashed; BodyDamaged instead of the last if the SHA-256 is wrong.

    While one is sent the next is hashed, so that it is in memory when its turn comes. Whoever gets fewer bytes than
    were announced does not take them for the document. While the proof holds nothing is hashed; if it does so no more,
    or the file has changed in the meantime, what was passed over is hashed before anything more leaves.
    """
    digest = hashlib.sha256()
    unread: list[Stretch] = []
    held: Stretch | None = None
    hashing: asyncio.Task[None] | None = None
    try:
        for stretch in _stretches(reader, Span(0, size - 1)):
            unread.append(stretch)
            if not proof.holds():
                hashing, unread = asyncio.create_task(_hash_all(unread, digest), name="hashing"), []
            if held is not None:
                yield held
            if hashing is not None:
                await hashing
            held = stretch
        state = await on_disk(_state, reader)
        if unread and not (proof.holds() and state == reader.opened):
            await _hash_all(unread, digest)
            unread = []
        if not unread:
            if digest.hexdigest() != sha256:
                raise BodyDamaged
            proof.found_right(state)
        if held is not None:
            yield held
    finally:
        if hashing is not None and not hashing.cancel() and not hashing.cancelled():
            # Asking for it tells the event loop that its failure was not lost.
            hashing.exception()


def _stretches(reader: Reader, part: Span) -> Iterator[Stretch]:
    for first in range(part.first, part.last + 1, PIECE_BYTES):
        yield Stretch(reader, first, min(PIECE_BYTES, part.last + 1 - first))


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


async def _hash_all(stretches: Sequence[Stretch], digest: "hashlib._Hash") -> None:
    for stretch in stretches:
        await on_disk(_hash, stretch, digest)


def _hash(stretch: Stretch, digest: "hashlib._Hash") -> None:
    position, end = stretch.first, stretch.first + stretch.count
    while position < end:
        piece = _piece(stretch.reader, min(READ_BYTES, end - position), position)
        digest.update(piece)
        position += len(piece)


def _state(reader: Reader) -> FileState | None:
    with read_errors_told():
        return reader.state()


def _piece(reader: Reader, count: int, offset: int) -> bytes:
    with read_errors_told():
        piece = reader.read(count, offset)
    if not piece:
        raise BodyDamaged
    return piece


@contextmanager
def read_errors_told() -> Iterator[None]:
    """Raise BodyDamaged when a body that the block reads, or lets be sent, ends too early or cannot be read."""
    try:
        yield
    except EOFError as error:
        raise BodyDamaged from error
    except TimeoutError:
        raise
    except OSError as error:
        raise_if_exhausted(error)
        msg = f"The drive does not give the document's bytes: {error.strerror}."
        raise BodyDamaged(msg) from error
