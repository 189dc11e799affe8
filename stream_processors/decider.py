"""The one stage: a batch of inbox records moves its sagas, and the records of every step go out before it is done."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from opentelemetry.trace import SpanKind

from infra.runtime.metrics import Metrics
from infra.runtime.telemetry import current_traceparent, span
from producers.publisher import Publisher
from schemas.envelope import Message, Received, Record
from schemas.errors import Busy
from schemas.signing import SignedRequest
from stream_processors.sagas.decision import as_record, decide
from stream_processors.sagas.saga import Given
from stream_processors.store import SagaStore, Stored

# Another processor, not yet fenced by its group, may win once or twice; more often means that something is wrong.
SWAPS_MAX = 5

Verify = Callable[[SignedRequest], bool]


def waves(batch: Sequence[Received]) -> list[list[Received]]:
    """Divide a batch so that a saga moves at most once in each part, in the order of its records.

    A saga keeps the outputs of its last version alone: they must be out before the next version takes their place.
    """
    parts: list[list[Received]] = []
    seen: Counter[str] = Counter()
    for received in batch:
        saga_id = received.message.meta.aggregate_id
        if seen[saga_id] == len(parts):
            parts.append([])
        parts[seen[saga_id]].append(received)
        seen[saga_id] += 1
    return parts


class Decider:
    """Per wave: one compare-and-swap transaction with the outputs, the events, their outputs; every send awaited.

    Whatever is cut off in between is made good by redelivery: a saga whose last cause is this record sends the stored
    bytes again, so that nothing is lost and every repeat has the same ids. The caller acknowledges when all is done.
    """

    def __init__(
        self, store: SagaStore, publisher: Publisher, verify: Verify, given: Given, metrics: Metrics | None = None
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._verify = verify
        self._given = given
        self._metrics = metrics or Metrics()

    async def handle(self, batch: Sequence[Received]) -> None:
        """Move the sagas, or recognise repeats. Transient errors leave everything as it can be handled again."""
        for wave in waves(batch):
            started = time.monotonic()
            await self._send(await self._moved(wave))
            for _ in wave:
                self._metrics.saga_decide_seconds.observe(time.monotonic() - started)

    async def _moved(self, wave: Sequence[Received]) -> list[Stored]:
        """Return the events that these records make, or have made before; stale records make none (any more)."""
        left, moved = list(wave), list[Stored]()
        for _ in range(SWAPS_MAX):
            standing = await self._store.load({received.message.meta.aggregate_id for received in left})
            made: list[tuple[Received, Stored]] = []
            for received in left:
                current = standing.get(received.message.meta.aggregate_id)
                if current is not None and current.event.cause_id == received.message.meta.event_id:
                    self._metrics.saga_duplicates.inc()
                    moved.append(current)
                elif (stored := self._decided(received, current)) is not None:
                    made.append((received, stored))
            won = await self._store.swap([stored for _, stored in made]) if made else frozenset[str]()
            moved += [self._counted(stored) for _, stored in made if stored.saga_id in won]
            left = [received for received, stored in made if stored.saga_id not in won]
            if not left:
                return moved
        raise Busy("A saga is moved by another processor at the same time.")

    def _decided(self, received: Received, current: Stored | None) -> Stored | None:
        message = received.message
        meta = message.meta
        names = {"messaging.message.id": meta.event_id, "artstore.type": meta.type, "artstore.saga": meta.aggregate_id}
        with span("decide", parent=received.traceparent, kind=SpanKind.CONSUMER, attributes=names):
            traceparent = current_traceparent()
            event = decide(current.event if current else None, message, self._judged(message), traceparent)
            if event is None:
                self._metrics.saga_duplicates.inc()
                return None
            return Stored.of(event, traceparent)

    def _counted(self, stored: Stored) -> Stored:
        self._metrics.saga_advances.labels(stored.event.kind, stored.event.status).inc()
        return stored

    async def _send(self, moved: Sequence[Stored]) -> None:
        """Send all events at once and await them, then the outputs: those of one saga one after another."""
        await _all(self._publisher.publish(stored.record) for stored in moved)
        await _all(self._one_after_another([as_record(o) for o in stored.event.outputs]) for stored in moved)

    async def _one_after_another(self, records: Sequence[Record]) -> None:
        for record in records:
            await self._publisher.publish(record)

    def _judged(self, message: Message) -> Given:
        is_verified = isinstance(message, SignedRequest) and self._verify(message)
        return replace(self._given, verified=is_verified)


async def _all(sends: Iterable[Awaitable[object]]) -> None:
    """Await every send, also when one fails: nothing of this batch may still be under way when it is tried again."""
    for answer in await asyncio.gather(*sends, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
