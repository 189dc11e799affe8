"""How an operation is shown: what the views hold of it, what counts as ended, and what is too young to be known."""

from datetime import datetime, timedelta

from api_gateway.ports import Operation
from schemas.api.operations import OperationBody
from schemas.identifiers import is_uuid, time_of

INDEXING, ACCEPTED = "indexing", "accepted"
# A gateway whose clock is a little ahead of ours makes ids from our future.
CLOCK_LEEWAY = timedelta(seconds=60)


def shown(operation: Operation) -> OperationBody:
    """Return the operation as people see it: it has succeeded only when the views hold what it made."""
    waits = operation.status == "succeeded" and not operation.found
    return OperationBody(
        operation_id=operation.operation_id,
        kind=operation.kind,
        state="running" if waits else operation.status,
        step=INDEXING if waits else operation.step,
        document_id=operation.document_id,
        problem=operation.problem,
        started_at=operation.started_at,
        finished_at=None if waits else operation.finished_at,
        steps=operation.steps,
    )


def accepted(operation_id: str, now: datetime, deadline_max: timedelta) -> OperationBody | None:
    """Return an upload that the views need not know yet, judged by the time inside its id; None for any other id."""
    try:
        begun = time_of(operation_id) if is_uuid(operation_id) else None
    except ValueError:
        begun = None
    if begun is None or not -CLOCK_LEEWAY <= now - begun <= deadline_max:
        return None
    return OperationBody(operation_id=operation_id, kind="upload", state="running", step=ACCEPTED, started_at=begun)


def preferred_wait(prefer: str | None, longest: int) -> int | None:
    """Return the seconds of `wait=N` in a Prefer header (RFC 7240), at most `longest`; None without a valid one."""
    for preference in (prefer or "").split(","):
        name, _, value = preference.split(";")[0].partition("=")
        seconds = value.strip().strip('"')
        if name.strip().lower() == "wait" and seconds.isdecimal() and seconds.isascii():
            return min(int(seconds[:9]), longest)
    return None
