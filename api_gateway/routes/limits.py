"""What this installation allows, so that nobody has to try it out."""

from fastapi import APIRouter

from api_gateway.dependencies import Given, Reader
from schemas.api.limits import LimitsBody

router = APIRouter(prefix="/api/v1/limits", tags=["limits"])


@router.get("")
async def show_limits(_who: Reader, parts: Given) -> LimitsBody:
    """Tell the bounds that an installation sets for itself."""
    return LimitsBody(link_seconds_max=int(parts.link_life_max.total_seconds()))
