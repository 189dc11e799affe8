"""The fold of `texts`: which document has a text, and at which element it can be fetched."""

from typing import NamedTuple

from projections.tables import Row
from schemas.envelope import Received
from schemas.events import TextExtracted, TextUnavailable

PENDING, READY, UNAVAILABLE = "pending", "ready", "unavailable"


class TextRow(NamedTuple):
    """A text as the log knows it. `final`: there is no text and nothing to fetch. Sizes in characters."""

    document_id: str
    version: int
    element_id: str
    text_version: int
    sha256: str
    text_sha256: str | None
    characters: int
    truncated: bool
    state: str
    final: bool
    reason: str | None

    @property
    def key(self) -> tuple[object, ...]:
        """The document and the version of its content."""
        return (self.document_id, self.version)

    @property
    def rank(self) -> int:
        """The later extraction wins."""
        return self.text_version


def fold(received: Received) -> tuple[Row, ...]:
    """Return the row of a fact about a text; none for other records."""
    message = received.message
    match message:
        case TextExtracted():
            return (_extracted(message),)
        case TextUnavailable():
            return (_unavailable(message),)
        case _:
            return ()


def _extracted(message: TextExtracted) -> TextRow:
    return TextRow(
        document_id=message.meta.aggregate_id,
        version=message.document_version,
        element_id=message.element_id,
        text_version=message.meta.aggregate_version,
        sha256=message.sha256,
        text_sha256=message.text_sha256,
        characters=message.characters,
        truncated=message.truncated,
        state=PENDING,
        final=False,
        reason=None,
    )


def _unavailable(message: TextUnavailable) -> TextRow:
    return TextRow(
        document_id=message.meta.aggregate_id,
        version=message.document_version,
        element_id=message.element_id,
        text_version=message.meta.aggregate_version,
        sha256=message.sha256,
        text_sha256=None,
        characters=0,
        truncated=False,
        state=UNAVAILABLE,
        final=True,
        reason=message.reason,
    )
