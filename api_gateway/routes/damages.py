"""Damages: the versions that some storage element found to be not what they should be."""

from fastapi import APIRouter

from api_gateway.dependencies import PAGE_LIMIT, Cursor, ElementReader, Given, Limit, Reader
from schemas.api.body import Page
from schemas.api.fixity import DamageBody

router = APIRouter(prefix="/api/v1/damages", tags=["damages"])


@router.get("")
async def list_damages(
    _who: ElementReader, _also: Reader, parts: Given, limit: Limit = PAGE_LIMIT, cursor: Cursor = None
) -> Page[DamageBody]:
    """List the versions that are damaged now, the newest damage first, to who may see elements and documents."""
    return await parts.views.list_damages(limit, cursor)
