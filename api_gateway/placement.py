"""Which element takes an upload: a pure choice among those that are online."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from api_gateway.ports import Element
from schemas.elements import Mode
from schemas.errors import AgentUnavailable, ElementUnavailable

ONLINE_FOR = timedelta(seconds=10)
# Where nobody chooses, an element that can also delete again comes first.
TAKING = (Mode.EDIT, Mode.READ_WRITE)


def is_online(element: Element, now: datetime) -> bool:
    """Tell whether the element's agent has told of itself within the last ten seconds, and where it is."""
    return element.at is not None and element.url is not None and now - element.at <= ONLINE_FOR


def judged_at(elements: Iterable[Element], now: datetime) -> datetime:
    """Return the moment to judge the elements at: now, or the newest word of any, when none has spoken since.

    Heartbeats come by way of the log and the projector. When those are away every element is silent at once, and that
    says nothing about the agents: who was there then counts as there.
    """
    return min(now, max((element.at for element in elements if element.at is not None), default=now))


def refusal(element: Element, size: int, now: datetime) -> str | None:
    """Return why the element does not take `size` bytes now, or None when it does."""
    if not is_online(element, now):
        return f"The agent of element {element.name} is offline."
    if element.mode not in TAKING:
        return f"Element {element.name} is in mode {element.mode} and takes no uploads."
    if element.capacity is None or element.capacity.free < size:
        return f"Element {element.name} has no room for {size} bytes."
    return None


def place(elements: Iterable[Element], wanted: str | None, size: int, now: datetime) -> Element:
    """Return the element for an upload of `size` bytes: the one wanted (by id or name), else the first that takes it.

    ElementUnavailable says why there is none; AgentUnavailable when nobody chose and an agent that is away may come
    back. The order is by mode (edit, rw), then name, then id.
    """
    candidates = sorted(_named(elements, wanted), key=_order)
    reasons = [refusal(element, size, now) for element in candidates]
    for element, reason in zip(candidates, reasons, strict=True):
        if reason is None:
            return element
    if wanted is None and (not candidates or any(_may_come_back(element, now) for element in candidates)):
        raise AgentUnavailable("No storage element that takes uploads is online. Repeat the request in a moment.")
    message = " ".join(filter(None, reasons)) or f"There is no storage element {wanted!r}, or it is offline."
    raise ElementUnavailable(message)


def _may_come_back(element: Element, now: datetime) -> bool:
    return element.mode in TAKING and not is_online(element, now)


def _named(elements: Iterable[Element], wanted: str | None) -> list[Element]:
    """Return those meant by `wanted`; an id goes before a name that looks like it."""
    known = list(elements)
    if wanted is None:
        return known
    by_id = [element for element in known if element.element_id == wanted]
    return by_id or [element for element in known if element.name == wanted]


def _order(element: Element) -> tuple[int, str, str]:
    rank = TAKING.index(element.mode) if element.mode in TAKING else len(TAKING)
    return rank, element.name, element.element_id
