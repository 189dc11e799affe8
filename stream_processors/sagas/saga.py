"""What every saga is made of: a table of steps, a frozen state, and what one step of it brings about."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self, TypeVar

from infra.runtime.problems import status_of
from schemas.api.body import Problem, ProblemField
from schemas.envelope import Message, Meta, Value
from schemas.errors import ArtStoreError
from schemas.events import Outcome, SagaAdvanced, StepState
from schemas.identifiers import DocumentId, ElementId, derive

SOURCE = "processor"


class Status(StrEnum):
    """How a saga stands. The last three are ends, though an operator may take up a suspended one."""

    RUNNING = "running"
    COMPENSATING = "compensating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUSPENDED = "suspended"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED})


@dataclass(frozen=True)
class Step:
    """One row of a saga's table.

    `awaits` is what the step takes (all else is stale or repeated); `deadline` says what happens when none comes.
    Behind the `pivot` there is no way back: later steps only go forward.
    """

    name: str
    awaits: tuple[type[Message], ...]
    command: type[Message] | None = None
    compensation: type[Message] | None = None
    deadline: str | None = None
    pivot: bool = False


class Subject(Value):
    """What the saga is about, as far as people ask for it by name; the request's digest tells a repeat from another."""

    document_id: DocumentId | None = None
    element_id: ElementId | None = None
    request_sha256: str | None = None


class State(Value):
    """Where a saga stands. A saga adds its own fields; these stand in fields of `SagaAdvanced` already."""

    status: Status
    step: str
    steps: tuple[StepState, ...]

    @classmethod
    def of(cls, event: SagaAdvanced) -> Self:
        """Return the state that `event` tells of."""
        own: dict[str, Any] = json.loads(event.state)
        return cls.model_validate({**own, "status": event.status, "step": event.step, "steps": event.steps})

    @property
    def subject(self) -> Subject:
        """Return what the saga is about."""
        return Subject()

    def own_json(self) -> str:
        """Return the saga's own fields as JSON text, keys sorted, for `SagaAdvanced.state`."""
        own = self.model_dump(mode="json", exclude={"status", "step", "steps"})
        return json.dumps(own, sort_keys=True, ensure_ascii=False)


StateT = TypeVar("StateT", bound=State)


@dataclass(frozen=True)
class Given:
    """What a saga is told besides its state and the message: settings, and what was checked about the message."""

    text_deadline: timedelta = timedelta(seconds=30)
    verified: bool = False


@dataclass(frozen=True)
class Advanced:
    """One step taken: the new state, what has to be sent (facts before others), when to be reminded, how it ended."""

    state: State
    outputs: tuple[Message, ...] = ()
    deadline_at: datetime | None = None
    outcomes: tuple[Outcome, ...] = ()
    problem: Problem | None = None


Advance = Callable[[StateT | None, Message, Given], Advanced | None]


def is_awaited(table: Sequence[Step], step: str, message: Message) -> bool:
    """Tell whether `step` takes a message of this type."""
    return any(row.name == step and isinstance(message, row.awaits) for row in table)


def effect_of(cause: Message, kind: type[Message], role: str, *, aggregate_id: str, aggregate_version: int = 0) -> Meta:
    """Return the envelope of an effect of `cause`: id, time and actor follow from it, so that a repeat is the same."""
    return kind.meta_for(
        event_id=derive(cause.meta.event_id, role),
        aggregate_id=aggregate_id,
        aggregate_version=aggregate_version,
        occurred_at=cause.meta.occurred_at,
        correlation_id=cause.meta.correlation_id,
        causation_id=cause.meta.event_id,
        actor=cause.meta.actor,
        source=SOURCE,
    )


def marked(steps: tuple[StepState, ...], name: str, state: str, at: datetime) -> tuple[StepState, ...]:
    """Return the steps with `name` in `state` since `at`; a step that was not begun yet is put at the end."""
    new = StepState(name=name, state=state, at=at)
    if all(step.name != name for step in steps):
        return (*steps, new)
    return tuple(new if step.name == name else step for step in steps)


def problem_of(error: ArtStoreError) -> Problem:
    """Return the problem document of an error, as the operation shows it."""
    return Problem(
        type=f"urn:artstore:problem:{error.code}",
        title=error.title,
        status=status_of(error),
        detail=error.detail,
        code=error.code,
        errors=tuple(ProblemField(pointer=wrong.pointer, detail=wrong.detail) for wrong in error.errors) or None,
    )
