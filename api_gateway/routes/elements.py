"""Storage elements as people see them."""

from dataclasses import replace
from datetime import datetime

from fastapi import APIRouter

from api_gateway.dependencies import ElementReader, Given
from api_gateway.placement import is_online
from api_gateway.ports import Element
from schemas.api.body import Page
from schemas.api.elements import CapacityBody, ElementBody
from schemas.api.fixity import ScrubBody

router = APIRouter(prefix="/api/v1/elements", tags=["elements"])


@router.get("")
async def list_elements(_who: ElementReader, parts: Given) -> Page[ElementBody]:
    """List all elements by name, online or not."""
    found = {element.element_id: element for element in await parts.views.list_elements()}
    for element in await parts.discovery.elements():
        found[element.element_id] = _newer(element, found.get(element.element_id))
    now = parts.clock.now()
    ordered = sorted(found.values(), key=lambda element: (element.name, element.element_id))
    return Page(items=tuple(_body(element, now) for element in ordered))


def _newer(told: Element, kept: Element | None) -> Element:
    if kept is None:
        return told
    if kept.at is None or (told.at is not None and told.at >= kept.at):
        return replace(told, last_pass=kept.last_pass)
    return kept


def _body(element: Element, now: datetime) -> ElementBody:
    capacity, scrub = element.capacity, element.scrub
    return ElementBody(
        element_id=element.element_id,
        name=element.name,
        mode=element.mode,
        mode_epoch=element.mode_epoch,
        state="online" if is_online(element, now) else "offline",
        capacity=CapacityBody(total=capacity.total, used=capacity.used, free=capacity.free) if capacity else None,
        last_seen_at=element.at,
        url=element.url,
        damaged=element.damaged,
        scrub=ScrubBody.model_validate(scrub.model_dump()) if scrub else None,
        last_pass=element.last_pass,
    )
