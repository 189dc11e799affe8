"""What an agent tells about a document's text: facts and the reply to `ExtractText`, as pure functions."""

from dataclasses import dataclass
from datetime import datetime

from schemas.commands import ExtractText
from schemas.elements import ElementIdentity
from schemas.envelope import Message, Meta
from schemas.events import TextExtracted, TextUnavailable
from schemas.identifiers import derive
from schemas.replies import TextFinished
from storage_agent.derived import DerivedText
from storage_agent.facts import source_of


@dataclass(frozen=True)
class Asked:
    """A command, the element that works on it, and the time at which it is answered."""

    command: ExtractText
    identity: ElementIdentity
    now: datetime


def text_extracted(asked: Asked, sha256: str, text: DerivedText, *, truncated: bool) -> TextExtracted:
    """Return the fact that the text of content with this SHA-256 lies in `derived/`."""
    return TextExtracted(
        meta=_fact_meta(TextExtracted, asked),
        document_version=asked.command.document_version,
        element_id=asked.identity.element_id,
        sha256=sha256,
        text_sha256=text.sha256,
        characters=text.characters,
        truncated=truncated,
    )


def text_unavailable(asked: Asked, sha256: str, reason: str) -> TextUnavailable:
    """Return the fact that content with this SHA-256 gives no text; the document is stored all the same."""
    return TextUnavailable(
        meta=_fact_meta(TextUnavailable, asked),
        document_version=asked.command.document_version,
        element_id=asked.identity.element_id,
        sha256=sha256,
        reason=reason,
    )


def text_finished(asked: Asked, *, text_version: int, reason: str | None) -> TextFinished:
    """Return the reply, caused by the fact that it announces; without one (`text_version` 0) by the command.

    `reason` is None when there is a text.
    """
    command = asked.command
    return TextFinished(
        meta=TextFinished.meta_for(
            event_id=derive(command.meta.event_id, "text-finished"),
            aggregate_id=command.meta.correlation_id,
            occurred_at=asked.now,
            correlation_id=command.meta.correlation_id,
            causation_id=_fact_id(command) if text_version else command.meta.event_id,
            actor=command.meta.actor,
            source=source_of(asked.identity),
        ),
        document_id=command.document_id,
        document_version=command.document_version,
        text_version=text_version,
        available=reason is None,
        reason=reason,
    )


def _fact_id(command: ExtractText) -> str:
    return derive(command.meta.event_id, "text")


def _fact_meta(kind: type[Message], asked: Asked) -> Meta:
    command = asked.command
    return kind.meta_for(
        event_id=_fact_id(command),
        aggregate_id=command.document_id,
        aggregate_version=command.document_version,
        occurred_at=asked.now,
        correlation_id=command.meta.correlation_id,
        causation_id=command.meta.event_id,
        actor=command.meta.actor,
        source=source_of(asked.identity),
    )
