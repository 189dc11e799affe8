"""The way of facts and replies from the journal to Kafka: in order per document, repeated until acknowledged."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from infra.runtime.clock import Clock
from producers.publisher import Publisher
from schemas.errors import Busy, Transient
from storage_agent.entries import Acknowledged, Landed, Waiting
from storage_agent.gate import DiskGate
from storage_agent.journal import Journal
from storage_agent.memory import Memory

BATCH_ENTRIES = 256
PAUSE_SECONDS = 0.1
PAUSE_SECONDS_MAX = 5.0
BUSY_SECONDS = 5


class Outbox:
    """Relays what the journal holds, in order within a lane and record by record.

    An entry goes out when its files are synced and its lane's earlier entries are acknowledged, and each record when
    the one before it is: so a fact is acknowledged before the reply that announces it.
    """

    def __init__(self, memory: Memory, journal: Journal, gate: DiskGate, clock: Clock, entries_max: int) -> None:
        self._memory = memory
        self._journal = journal
        self._gate = gate
        self._clock = clock
        self._entries_max = entries_max
        self._work = asyncio.Event()
        self._last: dict[tuple[str, int], Landed] = {}
        self._sent: dict[int, int] = {}
        self._newest = 0
        self._marked = 0

    @property
    def length(self) -> int:
        """Return how many entries wait for Kafka's acknowledgement."""
        return len(self._memory.waiting)

    @property
    def oldest_age(self) -> float:
        """Return the age of the oldest waiting entry in seconds; 0 when none waits."""
        oldest = next(iter(self._memory.waiting.values()), None)
        return 0.0 if oldest is None else max((self._clock.now() - oldest.at).total_seconds(), 0.0)

    def require_room(self) -> None:
        """Raise Busy while as many entries wait as may: Kafka is away, and memory and journal are not endless."""
        if self.length >= self._entries_max:
            msg = "The event log is away, and the element holds as many events for it as it may. Repeat the request."
            raise Busy(msg, retry_after_seconds=BUSY_SECONDS)

    def wake(self) -> None:
        """Say that an entry may be ready to go out."""
        self._work.set()

    async def run(self, publisher: Publisher) -> None:
        """Relay until cancelled; DiskFailed when the disk has failed meanwhile."""
        tasks = {asyncio.create_task(self._relay(publisher)), asyncio.create_task(self._gate.watch())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _relay(self, publisher: Publisher) -> None:
        pause = PAUSE_SECONDS
        while True:
            self._work.clear()
            batch = self._memory.released(BATCH_ENTRIES)
            if not batch:
                await self._work.wait()
                continue
            before = self.length
            complete = await self._send(publisher, batch)
            self._mark()
            pause = PAUSE_SECONDS if self.length < before else min(pause * 2, PAUSE_SECONDS_MAX)
            if not complete:
                await asyncio.sleep(pause)

    async def _send(self, publisher: Publisher, batch: Iterable[Waiting]) -> bool:
        """Send a batch, lanes side by side; False when Kafka did not acknowledge all of it."""
        lanes: dict[str, list[Waiting]] = {}
        for waiting in batch:
            lanes.setdefault(waiting.lane, []).append(waiting)
        sent = await asyncio.gather(
            *(self._send_lane(publisher, lane) for lane in lanes.values()), return_exceptions=True
        )
        failures = [outcome for outcome in sent if isinstance(outcome, BaseException)]
        for failure in failures:
            raise failure
        return all(sent)

    async def _send_lane(self, publisher: Publisher, lane: Iterable[Waiting]) -> bool:
        try:
            for waiting in lane:
                for stored in waiting.records[self._sent.get(waiting.number, 0) :]:
                    self._land(Landed.at(await publisher.publish(stored.record()), stored))
                    self._sent[waiting.number] = self._sent.get(waiting.number, 0) + 1
                self._sent.pop(waiting.number, None)
                self._newest = max(self._newest, waiting.number)
                self._memory.acknowledge(waiting.number)
        except Transient:
            return False
        return True

    def _land(self, landed: Landed) -> None:
        before = self._last.get((landed.topic, landed.partition))
        # Lanes are sent side by side, so that answers do not come in the order of the offsets.
        if before is None or before.offset < landed.offset:
            self._last[landed.topic, landed.partition] = landed

    def _mark(self) -> None:
        """Note the acknowledged prefix; after a crash what stands behind it goes out again, with the same ids."""
        through = next(iter(self._memory.waiting), self._newest + 1) - 1
        if through > self._marked:
            self._marked = through
            self._journal.append_lazily(Acknowledged(through=through, last=tuple(self._last.values())))
