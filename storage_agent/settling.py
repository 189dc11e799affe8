"""Behind the answer: what is committed is put in place, many documents at a time, and then told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from schemas.errors import Busy, InsufficientStorage, Stopping
from storage_agent.entries import Committed, Materialised
from storage_agent.gate import DISK_SECONDS, DiskGate
from storage_agent.journal import Journal
from storage_agent.memory import Memory
from storage_agent.outbox import Outbox
from storage_agent.placing import BATCH, Placer
from storage_agent.reserve import Reserve

# With the largest body that rides in the journal: 32 MiB of memory, and at most as much again in a segment's head.
BEHIND_MAX = 256


class Settler:
    """Settles commits in order. Past the commit point nothing goes back: what cannot be put in place ends the agent."""

    def __init__(  # noqa: PLR0913, PLR0917 - built in one place, from parts
        self, gate: DiskGate, reserve: Reserve, memory: Memory, journal: Journal, placer: Placer, outbox: Outbox
    ) -> None:
        self._gate = gate
        self._reserve = reserve
        self._memory = memory
        self._journal = journal
        self._placer = placer
        self._outbox = outbox
        self._entering = 0
        self._work = asyncio.Event()
        self._done = asyncio.Event()
        self._closing = False
        self._ended = False

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count a commit as one that is to come, for the block in which it passes the commit point, and then wake."""
        self._entering += 1
        try:
            yield
        finally:
            self._entering -= 1
            self._work.set()

    async def room(self) -> None:
        """Wait until one more may be committed; Busy when the disk stays behind, DiskFailed, Stopping at its end."""
        try:
            async with asyncio.timeout(DISK_SECONDS / 2):
                while self._entering + len(self._memory.unsettled) >= BEHIND_MAX:
                    await self._progress()
        except TimeoutError as error:
            raise Busy("The disk does not keep up with what is committed. Repeat the request.") from error

    async def idle(self) -> None:
        """Wait until everything that is committed is in place; DiskFailed when that cannot be."""
        while self._memory.unsettled:
            await self._progress()

    async def run(self, gone: Callable[[Committed], Awaitable[None]]) -> None:
        """Settle until `close`, or until the disk fails; `gone` is told of each commit whose body is nowhere."""
        try:
            while not self._closing:
                self._work.clear()
                while batch := self._next_batch():
                    for missing in await self._settle(batch):
                        await gone(missing)
                await self._work.wait()
        finally:
            if not self._closing:
                # Nobody may be promised any more what nobody puts in place.
                self._gate.fail("What is committed cannot be put in place.")
            self._ended = True
            self._done.set()

    def close(self) -> None:
        """Let `run` end."""
        self._closing = True
        self._work.set()

    def _next_batch(self) -> list[Committed]:
        return [unsettled.committed for unsettled in islice(self._memory.unsettled.values(), BATCH)]

    async def _progress(self) -> None:
        self._gate.require_working()
        if self._ended:
            raise Stopping
        self._done.clear()
        await self._done.wait()
        self._gate.require_working()

    async def _settle(self, batch: Sequence[Committed]) -> Sequence[Committed]:
        missing = await self._placed(batch)
        for committed in batch:
            self._memory.settle(committed.document_id, committed.version)
            done = Materialised(document_id=committed.document_id, version=committed.version)
            self._journal.append_lazily(done)
        self._outbox.wake()
        self._done.set()
        return missing

    async def _placed(self, batch: Sequence[Committed]) -> Sequence[Committed]:
        try:
            return await self._gate.call(self._placer.place, batch)
        except (InsufficientStorage, Busy):
            await self._gate.call(self._reserve.drop)
        try:
            return await self._gate.call(self._placer.place, batch)
        except (InsufficientStorage, Busy) as error:
            raise self._gate.fail("A committed document cannot be put in place.") from error
