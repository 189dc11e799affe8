"""Events of the log, decoded, for auditors."""

from typing import Annotated

from fastapi import APIRouter, Query

from api_gateway.dependencies import PAGE_LIMIT, Cursor, EventReader, Given, Limit
from schemas.api.body import Page
from schemas.api.events import EventBody

router = APIRouter(prefix="/api/v1/events", tags=["events"])

Identifier = Annotated[str | None, Query(max_length=64)]


@router.get("")
async def list_events(
    _who: EventReader,
    parts: Given,
    document_id: Identifier = None,
    correlation_id: Identifier = None,
    limit: Limit = PAGE_LIMIT,
    cursor: Cursor = None,
) -> Page[EventBody]:
    """List events in the order in which they occurred, of one document or one operation when named."""
    return await parts.views.list_events(
        document_id=document_id, correlation_id=correlation_id, limit=limit, cursor=cursor
    )
