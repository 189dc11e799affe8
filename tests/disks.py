"""Disks that misbehave: one that dies at a chosen call, one in memory that forgets what was not synced."""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

from schemas.errors import ElementBusy
from storage_agent.files import Disk

Result = TypeVar("Result")


class Crash(Exception):
    """The process is gone; nothing reaches the disk any more."""


@dataclass(eq=False)
class Node:
    """A file, its content as the process sees it and as a power cut leaves it; or a directory by its names."""

    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    names: dict[str, "Node"] | None = None
    durable_names: dict[str, "Node"] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One change of names that is not durable yet: `remove` leaves, `put` arrives; a rename is both, at once."""

    remove: tuple[Node, str] | None
    put: tuple[Node, str, Node] | None

    def touches(self, directory: Node) -> bool:
        return any(part is not None and part[0] is directory for part in (self.remove, self.put))

    def apply(self) -> None:
        if self.remove is not None:
            self.remove[0].durable_names.pop(self.remove[1], None)
        if self.put is not None:
            self.put[0].durable_names[self.put[1]] = self.put[2]


class MemoryDisk:
    """A POSIX file system in memory, as forgetful as the standard allows."""

    def __init__(self, room: int = 10**12) -> None:
        self.room = room
        self._top = Node(names={})
        self._handles: dict[int, Node] = {}
        self._changes: list[Change] = []
        self._locked: set[Path] = set()
        self._modified: dict[int, datetime] = {}
        self.now = datetime(2026, 11, 24, tzinfo=UTC)

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
        assert parent.names is not None
        if path.name not in parent.names:
            self._link(parent, path.name, Node(names={}))

    def sync_directory(self, path: Path) -> None:
        directory = self._directory(path)
        for change in self._changes:
            if change.touches(directory):
                change.apply()
        self._changes = [change for change in self._changes if not change.touches(directory)]

    def is_directory(self, path: Path) -> bool:
        node = self._find(path)
        return node is not None and node.names is not None

    def is_file(self, path: Path) -> bool:
        node = self._find(path)
        return node is not None and node.names is None

    def names(self, path: Path) -> list[str]:
        node = self._find(path)
        return sorted(node.names) if node is not None and node.names is not None else []

    def read(self, path: Path) -> bytes | None:
        node = self._find(path)
        if node is not None and node.names is not None:
            raise IsADirectoryError(21, "is a directory", str(path))
        return None if node is None else bytes(node.content)

    def size(self, path: Path) -> int | None:
        node = self._find(path)
        return None if node is None else len(node.content)

    def forget_cached(self, path: Path) -> None:
        """Nothing is cached here that `cut_power` does not know of."""

    def modified(self, path: Path) -> datetime:
        return self._modified[id(self._file(path))]

    def sha256(self, path: Path) -> str | None:
        data = self.read(path)
        return None if data is None else hashlib.sha256(data).hexdigest()

    def free_bytes(self, _path: Path) -> int:
        return self.room

    def create(self, path: Path) -> int:
        if self._find(path) is not None:
            raise FileExistsError(str(path))
        node = Node()
        self._link(self._directory(path.parent), path.name, node)
        return self._handle(node)

    def open(self, path: Path) -> int:
        return self._handle(self._file(path))

    def open_to_read(self, path: Path) -> int:
        return self._handle(self._file(path))

    def read_at(self, handle: int, size: int, offset: int) -> bytes:
        return bytes(self._handles[handle].content[offset : offset + size])

    def write(self, handle: int, data: bytes, offset: int) -> None:
        node = self._handles[handle]
        node.content[offset : offset + len(data)] = data
        self._modified[id(node)] = self.now

    def truncate(self, handle: int, size: int) -> None:
        del self._handles[handle].content[size:]

    def sync(self, handle: int) -> None:
        node = self._handles[handle]
        node.durable = bytes(node.content)

    def close(self, handle: int) -> None:
        del self._handles[handle]

    def rename(self, source: Path, target: Path) -> None:
        old, new, node = self._directory(source.parent), self._directory(target.parent), self._file(source)
        assert old.names is not None
        assert new.names is not None
        del old.names[source.name]
        new.names[target.name] = node
        self._changes.append(Change((old, source.name), (new, target.name, node)))

    def unlink(self, path: Path) -> None:
        parent = self._directory(path.parent)
        assert parent.names is not None
        if parent.names.pop(path.name, None) is not None:
            self._changes.append(Change((parent, path.name), None))

    def allocate(self, handle: int, size: int) -> None:
        self._handles[handle].content = bytearray(size)

    def cut_power(self, chance: random.Random, survival: float) -> None:
        """Forget: each unsynced change of a name survives with probability `survival`, content may be torn."""
        for change in self._changes:
            if chance.random() < survival:
                change.apply()
        self._changes, self._handles, self._locked = [], {}, set()
        _forget(self._top, chance, survival)

    def tree(self) -> dict[str, bytes]:
        """Return every file by its path."""
        return dict(_walk(self._top, PurePosixPath("/")))

    def _link(self, parent: Node, name: str, node: Node) -> None:
        assert parent.names is not None
        parent.names[name] = node
        self._modified[id(node)] = self.now
        self._changes.append(Change(None, (parent, name, node)))

    def _handle(self, node: Node) -> int:
        handle = max(self._handles, default=2) + 1
        self._handles[handle] = node
        return handle

    def _find(self, path: Path) -> Node | None:
        node: Node | None = self._top
        for part in path.parts[1:]:
            node = None if node is None or node.names is None else node.names.get(part)
        return node

    def _directory(self, path: Path) -> Node:
        node = self._find(path)
        if node is None or node.names is None:
            raise FileNotFoundError(2, "no such directory", str(path))
        return node

    def _file(self, path: Path) -> Node:
        node = self._find(path)
        if node is None:
            raise FileNotFoundError(2, "no such file", str(path))
        return node


def _forget(node: Node, chance: random.Random, survival: float) -> None:
    if node.names is None:
        node.content = bytearray(_torn(node, chance, survival))
        node.durable = bytes(node.content)
        return
    node.names = dict(node.durable_names)
    for child in node.names.values():
        _forget(child, chance, survival)


def _torn(node: Node, chance: random.Random, survival: float) -> bytes:
    """Return the synced content and some of what was appended to it, sometimes with a hole of zeros."""
    new = bytes(node.content)
    if not new.startswith(node.durable):
        return node.durable
    if chance.random() < survival:
        return new
    kept = new[: chance.randint(len(node.durable), len(new))]
    hole = chance.randint(len(node.durable), len(kept))
    return kept if chance.random() < 0.5 else kept[:hole] + bytes(len(kept) - hole)


def _walk(node: Node, path: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    if node.names is None:
        yield str(path), bytes(node.content)
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

    def write(self, handle: int, data: bytes, offset: int) -> None:
        # A killed process can leave half of a write behind: the second half is a step of its own.
        half = len(data) // 2
        self._step("write", lambda: self._inner.write(handle, data[:half], offset))
        self._step("write", lambda: self._inner.write(handle, data[half:], offset + half))

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
