"""Where sagas stand: their last event with its outputs, changed by compare-and-swap; the seam and its double."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, Self

from schemas.envelope import Record
from schemas.errors import UndecodableRecord
from schemas.events import SagaAdvanced
from schemas.identifiers import is_uuid
from schemas.registry import decode, encode
from stream_processors.sagas.saga import TERMINAL


@dataclass(frozen=True)
class Stored:
    """A saga's last event, decoded, and the very record that tells of it: a redelivery sends the same bytes again."""

    event: SagaAdvanced
    record: Record

    @classmethod
    def of(cls, event: SagaAdvanced, traceparent: str | None) -> Self:
        """Encode `event`; its record carries the span that decided."""
        return cls(event, encode(event, traceparent))

    @classmethod
    def read(cls, record: Record) -> Self:
        """Decode a record of the saga topic; UndecodableRecord when it is none."""
        event = decode(record.value)
        if not isinstance(event, SagaAdvanced):
            raise UndecodableRecord(f"A {event.meta.type} does not belong among the events of sagas.")
        if event.key != record.key or not (is_uuid(event.meta.aggregate_id) and is_uuid(event.cause_id)):
            raise UndecodableRecord("The event's saga or cause is not named by a uuid, or its key is another.")
        if event.meta.aggregate_version < 1 or "\0" in event.kind + event.status + event.step:
            raise UndecodableRecord("The event has no version, or a word in it that no saga of ours uses.")
        return cls(event, record)

    @property
    def saga_id(self) -> str:
        """Return the saga's id."""
        return self.event.meta.aggregate_id

    @property
    def version(self) -> int:
        """Return the version that this event made."""
        return self.event.meta.aggregate_version


class SagaStore(Protocol):
    """Every method raises DatabaseUnavailable when the store is away; each can be called again then."""

    async def load(self, saga_ids: Collection[str]) -> dict[str, Stored]:
        """Return where those of these sagas stand that are known, by their ids."""
        ...

    async def swap(self, moved: Sequence[Stored]) -> frozenset[str]:
        """Put each in the place of its predecessor (version - 1, or none), all in one transaction.

        At most one version per saga. Return the sagas that moved; for the others something else stands there.
        """
        ...

    async def position(self, partition: int) -> int:
        """Return the next offset of the saga topic's partition to fold."""
        ...

    async def fold(self, partition: int, records: Sequence[Stored], next_offset: int) -> None:
        """Take in records of the saga topic in their order, and `next_offset`, in one transaction.

        A higher version wins; of one version the first record does.
        """
        ...

    async def due(self, now: datetime, again: timedelta, limit: int) -> list[Stored]:
        """Return at most `limit` sagas whose deadline has passed, earliest first, and note that they were asked for.

        One that was asked for less than `again` ago is left out: it has been reminded and may be about to move.
        """
        ...

    async def open_sagas(self) -> int:
        """Return how many sagas have not ended."""
        ...


@dataclass
class MemorySagaStore:
    """The shipped double: the same promises in a dictionary."""

    rows: dict[str, Stored] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)
    reminded: dict[tuple[str, int], datetime] = field(default_factory=dict)

    async def load(self, saga_ids: Collection[str]) -> dict[str, Stored]:
        """Return where the sagas stand."""
        return {saga_id: self.rows[saga_id] for saga_id in saga_ids if saga_id in self.rows}

    async def swap(self, moved: Sequence[Stored]) -> frozenset[str]:
        """Put each in the place of its predecessor."""
        won = [stored for stored in moved if self._version(stored.saga_id) == stored.version - 1]
        self.rows.update({stored.saga_id: stored for stored in won})
        return frozenset(stored.saga_id for stored in won)

    async def position(self, partition: int) -> int:
        """Return the next offset to fold."""
        return self.positions.get(partition, 0)

    async def fold(self, partition: int, records: Sequence[Stored], next_offset: int) -> None:
        """Take in records of the saga topic."""
        for stored in records:
            current = self.rows.get(stored.saga_id)
            if current is None or stored.version > current.version:
                self.rows[stored.saga_id] = stored
        self.positions[partition] = max(next_offset, self.positions.get(partition, 0))

    async def due(self, now: datetime, again: timedelta, limit: int) -> list[Stored]:
        """Return sagas whose deadline has passed."""
        passed = [(at, row) for row in self.rows.values() if (at := self._due_at(row, now, again)) is not None]
        found = [row for _, row in sorted(passed, key=lambda pair: pair[0])[:limit]]
        self.reminded.update({(row.saga_id, row.version): now for row in found})
        return found

    async def open_sagas(self) -> int:
        """Return how many sagas have not ended."""
        return sum(row.event.status not in TERMINAL for row in self.rows.values())

    def _version(self, saga_id: str) -> int:
        return self.rows[saga_id].version if saga_id in self.rows else 0

    def _due_at(self, row: Stored, now: datetime, again: timedelta) -> datetime | None:
        deadline = row.event.deadline_at
        before = self.reminded.get((row.saga_id, row.version))
        if deadline is None or deadline > now or (before is not None and before > now - again):
            return None
        return deadline
