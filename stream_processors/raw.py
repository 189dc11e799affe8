"""A record before it is understood: bytes as the driver gives them."""

from collections.abc import Sequence
from typing import Protocol


class RawRecord(Protocol):
    """A record as the driver gives it: bytes, headers as pairs."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def text_headers(record: RawRecord) -> dict[str, str]:
    """Return the headers as text. Kafka allows any bytes, and none, in a header; that is never a reason to fail."""
    return {name: (value or b"").decode(errors="replace") for name, value in record.headers}
