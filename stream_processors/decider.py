"""The one stage: an inbox record moves its saga one step, and the step's records go out before it is acknowledged."""

import time
from collections.abc import Callable
from dataclasses import replace

from opentelemetry.trace import SpanKind

from infra.runtime.metrics import Metrics
from infra.runtime.telemetry import current_traceparent, span
from producers.publisher import Publisher
from schemas.envelope import Message, Received
from schemas.errors import Busy
from schemas.requests import AccountRequested, KeyRequested
from schemas.signing import SignedRequest
from stream_processors.sagas.decision import as_record, decide
from stream_processors.sagas.saga import Given
from stream_processors.store import SagaStore, Stored

# Another processor, not yet fenced by its group, may win once or twice; more often means that something is wrong.
SWAPS_MAX = 5

Verify = Callable[[SignedRequest], bool]


class Decider:
    """Order: compare-and-swap with the outputs, the event, its outputs; every send awaited. Then the caller commits.

    Whatever is cut off in between is made good by redelivery: a saga whose last cause is this record sends the stored
    bytes again, so that nothing is lost and every repeat has the same ids.
    """

    def __init__(
        self, store: SagaStore, publisher: Publisher, verify: Verify, given: Given, metrics: Metrics | None = None
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._verify = verify
        self._given = given
        self._metrics = metrics or Metrics()

    async def handle(self, received: Received) -> None:
        """Move the saga, or recognise a repeat. Transient errors leave everything as it can be handled again."""
        started = time.monotonic()
        meta = received.message.meta
        names = {"messaging.message.id": meta.event_id, "artstore.type": meta.type, "artstore.saga": meta.aggregate_id}
        with span("decide", parent=received.traceparent, kind=SpanKind.CONSUMER, attributes=names):
            stored = await self._moved(received.message)
            if stored is not None:
                await self._send(stored)
        self._metrics.saga_decide_seconds.observe(time.monotonic() - started)

    async def _moved(self, message: Message) -> Stored | None:
        """Return the event that this message makes, or has made before; None when there is none (any more)."""
        given = self._judged(message)
        for _ in range(SWAPS_MAX):
            current = await self._store.load(message.meta.aggregate_id)
            if current is not None and current.event.cause_id == message.meta.event_id:
                self._metrics.saga_duplicates.inc()
                return current
            event = decide(current.event if current else None, message, given, current_traceparent())
            if event is None:
                self._metrics.saga_duplicates.inc()
                return None
            stored = Stored.of(event, current_traceparent())
            if await self._store.swap(stored):
                self._metrics.saga_advances.labels(event.kind, event.status).inc()
                return stored
        raise Busy("The saga is moved by another processor at the same time.")

    async def _send(self, stored: Stored) -> None:
        await self._publisher.publish(stored.record)
        for output in stored.event.outputs:
            await self._publisher.publish(as_record(output))

    def _judged(self, message: Message) -> Given:
        is_verified = isinstance(message, AccountRequested | KeyRequested) and self._verify(message)
        return replace(self._given, verified=is_verified)
