"""What becomes of a command that cannot be understood: its bytes on the dead-letter topic, and why."""

from collections.abc import Sequence
from typing import Protocol

from schemas.envelope import Record
from schemas.errors import Malformed
from schemas.events import DeadLetter
from schemas.topics import dead_letters

DETAIL_CHARACTERS = 500


class RawRecord(Protocol):
    """A record as the driver gives it: bytes, headers as pairs."""

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
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102


def dead_letter(record: RawRecord, error: Malformed, group: str) -> Record:
    """Return the dead letter: key, value and headers of `record`, and the fields of `DeadLetter` as headers `dl_*`."""
    told = DeadLetter(
        cause=error.code,
        detail=error.detail[:DETAIL_CHARACTERS],
        group=group,
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
    )
    own = {name: value.decode(errors="replace") for name, value in record.headers}
    why = {f"dl_{name}": str(value) for name, value in told.model_dump().items()}
    return Record(dead_letters(record.topic), record.key or b"", record.value or b"", own | why)
