"""Records as the driver gives them, for tests without a broker."""

from dataclasses import dataclass

from schemas.envelope import Message
from schemas.registry import encode
from schemas.topics import DOCUMENT_EVENT


@dataclass(frozen=True)
class ARecord:
    """A record as the driver gives it."""

    offset: int
    key: bytes | None = b""
    value: bytes | None = b""
    headers: tuple[tuple[str, bytes | None], ...] = ()
    topic: str = DOCUMENT_EVENT
    partition: int = 3


def raw(message: Message, offset: int, traceparent: str | None = None) -> ARecord:
    record = encode(message, traceparent)
    headers = tuple((name, text.encode()) for name, text in record.headers.items())
    return ARecord(offset, record.key, record.value, headers)
