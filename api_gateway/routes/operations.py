"""Operations: how far a change has come, now, as soon as it has ended, or followed on its way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from api_gateway.dependencies import Given, OperationReader, Parts
from api_gateway.inbox import pause_after
from api_gateway.operations import accepted, preferred_wait, shown
from api_gateway.ports import Operation
from infra.runtime.lifecycle import STOPPING
from schemas.api.operations import OperationBody
from schemas.errors import NotFound, Transient

router = APIRouter(prefix="/api/v1/operations", tags=["operations"])

WAIT_SECONDS_MAX = 30
FOLLOW_SECONDS_MAX = 900.0
SILENCE_SECONDS_MAX = 15.0


class EventStream(StreamingResponse):
    """Server-sent events, as the HTML standard describes them."""

    media_type = "text/event-stream"


@router.get("/{operation_id}")
async def show_operation(
    operation_id: str,
    _who: OperationReader,
    parts: Given,
    request: Request,
    response: Response,
    prefer: Annotated[str | None, Header(description="`wait=N`: answer when it has ended, after N s at most.")] = None,
) -> OperationBody:
    """Show the operation. `succeeded` means that what it made is found at once."""
    seconds = preferred_wait(prefer, WAIT_SECONDS_MAX)
    if seconds is not None:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    response.headers["Cache-Control"] = "no-store"
    known = await _settled(parts, operation_id, seconds or 0, request.scope.get(STOPPING))
    body = _body(parts, operation_id, known)
    if body is None:
        raise NotFound
    return body


@router.get("/{operation_id}/events", response_class=EventStream)
async def follow_operation(operation_id: str, _who: OperationReader, parts: Given, request: Request) -> Response:
    """Send the operation now and at each change, as server-sent events, until it has ended.

    After fifteen minutes, the life of a token, or when this program stops or cannot ask the views, the stream ends
    without that: ask again.
    """
    known = await parts.views.find_operation(operation_id)
    if _body(parts, operation_id, known) is None:
        raise NotFound
    lines = _unbroken(_events(parts, operation_id, request.scope.get(STOPPING)))
    return EventStream(lines, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _body(parts: Parts, operation_id: str, known: Operation | None) -> OperationBody | None:
    return shown(known) if known else accepted(operation_id, parts.clock.now(), parts.upload_deadline_max)


async def _unbroken(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """End the stream where an answer that had not begun would be a problem: its status is told already."""
    try:
        async for line in lines:
            yield line
    except Transient as error:
        yield f": {error.code}\n\n"


async def _events(parts: Parts, operation_id: str, stopping: asyncio.Event | None) -> AsyncIterator[str]:
    told: OperationBody | None = None
    spoken = parts.clock.monotonic()
    async for known in _states(parts, operation_id, FOLLOW_SECONDS_MAX, stopping):
        body = _body(parts, operation_id, known)
        now = parts.clock.monotonic()
        if body is not None and body != told:
            yield f"data: {body.model_dump_json()}\n\n"
            told, spoken = body, now
        elif now - spoken >= SILENCE_SECONDS_MAX:
            # A comment: what stands between us and the client must not take silence for the end.
            yield ": still here\n\n"
            spoken = now
        if known is not None and known.is_settled:
            return


async def _settled(parts: Parts, operation_id: str, seconds: int, stopping: asyncio.Event | None) -> Operation | None:
    """Return what is known once it is settled, the time is over, or this program stops."""
    known = None
    async for known in _states(parts, operation_id, seconds, stopping):
        if known.is_settled if known else _body(parts, operation_id, None) is None:
            break
    return known


async def _states(
    parts: Parts, operation_id: str, seconds: float, stopping: asyncio.Event | None
) -> AsyncIterator[Operation | None]:
    """Yield what is known of the operation, at once and then again and again for `seconds` or until the stop."""
    end = parts.clock.monotonic() + seconds
    yield await parts.views.find_operation(operation_id)
    while (left := end - parts.clock.monotonic()) > 0 and not (stopping is not None and stopping.is_set()):
        await asyncio.sleep(min(pause_after(seconds - left), left))
        yield await parts.views.find_operation(operation_id)
