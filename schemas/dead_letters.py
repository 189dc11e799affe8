"""A dead letter: a record that was given up, its key, value and headers as they were, and the cause in its headers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from schemas.envelope import Position, Record
from schemas.errors import ArtStoreError
from schemas.events import DeadLetter
from schemas.topics import dead_letters

DETAIL_CHARACTERS = 500
# A topic of dead letters takes 2 MiB. A record that came compressed may be far larger than its topic's own limit says.
LETTER_BYTES_MAX = 2 * 1024 * 1024 - 32 * 1024
# What Kafka and its clients add to a header.
HEADER_BYTES = 16


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
    """Return the dead letter that `group` writes: the fields of `DeadLetter` stand in it as headers `dl_*`.

    What is larger than a letter may be is cut, and says so: a letter that no topic took would stop its reader.
    """
    key, value = record.key or b"", record.value or b""
    kept_key = key[:LETTER_BYTES_MAX]
    kept_value = value[: LETTER_BYTES_MAX - len(kept_key)]
    given = text_headers(record.headers)
    kept = _fitting(given, LETTER_BYTES_MAX - len(kept_key) - len(kept_value))
    told = DeadLetter(
        cause=error.code,
        detail=error.detail[:DETAIL_CHARACTERS],
        group=group,
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
        is_cut=(kept_key, kept_value, kept) != (key, value, given),
    )
    why = {f"dl_{name}": str(field) for name, field in told.model_dump().items()}
    return Record(dead_letters(record.topic), kept_key, kept_value, kept | why)


def position_of(record: RawRecord) -> Position:
    """Return where the record stands."""
    return Position(record.topic, record.partition, record.offset)


def text_headers(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Return headers as text. Kafka allows any bytes, and none, in a header; that is never a reason to fail.

    Bytes that are no text, and zeros, which no database takes, become U+FFFD.
    """
    return {_storable(name): _storable((value or b"").decode(errors="replace")) for name, value in headers}


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _fitting(headers: Mapping[str, str], room: int) -> dict[str, str]:
    """Return the first headers that fit into `room` bytes."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        room -= len(name.encode()) + len(value.encode()) + HEADER_BYTES
        if room < 0:
            break
        kept[name] = value
    return kept
