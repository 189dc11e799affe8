"""Deadlines: what has passed is put into the inbox as a fact; the saga itself decides what it means."""

import asyncio
from datetime import timedelta

import structlog

from infra.runtime.clock import Clock
from infra.runtime.metrics import Metrics
from infra.runtime.telemetry import current_traceparent, span
from producers.publisher import Publisher
from schemas.errors import Transient
from schemas.identifiers import derive
from schemas.registry import encode
from schemas.requests import DeadlineExpired
from stream_processors.sagas.saga import SOURCE
from stream_processors.store import SagaStore, Stored

LIMIT = 100
# A reminder that was lost between the note and the inbox is written again; its id tells that it is the same one.
AGAIN = timedelta(seconds=30)
AWAY_SECONDS = 2.0


class Scanner:
    """Any number may run: rows in work are skipped, and a saga that is reminded twice ignores the second one."""

    def __init__(
        self, store: SagaStore, publisher: Publisher, clock: Clock, pause_seconds: float, metrics: Metrics
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._metrics = metrics

    async def run(self) -> None:
        """Scan until cancelled. A server that is away is waited for."""
        while True:
            try:
                found = await self.scan()
            except Transient as error:
                structlog.get_logger("artstore.deadlines").warning("scan_failed", error=error.detail)
                await asyncio.sleep(AWAY_SECONDS)
            else:
                if found < LIMIT:
                    await asyncio.sleep(self._pause_seconds)

    async def scan(self) -> int:
        """Remind the sagas whose deadline has passed; return how many they were."""
        due = await self._store.due(self._clock.now(), AGAIN, LIMIT)
        for stored in due:
            await self._remind(stored)
        self._metrics.sagas_open.set(await self._store.open_sagas())
        return len(due)

    async def _remind(self, stored: Stored) -> None:
        with span("deadline", parent=stored.record.headers.get("traceparent")):
            await self._publisher.publish(encode(self._reminder(stored), current_traceparent()))
        self._metrics.saga_deadlines.inc()

    def _reminder(self, stored: Stored) -> DeadlineExpired:
        token = stored.version
        meta = DeadlineExpired.meta_for(
            event_id=derive(stored.saga_id, f"deadline-{token}"),
            aggregate_id=stored.saga_id,
            occurred_at=self._clock.now(),
            correlation_id=stored.event.meta.correlation_id,
            causation_id=stored.event.meta.event_id,
            actor=stored.event.meta.actor,
            source=SOURCE,
        )
        return DeadlineExpired(meta=meta, token=token)
