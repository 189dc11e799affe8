"""What POSIX lets a power cut leave of a disk: one model of forgetting, drawn from at random or gone through whole."""

# The model is that of ALICE ("All File Systems Are Not Created Equal", OSDI 2014) and of CrashMonkey and ACE ("Finding
# Crash-Consistency Bugs with Bounded Black-Box Crash Testing", OSDI 2018): a file system owes what was synced, and of
# the rest keeps whatever it likes. In particular:
#
# - The content of a file and its names are forgotten independently; a sync of the file keeps its content, a sync of
#   the directory its names there. A file without a name is gone, and with a directory all that is in it.
# - Of the unsynced steps of a content (writes, truncations, allocations) any prefix is kept. The step behind it may be
#   torn: half of its bytes, or as many zeros, or half of them and zeros for the rest. And one write may be missing
#   below later ones, with zeros in its place.
# - Each unsynced change of names is kept or forgotten, whatever becomes of the others; only those of one and the same
#   name go in order, for a directory entry is one place on the drive: no later one without the earlier ones.
# - A rename is one change: never both names, never neither. Whatever keeps one half of it keeps the other.
#
# Not in the model, and looked for elsewhere: a drive that lies about a sync, rot, and errors of the calls themselves.

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product


@dataclass(frozen=True)
class Write:
    """Bytes written at an offset."""

    data: bytes
    offset: int

    def on(self, content: bytes) -> bytes:
        return content[: self.offset].ljust(self.offset, b"\0") + self.data + content[self.offset + len(self.data) :]

    def torn(self) -> tuple["Write", ...]:
        """Return what an interrupted write may have been instead."""
        half, size = len(self.data) // 2, len(self.data)
        parts = (self.data[:half], bytes(size), self.data[:half] + bytes(size - half))
        return tuple(Write(part, self.offset) for part in parts if part)


@dataclass(frozen=True)
class Cut:
    """A file cut down to a size."""

    size: int

    def on(self, content: bytes) -> bytes:
        return content[: self.size]

    def torn(self) -> tuple["Cut", ...]:
        return ()


@dataclass(eq=False)
class File:
    """A file: its content as the process sees it, as it is sure to stay, and the steps from the one to the other."""

    content: bytes = b""
    durable: bytes = b""
    steps: list[Write | Cut] = field(default_factory=list)
    modified: datetime | None = None
    _legal: tuple[bytes, ...] | None = None

    def take(self, step: Write | Cut) -> None:
        """Do one step, unsynced."""
        self.content = step.on(self.content)
        self.steps.append(step)
        self._legal = None

    def sync(self) -> None:
        """Be sure of all of it."""
        self.durable, self.steps, self._legal = self.content, [], None

    def contents(self) -> tuple[bytes, ...]:
        """Return every content that a power cut may leave, each once."""
        if self._legal is None:
            here, found = self.durable, {self.durable: None}
            for step in self.steps:
                found.update((part.on(here), None) for part in step.torn())
                here = step.on(here)
                found[here] = None
            found.update((content, None) for content in self._holed())
            self._legal = tuple(found)
        return self._legal

    def _holed(self) -> Iterator[bytes]:
        for missing, step in enumerate(self.steps[:-1]):
            if isinstance(step, Write):
                content = self.durable
                for number, one in enumerate(self.steps):
                    content = (Write(bytes(len(step.data)), step.offset) if number == missing else one).on(content)
                yield content


@dataclass(eq=False)
class Directory:
    """A directory: its names as the process sees them, and as they are sure to stay."""

    names: dict[str, "Node"] = field(default_factory=dict)
    durable: dict[str, "Node"] = field(default_factory=dict)


Node = File | Directory
Place = tuple[Directory, str]
Names = Mapping[Directory, Mapping[str, Node]]


@dataclass(frozen=True, eq=False)
class Change:
    """One change of names that is not synced: a name goes (`gone`), a node comes (`put`); a rename is both, at once."""

    gone: Place | None
    put: Place | None
    node: Node | None = None

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(place for place in (self.gone, self.put) if place is not None)

    def follows(self, earlier: "Change") -> bool:
        """Tell whether this one is not kept without `earlier`: they change the same name."""
        return any(directory is d and name == n for directory, name in self.places for d, n in earlier.places)

    def apply(self, names: Mapping[Directory, dict[str, Node]]) -> None:
        if self.gone is not None:
            names[self.gone[0]].pop(self.gone[1], None)
        if self.put is not None and self.node is not None:
            names[self.put[0]][self.put[1]] = self.node


@dataclass(frozen=True)
class State:
    """A disk that a power cut may leave: its directories, and its files with their bytes, by path, parents first."""

    directories: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...]


def synced_with(directory: Directory, changes: Sequence[Change]) -> list[Change]:
    """Return the changes that a sync of `directory` keeps, in order: those in it, and what must not be missing then."""
    kept: list[Change] = []
    for change in reversed(changes):
        if any(place[0] is directory for place in change.places) or any(later.follows(change) for later in kept):
            kept.append(change)
    return kept[::-1]


def legal_states(top: Directory, changes: Sequence[Change]) -> Iterator[State]:
    """Yield every state that a power cut may leave; some of them may be the same."""
    for kept in _closed_subsets(changes):
        yield from _filled(*_named(top, kept))


def present_state(top: Directory, changes: Sequence[Change]) -> State:
    """Return what the processes see: everything is kept."""
    directories, files = _named(top, changes)
    return State(directories, tuple((path, file.content) for path, file in files))


def drawn_state(top: Directory, changes: Sequence[Change], chance: random.Random, survival: float) -> State:
    """Return one legal state: each change survives with this probability, so does the whole of a content."""
    kept: list[Change] = []
    for number, change in enumerate(changes):
        if chance.random() < survival and all(e in kept for e in changes[:number] if change.follows(e)):
            kept.append(change)
    directories, files = _named(top, kept)
    return State(directories, tuple((path, _drawn_content(file, chance, survival)) for path, file in files))


def _drawn_content(file: File, chance: random.Random, survival: float) -> bytes:
    return file.content if chance.random() < survival else chance.choice(file.contents())


def _closed_subsets(changes: Sequence[Change]) -> Iterator[tuple[Change, ...]]:
    before = [[n for n in range(number) if change.follows(changes[n])] for number, change in enumerate(changes)]
    kept: list[frozenset[int]] = [frozenset()]
    for number in range(len(changes)):
        kept += [subset | {number} for subset in kept if subset.issuperset(before[number])]
    for subset in kept:
        yield tuple(changes[number] for number in sorted(subset))


def _named(top: Directory, kept: Sequence[Change]) -> tuple[tuple[str, ...], list[tuple[str, File]]]:
    """Return the directories and files that have a name once these changes are kept."""
    names = {place[0]: dict(place[0].durable) for change in kept for place in change.places}
    for change in kept:
        change.apply(names)
    directories: list[str] = []
    files: list[tuple[str, File]] = []
    _walk(top, "", names, directories, files)
    return tuple(directories), files


def _walk(here: Directory, path: str, names: Names, directories: list[str], files: list[tuple[str, File]]) -> None:
    for name, node in sorted(names.get(here, here.durable).items()):
        if isinstance(node, File):
            files.append((f"{path}/{name}", node))
        else:
            directories.append(f"{path}/{name}")
            _walk(node, f"{path}/{name}", names, directories, files)


def _filled(directories: tuple[str, ...], files: Sequence[tuple[str, File]]) -> Iterator[State]:
    paths = [path for path, _ in files]
    for contents in product(*(file.contents() for _, file in files)):
        yield State(directories, tuple(zip(paths, contents, strict=True)))
