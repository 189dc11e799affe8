"""Verifying an element's folder with nothing else running: reads all of it, takes no lock, and writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from schemas.elements import ElementIdentity
from schemas.errors import ConfigurationInvalid, JournalDamaged, SealBroken
from storage_agent.checking import Fault, Finding, Hour, Key, check, glance, go_on, home_of
from storage_agent.element import IDENTITY, read_identity
from storage_agent.entries import Carried, Line
from storage_agent.files import Disk
from storage_agent.hours import Hours
from storage_agent.journal import segment_names
from storage_agent.layout import SUMS, Folders, attr_name
from storage_agent.manifests import listed
from storage_agent.memory import Memory
from storage_agent.segments import Scan, scan


@dataclass
class Verdict:
    """What was found: versions and bytes that are whole, faults (path relative to the root, sentence), and notes.

    `unsettled` commits stand in the journal alone: their files are not in place yet. `damaged`: versions that the
    element's agent has told as damaged. `quarantine` and `staging` are the names in there.
    """

    identity: ElementIdentity | None = None
    documents: int = 0
    bytes: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    unsettled: int = 0
    damaged: int = 0
    quarantine: tuple[str, ...] = ()
    staging: tuple[str, ...] = ()


Looked = Callable[[int], None]
"""Is told how many bytes were read since it was told last."""


def verify(disk: Disk, root: Path, looked: Looked = lambda _read_bytes: None) -> Verdict:
    """Check everything below `root`; ConfigurationInvalid when that is no element's folder.

    An agent may be at work on it: what it is just putting in place is no fault.
    """
    if not disk.is_file(root / IDENTITY) and not disk.is_directory(Folders(root).journal):
        msg = f"{root} is not the root of a storage element: it has no {IDENTITY}."
        raise ConfigurationInvalid(msg)
    return _Verification(disk, root, looked).run()


class _Verification:
    def __init__(self, disk: Disk, root: Path, looked: Looked) -> None:
        self._disk = disk
        self._root = root
        self._looked = looked
        self._hours = Hours(disk, root)
        self._suspects: list[Fault] = []
        self._verdict = Verdict()

    def run(self) -> Verdict:
        verdict, folders = self._verdict, Folders(self._root)
        self._read_identity()
        for day in self._hours.days():
            for hour in self._hours.of_day(day):
                self._walk(hour)
        for folder, why in self._hours.unreadable.items():
            self._blame(folder or ".", f"The folder cannot be read: {why}.")
        memory = read_journal(self._disk, folders.journal, self._blame)
        # A commit that was on its way when it was looked at is in place by now, or the journal says that it is not.
        for fault in self._suspects:
            if fault.key not in memory.unsettled and isinstance(self._checked(fault.key), Fault):
                self._blame(fault.path.relative_to(self._root).as_posix(), fault.detail)
        waiting = [key for key in memory.unsettled if glance(self._disk, self._root, key) is not None]
        verdict.unsettled, verdict.damaged = len(waiting), len(memory.damaged)
        verdict.quarantine = tuple(self._disk.names(folders.quarantine))
        verdict.staging = tuple(self._disk.names(folders.staging))
        return verdict

    def _read_identity(self) -> None:
        try:
            self._verdict.identity = read_identity(self._disk, self._root)
        except SealBroken as error:
            self._blame(IDENTITY, error.detail)
        except OSError as error:
            self._blame(IDENTITY, f"The file cannot be read: {error.strerror}.")
        else:
            if self._verdict.identity is None:
                self._blame(IDENTITY, "The file is missing.")

    def _walk(self, hour: str) -> None:
        found = Hour.of(self._hours.names(hour))
        for name in found.strays:
            self._blame(f"{hour}/{name}", "The name is that of no document.")
        for document_id, there in found.gaps().items():
            self._blame(f"{hour}/{document_id}", f"A version is missing before the last one; {there} are here.")
        # A document of which both files were taken away leaves no other trace than its lines.
        for key, gone in Hour.of(listed(self._disk, self._root / hour)).versions.items():
            for name in gone if key not in found.versions else ():
                self._blame(f"{hour}/{name}", f"The file is missing, and {SUMS} has it.")
        for key in found.in_order():
            names = found.versions[key]
            if home_of(key) == hour:
                self._look(hour, key, names)
            else:
                for name in names:
                    self._blame(f"{hour}/{name}", f"The file belongs into {home_of(key) or 'no folder at all'}.")

    def _look(self, hour: str, key: Key, names: list[str]) -> None:
        finding = self._checked(key)
        if isinstance(finding, Fault):
            self._suspects.append(finding)
            return
        self._verdict.documents += 1
        self._verdict.bytes += finding.size
        for name in sorted({*names} - {attr_name(*key), finding.body.name}):
            self._blame(f"{hour}/{name}", "The document has another body; this one is nobody's.")

    def _checked(self, key: Key) -> Finding:
        at_work, finding = check(self._disk, self._root, key), None
        while finding is None:
            read_bytes, finding = go_on(at_work)
            self._looked(read_bytes)
        return finding

    def _blame(self, path: str, sentence: str) -> None:
        self._verdict.faults.append((path, sentence))


def read_journal(disk: Disk, folder: Path, blame: Callable[[str, str], None]) -> Memory:
    """Return what the newest segment makes an agent remember; what is wrong with any segment is told to `blame`."""
    memory, before = Memory(), None
    names = segment_names(disk, folder)
    for name in names:
        data = disk.read(folder / name)
        if data is None:
            # An agent is at work, and has let an old segment go.
            continue
        path = f"{folder.name}/{name}"
        try:
            found = scan(data)
        except JournalDamaged as damage:
            blame(path, damage.detail)
            before = None
            continue
        _require_continued(before, found, path, blame)
        if name != names[-1] and found.good_bytes < len(data):
            blame(path, f"The segment is cut off at byte {found.good_bytes}, and it is not the newest.")
        before = found
    for number, entry in before.numbered() if before is not None and names else ():
        memory.apply(number, entry)
    return memory


def _require_continued(before: Scan | None, found: Scan, path: str, blame: Callable[[str, str], None]) -> None:
    head = found.lines[0]
    if before is not None and (before.digest, before.next_number) != (_continued(head), head.number):
        blame(path, "The segment does not continue the one before it.")


def _continued(head: Line) -> str | None:
    first = head.entries[0]
    return first.previous if isinstance(first, Carried) else None
