"""The one guarded handler: nothing leaves it but a handled record, a dead letter, or the end of the process."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog

from infra.runtime.metrics import Metrics
from infra.runtime.telemetry import flush_telemetry
from producers.publisher import Publisher
from schemas.dead_letters import RawRecord, dead_letter, position_of, text_headers
from schemas.envelope import Received
from schemas.errors import DatabaseUnavailable, Malformed, Transient
from schemas.registry import receive
from stream_processors.fold import GROUP, FoldGate
from stream_processors.sagas.admission import admit, require_size

# Above what the doors allow one statement or one record, so that their own errors come first and say more.
DECIDE_SECONDS = 60.0
FOLD_SECONDS = 900.0
PAUSE_SECONDS_FIRST = 0.1
PAUSE_SECONDS_MAX = 5.0
# A record in work when the process is told to stop has this long to be finished; then it is handled again later.
LAST_SECONDS = 4.0
HARD_EXIT = 70

Handle = Callable[[Received], Awaitable[None]]


def exit_at_once(code: int) -> None:
    """End the process without any commit, so that the record in work is read again."""
    flush_telemetry()
    os._exit(code)


@dataclass
class Guard:
    """Stands between Faust, which acknowledges whatever leaves its loop, and the decider."""

    handle: Handle
    gate: FoldGate
    publisher: Publisher
    metrics: Metrics
    exit: Callable[[int], None] = exit_at_once
    last_seconds: float = LAST_SECONDS

    async def take(self, record: RawRecord) -> None:
        """Handle one record and return; its offset may be committed then.

        Cancelled, it finishes the record first. What it can neither finish nor understand ends the process.
        """
        work = asyncio.create_task(self._watched(record))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            # Faust would commit the record that it cancels, and may cancel more than once.
            await self._finished(work)
            raise

    async def _finished(self, work: asyncio.Task[None]) -> None:
        end = time.monotonic() + self.last_seconds
        while not work.done() and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({work}, timeout=left)
        if not work.done() or work.cancelled():
            self.exit(HARD_EXIT)

    async def _watched(self, record: RawRecord) -> None:
        try:
            await self._taken(record)
        except Exception:
            log = structlog.get_logger("artstore.processor")
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            log.critical("record_not_handled", **place, exc_info=True)
            self.exit(HARD_EXIT)

    async def _taken(self, record: RawRecord) -> None:
        self.metrics.records_read.labels(record.topic).inc()
        try:
            received = _understood(record)
        except Malformed as error:
            await self._insist(partial(self._bury, record, error))
        else:
            await self._insist(partial(self._decide, received))

    async def _bury(self, record: RawRecord, error: Malformed) -> None:
        await self.publisher.publish(dead_letter(record, error, GROUP))
        self.metrics.dead_letters.labels(record.topic).inc()
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        structlog.get_logger("artstore.processor").error("dead_letter", **place, cause=error.code, detail=error.detail)

    async def _decide(self, received: Received) -> None:
        async with asyncio.timeout(FOLD_SECONDS):
            await self.gate.ensure(received.position.partition)
        async with asyncio.timeout(DECIDE_SECONDS):
            await self.handle(received)

    async def _insist(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Try until it is done: a server that is away must not cost a record, and the order is kept meanwhile."""
        pause_seconds = PAUSE_SECONDS_FIRST
        while True:
            try:
                await attempt()
            except (Transient, TimeoutError) as error:
                if isinstance(error, DatabaseUnavailable):
                    # It may come back as an older copy of itself.
                    self.gate.forget()
                log = structlog.get_logger("artstore.processor")
                log.warning("try_again", error=str(error) or type(error).__name__, pause_seconds=pause_seconds)
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(2 * pause_seconds, PAUSE_SECONDS_MAX)
            else:
                return


def _understood(record: RawRecord) -> Received:
    require_size(record.value)
    received = receive(position_of(record), record.key, record.value, text_headers(record.headers))
    admit(received.message)
    return received
