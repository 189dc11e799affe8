"""Searching documents by their words."""

from typing import Annotated

from fastapi import APIRouter, Query

from api_gateway.dependencies import PAGE_LIMIT, Cursor, Given, Limit, Searcher
from schemas.api.body import Page
from schemas.api.documents import HitBody
from schemas.errors import FieldError, Malformed

router = APIRouter(prefix="/api/v1/search", tags=["search"])

WORDS_MAX = 1000


@router.get("")
async def search(
    _who: Searcher,
    parts: Given,
    q: Annotated[str, Query(max_length=WORDS_MAX, description="Words in any of their forms.")] = "",
    limit: Limit = PAGE_LIMIT,
    cursor: Cursor = None,
) -> Page[HitBody]:
    """Find documents, best first; snippets show where the words stand."""
    words = q.replace("\0", " ").strip()
    if not words:
        raise Malformed("There is nothing to search for.", errors=(FieldError("query/q", "holds no word"),))
    return await parts.views.search(words, limit, cursor)
