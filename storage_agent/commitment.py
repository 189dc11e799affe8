"""The entries that spend a ticket, as pure functions: a version committed, refused by policy, or given up."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from schemas.api.uploads import Receipt
from schemas.attributes import Attributes
from schemas.commands import AbandonUpload
from schemas.elements import ElementIdentity
from schemas.envelope import Message
from schemas.errors import Malformed, TypeRefused
from schemas.registry import encode
from schemas.ticket import UploadTicket
from storage_agent import facts
from storage_agent.entries import Abandoned, Committed, Refused, StoredRecord
from storage_agent.layout import place_of
from storage_agent.ledger import ABANDONED_KEPT, AbandonedAnswer, CommittedAnswer, RefusedAnswer, expiry
from storage_agent.staging import Staged


def stored(messages: Sequence[Message], traceparent: str | None) -> tuple[StoredRecord, ...]:
    """Return the records of `messages` in order, encoded now and for ever."""
    return tuple(StoredRecord.of(encode(message, traceparent)) for message in messages)


def committed_entry(  # noqa: PLR0913 - all that a commit consists of, by name
    *,
    ticket: UploadTicket,
    media_type: str,
    staged: Staged,
    identity: ElementIdentity,
    now: datetime,
    traceparent: str | None,
) -> Committed:
    """Return the commit of a document's first version; TooLarge when its attributes exceed their limit."""
    place = place_of(ticket.document_id, ticket.document_version, ticket.filename)
    body = facts.Body(staged.size, staged.sha256, media_type)
    attributes = facts.attributes_of(ticket, body, place, identity, now)
    attr, source = _sealed(attributes), facts.source_of(identity)
    fact = facts.document_committed(attributes, attr, ticket.operation_id, source)
    reply = facts.content_committed(attributes, ticket.ticket_id, ticket.operation_id, source)
    receipt = Receipt(
        document_id=ticket.document_id, version=ticket.document_version, size=body.size, sha256=body.sha256
    )
    return Committed(
        at=now,
        lane=ticket.document_id,
        records=stored((fact, reply), traceparent),
        answer=CommittedAnswer(
            ticket_id=ticket.ticket_id, expires_at=expiry(ticket), receipt=receipt, creation=staged.creation
        ),
        operation_id=ticket.operation_id,
        document_id=ticket.document_id,
        version=ticket.document_version,
        attr_seq=attributes.attr_seq,
        attr=attr.decode(),
        body=staged.body,
        staged=None if staged.path is None else staged.path.name,
        directory=place.directory,
        body_name=place.body,
        attr_name=place.attr,
        sha256=body.sha256,
        size=body.size,
    )


def refused_entry(  # noqa: PLR0913 - all that a refusal consists of, by name
    *,
    ticket: UploadTicket,
    error: TypeRefused,
    problem: Mapping[str, object],
    identity: ElementIdentity,
    now: datetime,
    traceparent: str | None,
) -> Refused:
    """Return the refusal of a ticket's content by policy."""
    text = problem_text(problem)
    reply = facts.upload_refused(ticket, error, text, facts.source_of(identity), now)
    return Refused(
        at=now,
        lane=ticket.document_id,
        records=stored((reply,), traceparent),
        answer=RefusedAnswer(ticket_id=ticket.ticket_id, expires_at=expiry(ticket), detail=error.detail, problem=text),
    )


def abandoned_entry(
    command: AbandonUpload,
    last_refusal: str | None,
    identity: ElementIdentity,
    now: datetime,
    traceparent: str | None,
) -> Abandoned:
    """Return the end of an upload that was given up, and the answer to the command that gave it up."""
    reply = facts.upload_abandoned(command, last_refusal, facts.source_of(identity), now)
    return Abandoned(
        at=now,
        lane=command.document_id,
        records=stored((reply,), traceparent),
        answer=AbandonedAnswer(ticket_id=command.ticket_id, expires_at=now + ABANDONED_KEPT, last_refusal=last_refusal),
        command_id=command.meta.event_id,
    )


def _sealed(attributes: Attributes) -> bytes:
    try:
        return attributes.sealed()
    except ValueError as error:
        # RFC 8785 has no form for them, and a number that other readers round is no truth.
        msg = "A custom value is an integer beyond 2^53 or no finite number; write it as text."
        raise Malformed(msg) from error


def problem_text(problem: Mapping[str, object]) -> str:
    """Return a problem document as the JSON text that messages carry."""
    return json.dumps(problem, ensure_ascii=False, sort_keys=True)
