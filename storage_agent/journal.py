"""The journal: what an agent decides is durable here first. One writer, one sync for all that wait."""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from infra.runtime.clock import Clock
from schemas.errors import ArtStoreError, Busy, InsufficientStorage, Stopping
from storage_agent.entries import Carried, Entry
from storage_agent.files import Disk
from storage_agent.gate import DiskGate
from storage_agent.memory import Memory
from storage_agent.reserve import Reserve
from storage_agent.segments import encode_entry, encode_line

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENTS_KEPT = timedelta(days=7)
QUEUE_MAX = 4096
BATCH_BYTES = 4 * 1024 * 1024
LAZY_SECONDS = 0.5
SEGMENT = ".wal"
UNFINISHED = ".tmp"


@dataclass
class Tail:
    """Where the next line goes: the newest segment, its end, the digest to continue, the number of the next entry.

    `head_bytes` is the size of the segment's head, `end` its size in bytes.
    """

    path: Path
    end: int
    digest: str
    next_number: int
    head_bytes: int


@dataclass(eq=False)
class _Append:
    entry: Entry
    data: bytes
    durable: asyncio.Future[int] | None = None


class Journal:
    """Appends entries; an entry is in `memory` exactly when it is durable.

    Entries that nobody waits for ride along with the next sync, or get one of their own within half a second. All
    calls raise DiskFailed after the first failed sync.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - built in one place, from parts
        self,
        disk: Disk,
        gate: DiskGate,
        reserve: Reserve,
        memory: Memory,
        tail: Tail,
        clock: Clock,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._segment_bytes = segment_bytes
        self._rotate_beyond = self._limit_of(tail)
        self._disk = disk
        self._gate = gate
        self._reserve = reserve
        self._memory = memory
        self._tail = tail
        self._clock = clock
        self._queue: deque[_Append] = deque()
        self._batch: list[_Append] = []
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._closing = False
        self._ended = False
        self._handle = disk.open(tail.path)

    @property
    def next_number(self) -> int:
        """Return the number that the next entry gets; all below it are durable."""
        return self._tail.next_number

    @property
    def has_room(self) -> bool:
        """Tell whether the queue takes more that can also be left out."""
        return len(self._queue) < QUEUE_MAX

    async def append(self, entry: Entry) -> int:
        """Return the entry's number once it is durable; InsufficientStorage, DiskFailed, Busy, Stopping otherwise."""
        self._gate.require_working()
        if self._closing or self._ended:
            raise Stopping
        if not self.has_room:
            raise Busy("The journal's queue is full. Repeat the request.", retry_after_seconds=1)
        durable: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._queue.append(_Append(entry, encode_entry(entry), durable))
        self._urgent.set()
        self._wake.set()
        return await durable

    def append_lazily(self, entry: Entry) -> None:
        """Append an entry whose loss in a crash does no harm, because it is found out or told again."""
        self._gate.require_working()
        self._queue.append(_Append(entry, encode_entry(entry)))
        self._wake.set()

    async def run(self) -> None:
        """Write until `close`; whatever ends it earlier is told to everybody who waits."""
        try:
            while await self._something_to_write():
                self._batch = self._next_batch()
                await self._write(self._batch)
                self._batch = []
            self._ended = True
        finally:
            if not self._ended:
                # What was being written may be durable or not: nobody may act as if it were one of the two.
                self._gate.fail("The journal's writer has ended.")
            _answer((*self._batch, *self._queue), self._gate.failure() or Stopping())

    def close(self) -> None:
        """Let `run` end once everything in the queue is durable; later appends raise Stopping."""
        self._closing = True
        self._wake.set()
        self._urgent.set()

    async def checkpoint(self) -> None:
        """After `run` has ended: begin a new segment that carries everything, unless the newest is only a head."""
        if self._tail.end > self._tail.head_bytes:
            await self._rotate()

    def release(self) -> None:
        """Give the file back; the last call."""
        self._disk.close(self._handle)

    async def _something_to_write(self) -> bool:
        while not self._queue:
            if self._closing:
                return False
            self._wake.clear()
            await self._wake.wait()
        if not self._closing and not any(append.durable for append in self._queue):
            self._urgent.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), LAZY_SECONDS)
        return True

    def _next_batch(self) -> list[_Append]:
        batch, size = [self._queue.popleft()], 0
        while self._queue and size + len(self._queue[0].data) <= BATCH_BYTES:
            batch.append(self._queue.popleft())
            size += len(batch[-1].data)
        return batch

    async def _write(self, batch: Sequence[_Append]) -> None:
        first = self._tail.next_number
        line, digest = encode_line(self._tail.digest, first, [append.data for append in batch])
        try:
            await self._make_durable(line)
        except InsufficientStorage as error:
            _answer(batch, error)
            return
        self._tail.end += len(line)
        self._tail.digest = digest
        self._tail.next_number = first + len(batch)
        for number, append in enumerate(batch, first):
            self._memory.apply(number, append.entry)
            if append.durable is not None and not append.durable.done():
                append.durable.set_result(number)
        if self._tail.end > self._rotate_beyond:
            await self._rotate()

    async def _make_durable(self, line: bytes) -> None:
        try:
            await self._gate.call(self._put, line)
        except InsufficientStorage:
            await self._gate.call(self._cut)
            await self._gate.call(self._reserve.drop)
            await self._put_or_cut(line)

    async def _put_or_cut(self, line: bytes) -> None:
        try:
            await self._gate.call(self._put, line)
        except InsufficientStorage:
            await self._gate.call(self._cut)
            raise

    def _put(self, line: bytes) -> None:
        self._disk.write(self._handle, line, self._tail.end)
        self._disk.sync(self._handle)

    def _cut(self) -> None:
        self._disk.truncate(self._handle, self._tail.end)

    async def _rotate(self) -> None:
        number, previous = self._tail.next_number, self._tail.digest
        carried = self._memory.carry(self._clock.now(), previous)
        try:
            tail, handle = await self._gate.call(write_head, self._disk, self._tail.path.parent, number, carried)
        except (InsufficientStorage, Busy):
            # The old segment goes on growing and is tried again later; its lines have the reserve behind them.
            self._rotate_beyond = self._tail.end + self._segment_bytes
            return
        await self._show(tail)
        old, self._handle = self._handle, handle
        self._tail, self._rotate_beyond = tail, self._limit_of(tail)
        needed_from, oldest = self._memory.needed_from(tail.next_number), self._clock.now() - SEGMENTS_KEPT
        with suppress(InsufficientStorage, Busy):
            await self._gate.call(self._disk.close, old)
            await self._gate.call(forget_segments, self._disk, tail.path.parent, needed_from, oldest)

    async def _show(self, tail: Tail) -> None:
        with suppress(InsufficientStorage, Busy):
            await self._gate.call(show_segment, self._disk, tail.path)
            return
        await self._gate.call(self._reserve.drop)
        try:
            await self._gate.call(show_segment, self._disk, tail.path)
        except (InsufficientStorage, Busy) as error:
            # It may be visible or not: a line in the old segment could be lost, one in the new one could as well.
            raise self._gate.fail("A new segment of the journal could not be put in place.") from error

    def _limit_of(self, tail: Tail) -> int:
        # A head that is larger than a segment must not bring forth another one at once.
        return tail.head_bytes + max(self._segment_bytes, tail.head_bytes)


def begin_segment(disk: Disk, folder: Path, number: int, carried: Carried) -> Tail:
    """Write the segment whose head `carried` has `number`; it appears whole or not at all. Return where to go on."""
    tail, handle = write_head(disk, folder, number, carried)
    disk.close(handle)
    show_segment(disk, tail.path)
    return tail


def write_head(disk: Disk, folder: Path, number: int, carried: Carried) -> tuple[Tail, int]:
    """Write a segment under its unfinished name; return where to go on, and the handle. A failure leaves nothing."""
    line, digest = encode_line(carried.previous, number, [encode_entry(carried)])
    path = folder / segment_name(number)
    scratch = _unfinished(path)
    disk.unlink(scratch)
    handle = disk.create(scratch)
    try:
        disk.write(handle, line, 0)
        disk.sync(handle)
    except OSError:
        disk.close(handle)
        disk.unlink(scratch)
        raise
    return Tail(path, len(line), digest, number + 1, len(line)), handle


def show_segment(disk: Disk, path: Path) -> None:
    """Give a written segment its name, durably; may be repeated."""
    if disk.size(_unfinished(path)) is not None:
        disk.rename(_unfinished(path), path)
    disk.sync_directory(path.parent)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}{UNFINISHED}")


def forget_segments(disk: Disk, folder: Path, needed_from: int, oldest: datetime) -> None:
    """Remove segments that nothing waits for any more and that were last written before `oldest`."""
    names = segment_names(disk, folder)
    for name, successor in itertools.pairwise(names):
        if number_of(successor) > needed_from or disk.modified(folder / name) > oldest:
            return
        disk.unlink(folder / name)


def segment_name(number: int) -> str:
    """Return the file name of the segment whose head has `number`."""
    return f"{number:016d}{SEGMENT}"


def number_of(name: str) -> int:
    """Return the number of a segment's head from its file name."""
    return int(name.removesuffix(SEGMENT))


def segment_names(disk: Disk, folder: Path) -> list[str]:
    """Return the names of all segments, oldest first."""
    return [name for name in disk.names(folder) if name.endswith(SEGMENT)]


def _answer(batch: Iterable[_Append], error: ArtStoreError) -> None:
    for append in batch:
        if append.durable is not None and not append.durable.done():
            append.durable.set_exception(error)
