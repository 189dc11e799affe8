"""Disks that misbehave: one that dies at a chosen call, one in memory that forgets what was not synced."""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

from schemas.errors import ElementBusy
from storage_agent.files import Disk
from tests.posix import (
    Change,
    Cut,
    Directory,
    File,
    Node,
    State,
    Write,
    drawn_state,
    legal_states,
    present_state,
    synced_with,
)

Result = TypeVar("Result")


class Crash(Exception):
    """The process is gone; nothing reaches the disk any more."""


class MemoryDisk:
    """A POSIX file system in memory, as forgetful as `tests/posix.py` says."""

    def __init__(self, room: int = 10**12) -> None:
        self.room = room
        self.now = datetime(2026, 11, 24, tzinfo=UTC)
        self._top = Directory()
        self._handles: dict[int, File] = {}
        self._changes: list[Change] = []
        self._locked: set[Path] = set()

    @contextmanager
    def lock(self, path: Path) -> Iterator[None]:
        if path in self._locked:
            raise ElementBusy
        self._locked.add(path)
        try:
            yield
        finally:
            self._locked.discard(path)

    def make_directory(self, path: Path) -> None:
        parent = self._directory(path.parent)
        if path.name not in parent.names:
            self._link(parent, path.name, Directory())

    def sync_directory(self, path: Path) -> None:
        kept = synced_with(self._directory(path), self._changes)
        for change in kept:
            change.apply({place[0]: place[0].durable for place in change.places})
        self._changes = [change for change in self._changes if change not in kept]

    def is_directory(self, path: Path) -> bool:
        return isinstance(self._find(path), Directory)

    def is_file(self, path: Path) -> bool:
        return isinstance(self._find(path), File)

    def names(self, path: Path) -> list[str]:
        node = self._find(path)
        return sorted(node.names) if isinstance(node, Directory) else []

    def read(self, path: Path) -> bytes | None:
        node = self._find(path)
        if isinstance(node, Directory):
            raise IsADirectoryError(21, "is a directory", str(path))
        return None if node is None else node.content

    def size(self, path: Path) -> int | None:
        node = self._find(path)
        return None if node is None else len(node.content) if isinstance(node, File) else 0

    def forget_cached(self, path: Path) -> None:
        """Nothing is cached here that a power cut does not know of."""

    def modified(self, path: Path) -> datetime:
        return self._file(path).modified or self.now

    def sha256(self, path: Path) -> str | None:
        data = self.read(path)
        return None if data is None else hashlib.sha256(data).hexdigest()

    def free_bytes(self, _path: Path) -> int:
        return self.room

    def create(self, path: Path) -> int:
        if self._find(path) is not None:
            raise FileExistsError(str(path))
        file = File(modified=self.now)
        self._link(self._directory(path.parent), path.name, file)
        return self._handle(file)

    def open(self, path: Path) -> int:
        return self._handle(self._file(path))

    def open_to_read(self, path: Path) -> int:
        return self.open(path)

    def read_at(self, handle: int, size: int, offset: int) -> bytes:
        return self._handles[handle].content[offset : offset + size]

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        self._handles[handle].take(Write(bytes(data), offset))
        self._handles[handle].modified = self.now

    def write_back(self, handle: int, offset: int, size: int) -> None:
        """A power cut forgets it all the same."""

    def truncate(self, handle: int, size: int) -> None:
        self._handles[handle].take(Cut(size))

    def sync(self, handle: int) -> None:
        self._handles[handle].sync()

    def close(self, handle: int) -> None:
        del self._handles[handle]

    def rename(self, source: Path, target: Path) -> None:
        old, new, node = self._directory(source.parent), self._directory(target.parent), self._find(source)
        if node is None:
            raise FileNotFoundError(2, "no such file", str(source))
        self._change(Change((old, source.name), (new, target.name), node))

    def unlink(self, path: Path) -> None:
        parent = self._directory(path.parent)
        if path.name in parent.names:
            self._change(Change((parent, path.name), None))

    def allocate(self, handle: int, size: int) -> None:
        self._handles[handle].take(Write(bytes(size), 0))

    def states(self) -> Iterator[State]:
        """Yield everything that a power cut at this moment may leave."""
        return legal_states(self._top, self._changes)

    def state(self) -> State:
        """Return what is there now, as processes see it."""
        return present_state(self._top, self._changes)

    def cut_power(self, chance: random.Random, survival: float) -> None:
        """Forget: each unsynced change of a name survives with probability `survival`, content may be torn."""
        self.become(drawn_state(self._top, self._changes, chance, survival))

    def become(self, state: State) -> None:
        """Be as a power cut has left a disk, after a start."""
        self._top, self._changes, self._handles, self._locked = Directory(), [], {}, set()
        folders = {"": self._top}
        for path in state.directories:
            parent, _, name = path.rpartition("/")
            folders[path] = Directory()
            folders[parent].names[name] = folders[parent].durable[name] = folders[path]
        for path, data in state.files:
            parent, _, name = path.rpartition("/")
            file = File(data, data, modified=self.now)
            folders[parent].names[name] = folders[parent].durable[name] = file

    def tree(self) -> dict[str, bytes]:
        """Return every file by its path."""
        return dict(_walk(self._top, PurePosixPath("/")))

    def _link(self, parent: Directory, name: str, node: Node) -> None:
        self._change(Change(None, (parent, name), node))

    def _change(self, change: Change) -> None:
        change.apply({place[0]: place[0].names for place in change.places})
        self._changes.append(change)

    def _handle(self, file: File) -> int:
        handle = max(self._handles, default=2) + 1
        self._handles[handle] = file
        return handle

    def _find(self, path: Path) -> Node | None:
        node: Node | None = self._top
        for part in path.parts[1:]:
            node = node.names.get(part) if isinstance(node, Directory) else None
        return node

    def _directory(self, path: Path) -> Directory:
        node = self._find(path)
        if not isinstance(node, Directory):
            raise FileNotFoundError(2, "no such directory", str(path))
        return node

    def _file(self, path: Path) -> File:
        node = self._find(path)
        if not isinstance(node, File):
            raise FileNotFoundError(2, "no such file", str(path))
        return node


def _walk(node: Node, path: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    if isinstance(node, File):
        yield str(path), node.content
        return
    for name, child in node.names.items():
        yield from _walk(child, path / name)


class CrashingDisk:
    """Any disk, with a process on it that dies before call number `at` of those that change something.

    To die after a call is to die before the next one. Calls of the name `skipped` are left out: a planted fault.
    """

    def __init__(self, inner: Disk, at: int | None = None, *, skipped: str = "") -> None:
        self.calls: list[str] = []
        self._inner = inner
        self._at = at
        self._skipped = skipped
        self._dead = False

    def _step(self, name: str, work: Callable[[], Result]) -> Result:
        if self._dead:
            raise Crash(name)
        self.calls.append(name)
        self._dead = len(self.calls) - 1 == self._at
        if self._dead:
            raise Crash(name)
        return work()

    def lock(self, path: Path) -> AbstractContextManager[None]:
        return self._inner.lock(path)

    def make_directory(self, path: Path) -> None:
        self._step("make_directory", lambda: self._inner.make_directory(path))

    def sync_directory(self, path: Path) -> None:
        work: Callable[[], None] = lambda: self._inner.sync_directory(path)  # noqa: E731 - one of two
        self._step("sync_directory", work if self._skipped != "sync_directory" else lambda: None)

    def is_directory(self, path: Path) -> bool:
        return self._inner.is_directory(path)

    def is_file(self, path: Path) -> bool:
        return self._inner.is_file(path)

    def names(self, path: Path) -> list[str]:
        return self._inner.names(path)

    def read(self, path: Path) -> bytes | None:
        return self._inner.read(path)

    def size(self, path: Path) -> int | None:
        return self._inner.size(path)

    def forget_cached(self, path: Path) -> None:
        self._inner.forget_cached(path)

    def modified(self, path: Path) -> datetime:
        return self._inner.modified(path)

    def sha256(self, path: Path) -> str | None:
        return self._inner.sha256(path)

    def free_bytes(self, path: Path) -> int:
        return self._inner.free_bytes(path)

    def create(self, path: Path) -> int:
        return self._step("create", lambda: self._inner.create(path))

    def open(self, path: Path) -> int:
        return self._inner.open(path)

    def open_to_read(self, path: Path) -> int:
        return self._inner.open_to_read(path)

    def read_at(self, handle: int, size: int, offset: int) -> bytes:
        return self._inner.read_at(handle, size, offset)

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        # A killed process can leave half of a write behind: the second half is a step of its own.
        half = len(data) // 2
        self._step("write", lambda: self._inner.write(handle, data[:half], offset))
        self._step("write", lambda: self._inner.write(handle, data[half:], offset + half))

    def write_back(self, handle: int, offset: int, size: int) -> None:
        self._inner.write_back(handle, offset, size)

    def truncate(self, handle: int, size: int) -> None:
        self._step("truncate", lambda: self._inner.truncate(handle, size))

    def sync(self, handle: int) -> None:
        self._step("sync", (lambda: self._inner.sync(handle)) if self._skipped != "sync" else lambda: None)

    def close(self, handle: int) -> None:
        self._inner.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename", lambda: self._inner.rename(source, target))

    def unlink(self, path: Path) -> None:
        self._step("unlink", lambda: self._inner.unlink(path))

    def allocate(self, handle: int, size: int) -> None:
        self._step("allocate", lambda: self._inner.allocate(handle, size))
