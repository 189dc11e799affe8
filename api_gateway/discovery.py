"""Which elements there are and where: Redis for those that are there now, the view when Redis cannot tell."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from redis.asyncio import Redis

from api_gateway.placement import is_online, judged_at
from api_gateway.ports import Element, Views
from projections.elements.discovery import Discovered, discovered
from schemas.elements import Mode
from schemas.errors import ConfigurationInvalid, DatabaseUnavailable, DependencyUnavailable
from schemas.events import Capacity


class Discovery(Protocol):
    """What tells of elements that can be reached."""

    async def elements(self) -> Sequence[Element]:
        """Return elements with their newest heartbeat; some may be offline by now. DatabaseUnavailable."""
        ...


class RedisDiscovery:
    """Redis first; the view, which is a little slower and never forgets, when Redis is away or knows none.

    What was told last is remembered for the time when neither answers: elements come and go seldom.
    """

    def __init__(self, redis: Redis, views: Views) -> None:
        self._redis = redis
        self._views = views
        self._told: Sequence[Element] = ()

    async def elements(self) -> Sequence[Element]:
        """Return elements with their newest heartbeat."""
        try:
            self._told = await self._asked()
        except DatabaseUnavailable:
            if not self._told:
                raise
        return self._told

    async def _asked(self) -> Sequence[Element]:
        try:
            found = await discovered(self._redis)
        except (DependencyUnavailable, ConfigurationInvalid):
            # A password that was changed under way is one more way of being away; at a start it is refused.
            found = ()
        return tuple(map(_element, found)) or await self._views.list_elements()


class ViewDiscovery:
    """The double without Redis: whatever the views hold."""

    def __init__(self, views: Views) -> None:
        self._views = views

    async def elements(self) -> Sequence[Element]:
        """Return elements with their newest heartbeat."""
        return await self._views.list_elements()


class Found(NamedTuple):
    """An element, and whether its agent counts as there."""

    element: Element
    is_there: bool


async def find(discovery: Discovery, views: Views, element_id: str, now: datetime) -> Found | None:
    """Return the element with this id; None when neither discovery nor the views know it."""
    for ask in (discovery.elements, views.list_elements):
        told = await ask()
        element = next((element for element in told if element.element_id == element_id), None)
        if element is not None:
            return Found(element, is_online(element, judged_at(told, now)))
    return None


def _element(found: Discovered) -> Element:
    return Element(
        element_id=found.element_id,
        name=found.name,
        mode=Mode(found.mode),
        mode_epoch=found.mode_epoch,
        url=found.url,
        capacity=Capacity(total=found.total_bytes, used=found.used_bytes, free=found.free_bytes),
        at=found.last_seen_at,
        damaged=found.damaged,
        scrub=found.scrub,
    )
