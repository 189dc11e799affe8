"""What a start does before anything else: read the journal, cut its torn tail, redo commits, sweep. Idempotent."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from storage_agent.entries import Carried, Committed, Materialised
from storage_agent.files import Disk
from storage_agent.journal import UNFINISHED, Tail, begin_segment, segment_names
from storage_agent.layout import Folders
from storage_agent.memory import Memory
from storage_agent.placing import BATCH, Body, Placer
from storage_agent.quarantine import put_aside
from storage_agent.resting import Progress, paths_of, read_progress
from storage_agent.resumable import is_swept
from storage_agent.segments import GENESIS, Scan, scan


@dataclass(frozen=True)
class Recovered:
    """What is known after a recovery; `redone` is to be told to the journal, `missing` to the operator.

    `uploads`: those that go on.
    `unread`: their bodies are in place, and the drive gave an error instead of the bytes; to be looked at again.
    """

    memory: Memory
    tail: Tail
    redone: tuple[Materialised, ...]
    missing: tuple[Committed, ...]
    unread: tuple[Committed, ...]
    uploads: tuple[Progress, ...]


def recover(disk: Disk, root: Path, now: datetime) -> Recovered:
    """Bring the element in order; JournalDamaged when that cannot be done without losing a commit.

    Afterwards every version whose commit was interrupted has both files in place, except those whose body is gone
    (taken away by hand, or rotten): they are `missing`, and keep the element from nothing else. `staging/` is empty.
    `uploads/` holds what can go on.
    """
    folders = Folders(root)
    _sweep_unfinished_segments(disk, folders.journal)
    memory = Memory()
    names = segment_names(disk, folders.journal)
    if names:
        tail = _read(disk, folders.journal / names[-1], memory)
    else:
        tail = begin_segment(disk, folders.journal, 1, Carried(at=now, previous=GENESIS))
    interrupted = tuple(unsettled.committed for unsettled in memory.unsettled.values())
    found = _redo(disk, folders, memory, interrupted)
    _sweep(disk, folders, folders.staging)
    uploads = _sweep_uploads(disk, folders, memory, now)
    redone = tuple(Materialised(document_id=each.document_id, version=each.version) for each in interrupted)
    missing, unread = (tuple(each for each, body in found if body is kind) for kind in (Body.GONE, Body.UNREAD))
    return Recovered(memory, tail, redone, missing, unread, uploads)


def _read(disk: Disk, path: Path, memory: Memory) -> Tail:
    """Fold the newest segment: its head carries all that the older ones leave to remember."""
    disk.forget_cached(path)
    data = disk.read(path) or b""
    found = scan(data)
    if found.good_bytes < len(data):
        _cut(disk, path, found.good_bytes)
    for number, entry in found.numbered():
        memory.apply(number, entry)
    return Tail(path, found.good_bytes, found.digest, found.next_number, _head_bytes(data, found))


def _head_bytes(data: bytes, found: Scan) -> int:
    return found.good_bytes if len(found.lines) == 1 else data.index(b"\n") + 1


def _cut(disk: Disk, path: Path, size: int) -> None:
    handle = disk.open(path)
    try:
        disk.truncate(handle, size)
        disk.sync(handle)
    finally:
        disk.close(handle)


def _redo(
    disk: Disk, folders: Folders, memory: Memory, interrupted: tuple[Committed, ...]
) -> list[tuple[Committed, Body]]:
    """Finish these commits, and say what became of each body. What is gone is settled too: nothing brings it back."""
    placer, found = Placer(disk, folders), list[tuple[Committed, Body]]()
    for begin in range(0, len(interrupted), BATCH):
        batch = interrupted[begin : begin + BATCH]
        found += zip(batch, placer.redo(batch), strict=True)
    for committed in interrupted:
        memory.settle(committed.document_id, committed.version)
    return found


def _sweep(disk: Disk, folders: Folders, folder: Path, kept: Collection[Path] = ()) -> None:
    """Remove all files but the `kept` ones; what is no file keeps no element from starting, it is put aside."""
    gone = [path for path in (folder / name for name in disk.names(folder)) if path not in kept]
    for path in gone:
        if disk.is_file(path):
            disk.unlink(path)
        else:
            put_aside(disk, folders, path)
    if gone:
        disk.sync_directory(folder)


def _sweep_uploads(disk: Disk, folders: Folders, memory: Memory, now: datetime) -> tuple[Progress, ...]:
    """Remove what no ticket can go on with, and halves: an upload is its bytes, and what is known of them."""
    kept: dict[Path, Progress] = {}
    for name in disk.names(folders.uploads):
        progress = read_progress(disk, folders.uploads / name)
        if progress is None or is_swept(progress, memory.ledger, now):
            continue
        body, state = paths_of(folders, progress.upload_id)
        if disk.is_file(body) and (disk.size(body) or 0) >= progress.kept:
            kept[state], kept[body] = progress, progress
    _sweep(disk, folders, folders.uploads, kept)
    return tuple({progress.upload_id: progress for progress in kept.values()}.values())


def _sweep_unfinished_segments(disk: Disk, journal: Path) -> None:
    for name in disk.names(journal):
        if name.endswith(UNFINISHED):
            disk.unlink(journal / name)
