"""Body of an operation: how far a change has come, for people and programs."""

from datetime import datetime
from typing import Literal

from schemas.api.body import Body, Problem

OperationState = Literal["running", "compensating", "succeeded", "failed", "suspended"]


class StepBody(Body):
    """One step and its state."""

    name: str
    state: str
    at: datetime


class OperationBody(Body):
    """`GET /api/v1/operations/{id}`. `succeeded` means: found at once."""

    operation_id: str
    kind: str
    state: OperationState
    step: str
    document_id: str | None = None
    problem: Problem | None = None
    started_at: datetime
    finished_at: datetime | None = None
    steps: tuple[StepBody, ...] = ()
