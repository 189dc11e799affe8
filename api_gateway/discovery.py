"""Which elements there are and where: Redis for those that are there now, the view when Redis cannot tell."""

from collections.abc import Sequence
from typing import Protocol

from redis.asyncio import Redis

from api_gateway.ports import Element, Views
from projections.elements.discovery import Discovered, discovered
from schemas.elements import Mode
from schemas.errors import DependencyUnavailable
from schemas.events import Capacity


class Discovery(Protocol):
    """What tells of elements that can be reached."""

    async def elements(self) -> Sequence[Element]:
        """Return elements with their newest heartbeat; some may be offline by now. DependencyUnavailable."""
        ...


class RedisDiscovery:
    """Redis first; the view, which is a little slower and never forgets, when Redis is away or knows none."""

    def __init__(self, redis: Redis, views: Views) -> None:
        self._redis = redis
        self._views = views

    async def elements(self) -> Sequence[Element]:
        """Return elements with their newest heartbeat."""
        try:
            found = await discovered(self._redis)
        except DependencyUnavailable:
            found = ()
        return tuple(map(_element, found)) or await self._views.list_elements()


class ViewDiscovery:
    """The double without Redis: whatever the views hold."""

    def __init__(self, views: Views) -> None:
        self._views = views

    async def elements(self) -> Sequence[Element]:
        """Return elements with their newest heartbeat."""
        return await self._views.list_elements()


async def find(discovery: Discovery, views: Views, element_id: str) -> Element | None:
    """Return the element with this id, online or not; None when neither discovery nor the views know it."""
    return _with_id(await discovery.elements(), element_id) or _with_id(await views.list_elements(), element_id)


def _with_id(elements: Sequence[Element], element_id: str) -> Element | None:
    return next((element for element in elements if element.element_id == element_id), None)


def _element(found: Discovered) -> Element:
    return Element(
        element_id=found.element_id,
        name=found.name,
        mode=Mode(found.mode),
        mode_epoch=found.mode_epoch,
        url=found.url,
        capacity=Capacity(total=found.total_bytes, used=found.used_bytes, free=found.free_bytes),
        at=found.last_seen_at,
    )
