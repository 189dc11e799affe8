"""The question to the view `operations`: how far one has come, and whether the views hold what it made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import asyncpg

from projections.reading import reading, storable


@dataclass(frozen=True)
class StepView:
    """One step of a saga."""

    name: str
    state: str
    at: datetime


@dataclass(frozen=True)
class OperationView:
    """An operation. `status` is the saga's own word; it counts as succeeded for people only once it is `found`.

    `request` holds the fields of the first request, secrets left out (None: the inbox does not keep it any more, or
    the saga was begun by a reply), `version` the saga's (0: not yet begun, step `accepted`).
    """

    operation_id: str
    kind: str
    status: str
    step: str
    version: int
    subject: str
    request_sha256: str | None
    document_id: str | None
    element_id: str | None
    request: Mapping[str, Any] | None
    actor: Mapping[str, Any] | None
    requested_at: datetime | None
    steps: tuple[StepView, ...]
    outcomes: tuple[Mapping[str, Any], ...]
    problem: Mapping[str, Any] | None
    started_at: datetime
    finished_at: datetime | None
    found: bool


async def operation(pool: asyncpg.Pool, operation_id: str) -> OperationView | None:
    """Return the operation, None when the view knows neither request nor saga. DatabaseUnavailable, ViewsBehind."""
    async with reading():
        record = await pool.fetchrow(_statement(), storable(operation_id))
    if record is None:
        return None
    steps = tuple(StepView(step["name"], step["state"], datetime.fromisoformat(step["at"])) for step in record["steps"])
    return OperationView(**{**record, "steps": steps, "outcomes": tuple(record["outcomes"])})


@cache
def _statement() -> str:
    return files("projections.operations").joinpath("operation.sql").read_text(encoding="utf-8")
