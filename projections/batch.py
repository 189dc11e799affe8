"""A batch of raw records and what becomes of it: rows, traces, and dead letters for what cannot be understood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from projections.position import Partition
from projections.tables import Row
from projections.view import View
from schemas.envelope import Position, Record
from schemas.errors import ArtStoreError, Corrupted, Malformed
from schemas.events import DeadLetter
from schemas.registry import receive
from schemas.topics import BY_NAME, PROJECTOR, dead_letters

HEADER_CHARACTERS_MAX = 500


@dataclass(frozen=True)
class RawRecord:
    """A record as it came from the log."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


@dataclass(frozen=True)
class Batch:
    """Records of one partition in their order; `start` is the position from which they were fetched."""

    partition: Partition
    start: int
    records: Sequence[RawRecord]

    @property
    def end(self) -> int:
        """The position after the last record."""
        return self.records[-1].offset + 1

    def singles(self) -> list["Batch"]:
        """Return the batch as batches of one record, each beginning where the one before ends."""
        starts = [self.start, *(record.offset + 1 for record in self.records)]
        return [Batch(self.partition, start, (record,)) for start, record in zip(starts, self.records, strict=False)]


@dataclass(frozen=True)
class Folded:
    """What a view makes of a batch."""

    rows: tuple[Row, ...]
    letters: tuple[Record, ...]
    traces: tuple[tuple[int, str], ...]
    """(offset, traceparent) of the records that belong to a trace."""


def fold_batch(view: View, batch: Batch) -> Folded:
    """Fold the records in order. One that cannot be understood becomes a dead letter and stops nothing."""
    rows: list[Row] = []
    letters: list[Record] = []
    traces: list[tuple[int, str]] = []
    topic, partition = batch.partition
    for record in batch.records:
        try:
            received = receive(Position(topic, partition, record.offset), record.key, record.value, record.headers)
            rows += view.fold(received)
        except (Malformed, Corrupted) as error:
            letters.append(letter(view.name, batch.partition, record, error))
        else:
            if received.traceparent is not None:
                traces.append((record.offset, received.traceparent))
    return Folded(tuple(rows), tuple(letters), tuple(traces))


def letter(view: str, partition: Partition, record: RawRecord, error: ArtStoreError) -> Record:
    """Return the dead letter of a record: key and value as they were, the cause in its headers."""
    topic, number = partition
    cause = DeadLetter(
        cause=error.code,
        detail=error.detail[:HEADER_CHARACTERS_MAX],
        group=f"projector-{view}",
        source_topic=topic,
        source_partition=number,
        source_offset=record.offset,
    )
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers.items()}
    headers |= {f"dl_{name}": str(value) for name, value in cause.model_dump().items()}
    return Record(dead_letters(topic), record.key or b"", record.value or b"", headers)


def is_ours(record: Record) -> bool:
    """Tell whether the projector writes to this dead-letter topic; for others, the reader that decides does."""
    topic = BY_NAME.get(record.topic)
    return topic is not None and PROJECTOR in topic.writers
