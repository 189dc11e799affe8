"""A batch of raw records and what becomes of it: rows, traces, and dead letters for what cannot be understood."""

from collections.abc import Sequence
from dataclasses import dataclass

from projections.position import Partition
from projections.tables import Row
from projections.view import View
from schemas.dead_letters import RawRecord, dead_letter, position_of, text_headers
from schemas.envelope import Record
from schemas.errors import Corrupted, Malformed
from schemas.registry import receive
from schemas.topics import BY_NAME, PROJECTOR


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
    for record in batch.records:
        try:
            received = receive(position_of(record), record.key, record.value, text_headers(record.headers))
            rows += view.fold(received)
        except (Malformed, Corrupted) as error:
            letters.append(dead_letter(record, error, group_of(view)))
        else:
            if received.traceparent is not None:
                traces.append((record.offset, received.traceparent))
    return Folded(tuple(rows), tuple(letters), tuple(traces))


def group_of(view: View) -> str:
    """Return the name under which a view gives records up."""
    return f"projector-{view.name}"


def is_ours(record: Record) -> bool:
    """Tell whether the projector writes to this dead-letter topic; for others, the reader that decides does."""
    topic = BY_NAME.get(record.topic)
    return topic is not None and PROJECTOR in topic.writers
