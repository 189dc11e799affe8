"""The heartbeat: what an element is, where its agent listens, and how much room it has."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import structlog

from infra.runtime.clock import Clock
from infra.runtime.metrics import Metrics
from producers.publisher import Publisher
from schemas.envelope import Actor
from schemas.errors import Transient
from schemas.events import Capacity, ElementStatus
from schemas.identifiers import AccountId, new_id
from schemas.registry import encode
from storage_agent.derived import on_disk
from storage_agent.documents import Documents
from storage_agent.facts import source_of


@dataclass(frozen=True)
class Heartbeat:
    """Tells the element's state every `pause_seconds`. `reserve_bytes` are never offered to anybody."""

    documents: Documents
    publisher: Publisher
    clock: Clock
    metrics: Metrics
    root: Path
    url: str
    reserve_bytes: int
    pause_seconds: float

    async def run(self) -> None:
        """Tell until cancelled. A beat that the log does not take is lost: the next one says more."""
        while True:
            try:
                await self.publisher.publish(encode(await self.status()))
            except Transient as error:
                structlog.get_logger("artstore.agent").warning("heartbeat_lost", reason=error.detail)
            await asyncio.sleep(self.pause_seconds)

    async def status(self) -> ElementStatus:
        """Return the element's state now, and show it in the metrics."""
        identity, capacity = self.documents.identity, await on_disk(self._capacity)
        waiting = self.documents.outbox.length
        self.metrics.outbox_entries.set(waiting)
        self.metrics.element_total_bytes.set(capacity.total)
        self.metrics.element_free_bytes.set(capacity.free)
        damaged, scrub = self.documents.fixity.damaged, self.documents.fixity.progress()
        self.metrics.documents_damaged.set(damaged)
        if scrub is not None and scrub.finished_at is not None:
            self.metrics.scrub_age_seconds.set((self.clock.now() - scrub.finished_at).total_seconds())
        event_id = new_id(self.clock.now())
        source = source_of(identity)
        return ElementStatus(
            meta=ElementStatus.meta_for(
                event_id=event_id,
                aggregate_id=identity.element_id,
                aggregate_version=identity.mode_epoch,
                occurred_at=self.clock.now(),
                correlation_id=event_id,
                actor=Actor(subject=AccountId(identity.element_id), login=source, full_name=f"Agent {identity.name}"),
                source=source,
            ),
            name=identity.name,
            mode=identity.mode,
            mode_epoch=identity.mode_epoch,
            url=self.url,
            capacity=capacity,
            outbox=waiting,
            damaged=damaged,
            scrub=scrub,
        )

    def _capacity(self) -> Capacity:
        found = shutil.disk_usage(self.root)
        return Capacity(total=found.total, used=found.used, free=max(0, found.free - self.reserve_bytes))
