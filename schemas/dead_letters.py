"""A dead letter: a record that was given up, its key and value as they were, and the cause in its headers."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from schemas.envelope import Position, Record
from schemas.errors import ArtStoreError
from schemas.events import DeadLetter
from schemas.topics import dead_letters

DETAIL_CHARACTERS = 500


class RawRecord(Protocol):
    """A record before it is understood: bytes as the driver gives them, headers as pairs."""

    @property
    def topic(self) -> str: ...  # noqa: D102 - the names say it
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...  # noqa: D102


def dead_letter(record: RawRecord, error: ArtStoreError, group: str) -> Record:
    """Return the dead letter that `group` writes: the fields of `DeadLetter` stand in it as headers `dl_*`."""
    told = DeadLetter(
        cause=error.code,
        detail=error.detail[:DETAIL_CHARACTERS],
        group=group,
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
    )
    why = {f"dl_{name}": str(field) for name, field in told.model_dump().items()}
    return Record(
        dead_letters(record.topic), record.key or b"", record.value or b"", text_headers(record.headers) | why
    )


def position_of(record: RawRecord) -> Position:
    """Return where the record stands."""
    return Position(record.topic, record.partition, record.offset)


def text_headers(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Return headers as text. Kafka allows any bytes, and none, in a header; that is never a reason to fail."""
    return {name: (value or b"").decode(errors="replace") for name, value in headers}
