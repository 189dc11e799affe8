"""The fold of `operations`: what was asked (inbox), and how far the saga has come (saga events)."""

import json
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from projections.tables import Row
from projections.timeline.payload import payload_of
from schemas.envelope import Actor, Message, Received
from schemas.events import SagaAdvanced
from schemas.requests import AccountRequested, KeyRequested, KeyRetirementRequested, UploadRequested

_KINDS = MappingProxyType(
    {
        UploadRequested: "upload",
        AccountRequested: "account",
        KeyRequested: "key",
        KeyRetirementRequested: "key_retirement",
    }
)


class RequestRow(NamedTuple):
    """A request, whole but for its secrets: enough to answer a repeated one."""

    operation_id: str
    kind: str
    subject: str
    request_sha256: str
    requested_at: datetime
    actor: Actor
    document_id: str | None
    element_id: str | None
    request: dict[str, Any]

    @property
    def key(self) -> tuple[object, ...]:
        """The operation."""
        return (self.operation_id,)

    @property
    def rank(self) -> int:
        """The first one stays."""
        return 0


class SagaRow(NamedTuple):
    """The state of a saga as people see it."""

    operation_id: str
    version: int
    kind: str
    status: str
    step: str
    steps: tuple[dict[str, Any], ...]
    outcomes: tuple[dict[str, Any], ...]
    problem: Any
    subject: str
    request_sha256: str | None
    document_id: str | None
    element_id: str | None
    started_at: datetime
    advanced_at: datetime
    finished_at: datetime | None

    @property
    def key(self) -> tuple[object, ...]:
        """The operation."""
        return (self.operation_id,)

    @property
    def rank(self) -> int:
        """The higher version wins."""
        return self.version


def fold(received: Received) -> tuple[Row, ...]:
    """Return the row of a request or of a saga's step; none for what else stands in the inbox."""
    message = received.message
    match message:
        case SagaAdvanced():
            return (_saga(message),)
        case UploadRequested() | AccountRequested() | KeyRequested() | KeyRetirementRequested():
            return (_request(message),)
        case _:
            return ()


def _request(message: UploadRequested | AccountRequested | KeyRequested | KeyRetirementRequested) -> RequestRow:
    return RequestRow(
        operation_id=message.meta.aggregate_id,
        kind=_KINDS[type(message)],
        subject=message.meta.actor.subject,
        request_sha256=message.request_sha256,
        requested_at=message.meta.occurred_at,
        actor=message.meta.actor,
        document_id=_field(message, "document_id"),
        element_id=_field(message, "element_id"),
        request=payload_of(message),
    )


def _saga(message: SagaAdvanced) -> SagaRow:
    return SagaRow(
        operation_id=message.meta.aggregate_id,
        version=message.meta.aggregate_version,
        kind=message.kind,
        status=message.status,
        step=message.step,
        steps=tuple(step.model_dump(mode="json") for step in message.steps),
        outcomes=tuple(outcome.model_dump(mode="json") for outcome in message.outcomes),
        problem=_problem(message.problem),
        subject=message.meta.actor.subject,
        request_sha256=message.request_sha256,
        document_id=message.document_id,
        element_id=message.element_id,
        started_at=message.started_at,
        advanced_at=message.meta.occurred_at,
        finished_at=message.finished_at,
    )


def _field(message: Message, name: str) -> str | None:
    found: str | None = getattr(message, name, None)
    return found


def _problem(text: str | None) -> Any:  # noqa: ANN401 - JSON is any of its types
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {"detail": text}
