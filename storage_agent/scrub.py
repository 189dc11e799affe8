"""The scrub: all that an element holds is read again from the drive, slowly, for ever; after a hit what lies beside."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

import structlog

from infra.runtime.clock import Clock
from infra.runtime.metrics import Metrics
from schemas.errors import Busy, InsufficientStorage
from schemas.fixity import FoundBy
from storage_agent.checking import Hour, Key, home_of
from storage_agent.commitment import stored
from storage_agent.entries import Scrubbed, Scrubbing, ScrubState
from storage_agent.fixity import Fixity
from storage_agent.fixity_facts import element_scrubbed
from storage_agent.hours import DAY_LENGTH, Hours, beside
from storage_agent.layout import directory_of
from storage_agent.parts import Parts

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Sleep = Callable[[float], Awaitable[None]]

# A new element is read for the first time when its first documents are in, not while they come.
FIRST_AFTER = timedelta(hours=1)
# Finding and opening a version's two files costs a drive as much as reading this.
VERSION_BYTES = 128 * 1024
NOTE_SECONDS = 30.0
AGAIN_SECONDS = 2.0
REST_SECONDS = 600.0


@dataclass(frozen=True)
class Budget:
    """How much the scrub may take: bytes per second from the drive, and the pause between two passes."""

    bytes_per_second: int
    pause_seconds: float


class Pace:
    """Keeps a reader to a number of bytes per second."""

    def __init__(self, bytes_per_second: int, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._bytes_per_second = bytes_per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock.monotonic()

    async def spend(self, size: int) -> None:
        """Wait until so many bytes more may have been read."""
        now = self._clock.monotonic()
        self._free_at = max(self._free_at, now) + size / self._bytes_per_second
        await self._sleep(self._free_at - now)


class Scrub:
    """One element's scrub. Where it is stands in the journal: a restart goes on there."""

    def __init__(self, parts: Parts, fixity: Fixity, budget: Budget, metrics: Metrics) -> None:
        self._parts = parts
        self._fixity = fixity
        self._metrics = metrics
        self._pause = timedelta(seconds=budget.pause_seconds)
        self._spend = Pace(budget.bytes_per_second, parts.clock).spend
        self._hours = Hours(parts.disk, parts.folders.root)
        self._near: deque[str] = deque()
        self._seen_near: set[str] = set()
        self._noted_at = parts.clock.monotonic()
        self._read_bytes = 0

    async def run(self) -> None:
        """Look at what is damaged, then walk and rest until cancelled. DiskFailed: a write or a sync has failed."""
        for key in tuple(self._parts.memory.damaged):
            await self._look(key, FoundBy.SCRUB)
            await self.look_at_suspects()
        while True:
            await self._rest()
            await self.walk()

    async def walk(self) -> None:
        """End the pass that is at work, or make the next one, from the first hour to the last."""
        state = self._begun()
        days = await self._list(self._hours.days)
        for number, day in enumerate(days):
            if day < state.position[: len(day)]:
                continue
            hours = await self._list(self._hours.of_day, day)
            for n, hour in enumerate(hours, 1):
                if hour >= state.position[: len(hour)]:
                    state = await self._walk_hour(state, hour)
                    state = state.model_copy(update={"share": (number + n / len(hours)) / len(days)})
        await self._end(state)

    async def look_at_suspects(self) -> None:
        """Look at all versions that were read wrongly, and, where one is damaged, at what lies beside it."""
        # Only at those that there are now: whoever goes on asking for a damaged document must not stop the walk.
        for key in self._parts.suspects.known():
            if await self._look(key, FoundBy.READ):
                await self._come_near(directory_of(key[0]))
            await self._look_near()

    def due(self) -> datetime:
        """Return when the next pass begins; a pass that was interrupted goes on at once."""
        last = self._parts.memory.scrub
        if last is None:
            return self._parts.identity.created_at + min(FIRST_AFTER, self._pause)
        if last.finished_at is None or not last.is_done:
            return last.started_at
        return last.finished_at + self._pause

    def _begun(self) -> ScrubState:
        last, now = self._parts.memory.scrub, self._parts.clock.now()
        if last is not None and not last.is_done:
            return last
        self._seen_near.clear()
        number, finished_at = (0, None) if last is None else (last.pass_number, last.finished_at)
        return ScrubState(pass_number=number + 1, started_at=now, finished_at=finished_at)

    async def _walk_hour(self, state: ScrubState, hour: str) -> ScrubState:
        is_hit = False
        for key in await self._keys(hour):
            position = f"{hour}/{key[0]}"
            if position < state.position:
                continue
            before = self._read_bytes
            is_hit |= await self._look(key, FoundBy.SCRUB, hour)
            read, documents = state.bytes + self._read_bytes - before, state.documents + 1
            state = state.model_copy(update={"position": position, "documents": documents, "bytes": read})
            self._note(state)
            await self.look_at_suspects()
        if is_hit:
            self._seen_near.add(hour)
            await self._come_near(hour)
            await self._look_near()
        return state

    async def _come_near(self, hour: str) -> None:
        """Have an hour looked at first, and those beside it: what damages one file seldom spares those around it."""
        days = await self._list(self._hours.days)
        near = [day for day in (*beside(days, hour[:DAY_LENGTH]), hour[:DAY_LENGTH]) if day in days]
        hours = [each for day in sorted(near) for each in await self._list(self._hours.of_day, day)]
        self._near.extend([hour, *beside(hours, hour)])

    async def _look_near(self) -> None:
        while self._near:
            hour = self._near.popleft()
            if hour in self._seen_near:
                continue
            self._seen_near.add(hour)
            hits = [await self._look(key, FoundBy.SCRUB, hour) for key in await self._keys(hour)]
            if any(hits):
                await self._come_near(hour)

    async def _keys(self, hour: str) -> list[Key]:
        found = Hour.of(await self._list(self._hours.names, hour))
        log = structlog.get_logger("artstore.agent")
        for folder, reason in self._hours.unreadable.items():
            log.critical("folder_unreadable", folder=folder, reason=reason)
        self._hours.unreadable.clear()
        strays = [*found.strays, *(f"{key[0]}.v{key[1]}" for key in found.in_order() if home_of(key) is None)]
        if strays:
            log.warning("strays_found", folder=hour, count=len(strays), first=strays[0])
        return [key for key in found.in_order() if home_of(key) is not None]

    async def _look(self, key: Key, found_by: FoundBy, seen_in: str | None = None) -> bool:
        elsewhere = None if seen_in == directory_of(key[0]) else seen_in

        async def look() -> bool:
            # Before it is read: what could not be told now would have to be read again.
            self._parts.outbox.require_room()
            await self._spend(VERSION_BYTES)
            return await self._fixity.look(key, found_by, self._took, elsewhere)

        is_news = await self._insist(look)
        self._metrics.scrubbed_documents.inc()
        return is_news

    async def _took(self, read_bytes: int) -> None:
        self._read_bytes += read_bytes
        self._metrics.scrubbed_bytes.inc(read_bytes)
        await self._spend(read_bytes)

    async def _list(
        self, work: Callable[Arguments, list[str]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> list[str]:
        return await self._insist(lambda: self._parts.gate.call(work, *args, **named))

    async def _insist(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do `work`, again and again while something is short that may not be later: handles, room, the log."""
        while True:
            try:
                return await work()
            except (Busy, InsufficientStorage) as error:
                structlog.get_logger("artstore.agent").warning("scrub_put_off", reason=error.detail)
            await asyncio.sleep(AGAIN_SECONDS)

    def _note(self, state: ScrubState) -> None:
        now = self._parts.clock.monotonic()
        if now - self._noted_at >= NOTE_SECONDS and self._parts.journal.has_room:
            self._noted_at = now
            self._parts.journal.append_lazily(Scrubbing(state=state))

    async def _end(self, state: ScrubState) -> None:
        now, identity = self._parts.clock.now(), self._parts.identity
        state = state.model_copy(update={"is_done": True, "finished_at": now, "share": 1.0})
        fact = element_scrubbed(identity, state, self._fixity.damaged, now)
        entry = Scrubbed(at=now, lane=identity.element_id, records=stored((fact,), None), state=state)

        async def tell() -> None:
            self._parts.outbox.require_room()
            await self._parts.journal.append(entry)

        await self._insist(tell)
        self._parts.outbox.wake()

    async def _rest(self) -> None:
        """Wait until the next pass is due; what is suspected meanwhile does not wait."""
        while (left := (self.due() - self._parts.clock.now()).total_seconds()) > 0:
            await self.look_at_suspects()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, REST_SECONDS)):
                    await self._parts.suspects.wait()
