"""Bringing the two files of committed versions into place, durably; the same steps live and when redone at a start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from schemas.attributes import Attributes
from schemas.errors import SealBroken
from schemas.fixity import DamagedPart, DamageReason
from storage_agent.checking import Fault
from storage_agent.entries import Committed
from storage_agent.files import Disk, make_directories, write_all_synced
from storage_agent.gate import raise_if_exhausted
from storage_agent.layout import Folders
from storage_agent.quarantine import put_aside

# So many documents share the syncs of their directories, and the file system's own journal.
BATCH = 64
DIRECTORIES_KNOWN_MAX = 10_000


class Body(Enum):
    """What a start has found of a committed body: whole, not to be read (there, but the drive gives an error), gone."""

    WHOLE = auto()
    UNREAD = auto()
    GONE = auto()


@dataclass(frozen=True)
class _Move:
    """A file on its way: what is written to the scratch goes to `target`. `data` is None when it is there already."""

    scratch: Path
    target: Path
    data: bytes | None


@dataclass
class Placer:
    """Puts files into place. Directories that this process has made durable are not synced again."""

    disk: Disk
    folders: Folders
    _durable: set[str] = field(default_factory=set)

    def place(self, batch: Sequence[Committed]) -> tuple[Committed, ...]:
        """Put bodies and attributes in place; nothing is durable there before the end. May be repeated after an error.

        Return those whose body is neither at hand nor in place: somebody has taken it away since the commit point.
        Their attributes are put in place all the same: they say what is missing.
        """
        return self._place(batch, batch)

    def redo(self, batch: Sequence[Committed]) -> tuple[Body, ...]:
        """Finish what a crash interrupted; return what became of each body.

        What is damaged goes to the quarantine, for nobody may be served it. What cannot be read is put in place as it
        is: it may be the only copy, and the drive may give it once more.
        """
        found, bodies = [], []
        for committed in batch:
            body, at_hand = self._looked_at(self._body(committed), committed), Body.GONE
            if body is not Body.WHOLE:
                at_hand = self._at_hand(committed)
            if at_hand is not Body.GONE:
                body = at_hand
                bodies.append(committed)
            found.append(body)
        gone = self._place(batch, bodies)
        return tuple(Body.GONE if committed in gone else body for committed, body in zip(batch, found, strict=True))

    def _at_hand(self, committed: Committed) -> Body:
        if committed.staged is not None:
            return self._looked_at(self.folders.arrived(committed.staged), committed)
        return Body.GONE if committed.body is None else Body.WHOLE

    def body_path(self, committed: Committed) -> Path:
        """Return where the body lies at this moment, or will lie when it is only in the journal."""
        staged = self._staged(committed)
        return staged if staged is not None else self._body(committed)

    def _place(self, batch: Sequence[Committed], bodies: Sequence[Committed]) -> tuple[Committed, ...]:
        directories = dict.fromkeys(committed.directory for committed in batch)
        for directory in directories:
            self._make_directory(directory)
        moves = [move for committed in bodies for move in self._body_moves(committed)]
        moves += [move for committed in batch for move in self._attr_moves(committed)]
        self._write(moves)
        for move in moves:
            self.disk.rename(move.scratch, move.target)
        for directory in directories:
            self.disk.sync_directory(self.folders.root / directory)
        moved = {move.target for move in moves}
        unmoved = [committed for committed in batch if self._body(committed) not in moved]
        return tuple(committed for committed in unmoved if self.disk.size(self._body(committed)) is None)

    def _body_moves(self, committed: Committed) -> Iterator[_Move]:
        body, staged = self._body(committed), self._staged(committed)
        if staged is not None:
            yield _Move(staged, body, None)
        elif committed.body is not None:
            yield _Move(self._scratch(body), body, committed.body)

    def _attr_moves(self, committed: Committed) -> Iterator[_Move]:
        path, attr = self._body(committed).with_name(committed.attr_name), committed.attr.encode()
        before = self._attributes_at(path)
        if before != attr and not _is_newer(before, committed.attr_seq):
            yield _Move(self._scratch(path), path, attr)

    def _write(self, moves: Sequence[_Move]) -> None:
        files = {move.scratch: move.data for move in moves if move.data is not None}
        try:
            write_all_synced(self.disk, files)
        except FileExistsError:
            # An earlier try that failed has left some of them; looking for them each time would cost as much as making
            # them.
            for scratch in files:
                self.disk.unlink(scratch)
            write_all_synced(self.disk, files)

    def _attributes_at(self, path: Path) -> bytes | None:
        """Return what lies in the attributes' place; what is no file there is moved out of the way."""
        if self.disk.size(path) is None:
            return None
        if not self.disk.is_file(path):
            put_aside(self.disk, self.folders, path)
            return None
        try:
            return self.disk.read(path)
        except OSError as error:
            # The journal has them: what the drive cannot read is written again.
            raise_if_exhausted(error)
            return None

    def _looked_at(self, path: Path, committed: Committed) -> Body:
        """Return what the drive has of the body there; other bytes, and what is no file, are moved out of the way."""
        if self.disk.size(path) is None:
            return Body.GONE
        self.disk.forget_cached(path)
        try:
            digest = self.disk.sha256(path) if self.disk.is_file(path) else ""
        except OSError as error:
            raise_if_exhausted(error)
            return Body.UNREAD
        if digest != committed.sha256:
            put_aside(self.disk, self.folders, path)
        return Body.WHOLE if digest == committed.sha256 else Body.GONE

    def _make_directory(self, relative: str) -> None:
        if relative in self._durable:
            return
        make_directories(self.disk, self.folders.root, relative)
        if len(self._durable) >= DIRECTORIES_KNOWN_MAX:
            self._durable.clear()
        self._durable.add(relative)

    def _scratch(self, target: Path) -> Path:
        # It lies in staging: beside the documents every name may be a document's.
        return self.folders.staging / target.name

    def _staged(self, committed: Committed) -> Path | None:
        """Return where the body waits, if it does."""
        staged = None if committed.staged is None else self.folders.arrived(committed.staged)
        return staged if staged is not None and self.disk.size(staged) is not None else None

    def _body(self, committed: Committed) -> Path:
        return self.folders.root / committed.directory / committed.body_name


def gone(folders: Folders, committed: Committed) -> Fault:
    """Return what is to be told of a committed body that is nowhere."""
    detail = (
        f"The body of document {committed.document_id}, version {committed.version}, is committed and gone: it is "
        f"neither in its place nor staged. Put it back as {committed.directory}/{committed.body_name}."
    )
    key = (committed.document_id, committed.version)
    path = folders.root / committed.directory / committed.body_name
    return Fault(key, DamagedPart.BODY, DamageReason.MISSING, path, detail, committed.sha256, committed.size)


def _is_newer(data: bytes | None, attr_seq: int) -> bool:
    if data is None:
        return False
    try:
        return Attributes.from_sealed(data).attr_seq > attr_seq
    except SealBroken:
        return False
