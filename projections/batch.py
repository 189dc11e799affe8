"""A batch of raw records and what becomes of it: rows, traces, and dead letters for what cannot be understood."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from projections.position import Partition
from projections.tables import Row
from projections.view import View
from schemas.dead_letters import RawRecord, dead_letter, position_of, text_headers
from schemas.envelope import Received, Record
from schemas.errors import Corrupted, Malformed
from schemas.registry import receive
from schemas.topics import BY_NAME, PROJECTOR

TRACE_HEADER = "traceparent"


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

    def halves(self) -> tuple["Batch", "Batch"]:
        """Return the batch as two, the second beginning where the first ends."""
        middle = len(self.records) // 2
        first = Batch(self.partition, self.start, self.records[:middle])
        return first, Batch(self.partition, first.end, self.records[middle:])


@dataclass(frozen=True)
class Folded:
    """What a view makes of a batch."""

    rows: tuple[Row, ...]
    letters: tuple[Record, ...]
    traces: tuple[tuple[int, str], ...]
    """(offset, traceparent) of the records that belong to a trace."""


Refused: TypeAlias = Malformed | Corrupted


def fold_batch(view: View, batch: Batch) -> Folded:
    """Fold the records in order. One that cannot be understood becomes a dead letter and stops nothing."""
    return fold_for([view], batch)[0]


def fold_for(views: Sequence[View], batch: Batch) -> list[Folded]:
    """Return what each of several views makes of a batch, of which every record is read once, for all of them."""
    folds = [_Fold(view) for view in views]
    for record in batch.records:
        found = _decoded(record)
        for fold in folds:
            fold.take(record, found)
    return [Folded(tuple(fold.rows), tuple(fold.letters), tuple(fold.traces)) for fold in folds]


class _Fold:
    """What one view has made of the records so far."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.rows: list[Row] = []
        self.letters: list[Record] = []
        self.traces: list[tuple[int, str]] = []

    def take(self, record: RawRecord, found: Received | Refused) -> None:
        """Fold one record, read already."""
        try:
            received = _understood(found)
            self.rows += self._view.fold(received)
        except (Malformed, Corrupted) as error:
            self.letters.append(dead_letter(record, error, group_of(self._view)))
        else:
            if received.traceparent is not None:
                self.traces.append((record.offset, received.traceparent))


def _decoded(record: RawRecord) -> Received | Refused:
    trace = text_headers([pair for pair in record.headers if pair[0] == TRACE_HEADER])
    try:
        return receive(position_of(record), record.key, record.value, trace)
    except (Malformed, Corrupted) as error:
        return error


def _understood(found: Received | Refused) -> Received:
    if isinstance(found, Received):
        return found
    raise found


def group_of(view: View) -> str:
    """Return the name under which a view gives records up."""
    return f"projector-{view.name}"


def is_ours(record: Record) -> bool:
    """Tell whether the projector writes to this dead-letter topic; for others, the reader that decides does."""
    topic = BY_NAME.get(record.topic)
    return topic is not None and PROJECTOR in topic.writers
