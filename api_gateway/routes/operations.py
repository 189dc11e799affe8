"""Operations: how far a change has come, now or as soon as it has ended."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from api_gateway.dependencies import Given, OperationReader, Parts
from api_gateway.inbox import FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS
from api_gateway.operations import accepted, preferred_wait, shown
from api_gateway.ports import Operation
from infra.runtime.lifecycle import STOPPING
from schemas.api.operations import OperationBody
from schemas.errors import NotFound

router = APIRouter(prefix="/api/v1/operations", tags=["operations"])

WAIT_SECONDS_MAX = 30


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
    body = shown(known) if known else accepted(operation_id, parts.clock.now(), parts.upload_deadline_max)
    if body is None:
        raise NotFound
    return body


async def _settled(parts: Parts, operation_id: str, seconds: int, stopping: asyncio.Event | None) -> Operation | None:
    """Return what is known once it is settled, the time is over, or this program stops."""
    known = await parts.views.find_operation(operation_id)
    if known is None and accepted(operation_id, parts.clock.now(), parts.upload_deadline_max) is None:
        return None
    end = parts.clock.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    while not (known and known.is_settled) and (left := end - parts.clock.monotonic()) > 0:
        if stopping is not None and stopping.is_set():
            break
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, LAST_PAUSE_SECONDS)
        known = await parts.views.find_operation(operation_id)
    return known
