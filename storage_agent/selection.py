"""What a GET or HEAD of stored bytes is answered with: headers in, a decision out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage_agent.conditions import Fields, Outcome, Validators, judged, range_stands
from storage_agent.ranges import Span, Unsatisfiable, content_range, spans_of

# A boundary is the beginning of the content's own SHA-256: no document can hold what follows from all its bytes.
BOUNDARY_LETTERS = 32


@dataclass(frozen=True)
class Representation:
    """Stored bytes: hex SHA-256, size in bytes, media type, and the validators that go with them."""

    sha256: str
    size: int
    media_type: str
    validators: Validators


@dataclass(frozen=True)
class NotModified:
    """304: the client has these bytes."""


@dataclass(frozen=True)
class Failed:
    """412: the client asks for other bytes than these."""


@dataclass(frozen=True)
class Sending:
    """200 or 206. `layout` is the content in order: bytes as they are, and spans of the document."""

    status: int
    content_type: str
    layout: tuple[bytes | Span, ...]
    content_range: str | None = None

    @property
    def length(self) -> int:
        """Return how many bytes are sent."""
        return sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in self.layout)


Decision = NotModified | Failed | Unsatisfiable | Sending


def decided(method: str, fields: Fields, stored: Representation, now: datetime) -> Decision:
    """Return how to answer. `fields` as `asking_fields` gives them; a HEAD is answered as a GET without Range."""
    outcome = judged(fields, stored.validators, now)
    if outcome is Outcome.FAILED:
        return Failed()
    if outcome is Outcome.NOT_MODIFIED:
        return NotModified()
    whole = Sending(200, stored.media_type, (Span(0, stored.size - 1),))
    if method != "GET" or "range" not in fields or not range_stands(fields.get("if-range"), stored.validators, now):
        return whole
    spans = spans_of(fields["range"], stored.size)
    if spans is None or isinstance(spans, Unsatisfiable):
        return spans or whole
    if len(spans) == 1:
        return Sending(206, stored.media_type, spans, content_range(spans[0], stored.size))
    parts = _multipart(spans, stored)
    # With their heads, the parts of a short document can be longer than all of it.
    return parts if parts.length < stored.size else whole


def assembled(layout: Sequence[bytes | Span], body: bytes) -> bytes:
    """Return the content that `layout` says, out of the whole document."""
    return b"".join(
        piece if isinstance(piece, bytes) else body[piece.first : piece.last + 1] for piece in layout
    )  # fmt: skip


def _multipart(spans: Sequence[Span], stored: Representation) -> Sending:
    boundary = stored.sha256[:BOUNDARY_LETTERS]
    layout: list[bytes | Span] = []
    for span in spans:
        head = (
            f"\r\n--{boundary}\r\n"
            f"Content-Type: {stored.media_type}\r\n"
            f"Content-Range: {content_range(span, stored.size)}\r\n\r\n"
        )
        # Nothing stands before the first boundary.
        layout += [(head if layout else head.removeprefix("\r\n")).encode("latin-1"), span]
    layout.append(f"\r\n--{boundary}--\r\n".encode("ascii"))
    return Sending(206, f"multipart/byteranges; boundary={boundary}", tuple(layout))
