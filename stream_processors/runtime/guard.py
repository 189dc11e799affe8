"""The one guarded handler: nothing leaves it but handled records, dead letters, or the end of the process."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
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
from stream_processors.fold import GROUP, FoldGate, place_of
from stream_processors.sagas.admission import admit, require_size

# Above what the doors allow one statement or one record, so that their own errors come first and say more.
DECIDE_SECONDS = 60.0
FOLD_SECONDS = 900.0
PAUSE_SECONDS_FIRST = 0.1
PAUSE_SECONDS_MAX = 5.0
# A batch in work when the process is told to stop has this long to be finished; then it is handled again later.
LAST_SECONDS = 4.0
HARD_EXIT = 70

Handle = Callable[[Sequence[Received]], Awaitable[None]]


def exit_at_once(code: int) -> None:
    """End the process without any commit, so that the batch in work is read again."""
    flush_telemetry()
    os._exit(code)


@dataclass
class Guard:
    """Stands between the reading of the inbox and the decider."""

    handle: Handle
    gate: FoldGate
    publisher: Publisher
    metrics: Metrics
    exit: Callable[[int], None] = exit_at_once
    last_seconds: float = LAST_SECONDS

    async def take(self, records: Sequence[RawRecord]) -> None:
        """Handle a batch; once this returns or is cancelled, every record of it may be acknowledged.

        Cancelled, it finishes the batch first. What it can neither finish nor understand ends the process.
        """
        for record in records:
            self.metrics.records_read.labels(record.topic).inc()
        work = asyncio.create_task(self._watched(records))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await self._finished(work)
            raise

    async def _finished(self, work: asyncio.Task[None]) -> None:
        end = time.monotonic() + self.last_seconds
        while not work.done() and (left := end - time.monotonic()) > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({work}, timeout=left)
        if not work.done() or work.cancelled():
            self.exit(HARD_EXIT)

    async def _watched(self, records: Sequence[RawRecord]) -> None:
        try:
            await self._taken(records)
        except Exception as error:
            log = structlog.get_logger("artstore.processor")
            if len(records) > 1:
                # What stands before the culprit is done, and the log names the one that it is.
                log.warning("batch_not_handled", records=len(records), error=repr(error))
                for record in records:
                    await self._watched([record])
                return
            record = records[0]
            log.critical("record_not_handled", **place_of(record), exc_info=True)
            self.exit(HARD_EXIT)

    async def _taken(self, records: Sequence[RawRecord]) -> None:
        received: list[Received] = []
        poison: list[tuple[RawRecord, Malformed]] = []
        for record in records:
            try:
                received.append(_understood(record))
            except Malformed as error:
                poison.append((record, error))
        # A topic of dead letters that is away keeps the batch from being acknowledged, not its sagas from moving.
        if received:
            await self._insist(partial(self._decide, received))
        for buried, why in poison:
            await self._insist(partial(self._bury, buried, why))

    async def _bury(self, record: RawRecord, error: Malformed) -> None:
        await self.publisher.publish(dead_letter(record, error, GROUP))
        self.metrics.dead_letters.labels(record.topic).inc()
        log = structlog.get_logger("artstore.processor")
        log.error("dead_letter", **place_of(record), cause=error.code, detail=error.detail)

    async def _decide(self, received: Sequence[Received]) -> None:
        async with asyncio.timeout(FOLD_SECONDS):
            for partition in {one.position.partition for one in received}:
                await self.gate.ensure(partition)
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
