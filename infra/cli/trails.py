"""An event trail as an indented tree: every event stands under the one that caused it."""

from collections.abc import Iterable, Iterator, Mapping

from infra.cli.client import ArchiveClient
from schemas.api.events import EventBody

PREFIX = "artstore."
Children = Mapping[str | None, list[EventBody]]


def whole_trail(client: ArchiveClient, document_id: str) -> list[EventBody]:
    """Events of the document and of every operation that touched it, in the order in which they occurred."""
    events = {event.event_id: event for event in client.events(document_id=document_id)}
    for correlation_id in sorted({event.correlation_id for event in events.values()}):
        events.update((event.event_id, event) for event in client.events(correlation_id=correlation_id))
    return sorted(events.values(), key=lambda event: (event.occurred_at, event.event_id))


def trail_lines(events: Iterable[EventBody]) -> list[str]:
    """One line per event, two spaces deeper than its cause; an event whose cause is not among them begins a tree.

    Between two events stand requests, commands and replies, which are not kept for ever. A saga's step knows the
    message that moved it and what caused that one, and the messages that it sent: so the tree closes over them.
    """
    known = {event.event_id: event for event in events}
    senders = {sent: event.event_id for event in known.values() for sent in _sent(event)}
    children: dict[str | None, list[EventBody]] = {}
    for event in known.values():
        children.setdefault(_cause(event, known, senders), []).append(event)
    return [f"{'  ' * depth}{_line(event)}" for depth, event in _walk(children, None, 0)]


def _cause(event: EventBody, known: Mapping[str, EventBody], senders: Mapping[str, str]) -> str | None:
    named = (event.causation_id, event.payload.get("cause_causation_id"))
    found = (senders.get(name, name) for name in named if isinstance(name, str))
    return next((name for name in found if name in known and name != event.event_id), None)


def _sent(event: EventBody) -> Iterator[str]:
    outputs = event.payload.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict) and isinstance(output.get("id"), str):
            yield output["id"]


def _walk(children: Children, cause: str | None, depth: int) -> Iterator[tuple[int, EventBody]]:
    # Causes point back in time, so there is no circle; a forged one would have no root and is not reached.
    for event in children.get(cause, []):
        yield depth, event
        yield from _walk(children, event.event_id, depth + 1)


def _line(event: EventBody) -> str:
    when = event.occurred_at.isoformat(timespec="milliseconds")
    what = f"{event.type.removeprefix(PREFIX)} {_about(event)}"
    where = f"{event.topic}/{event.partition}@{event.offset}"
    cause = event.payload.get("cause_type")
    because = f"  on {cause.removeprefix(PREFIX)}" if isinstance(cause, str) else ""
    return f"{when}  {what}{because}  by {event.actor.login}  {where}"


def _about(event: EventBody) -> str:
    if event.aggregate_type != "fixity":
        return f"{event.aggregate_type} {event.aggregate_id} v{event.aggregate_version}"
    # The version of fixity is a time in microseconds: what people know is the version of the document.
    told = [str(event.payload[name]) for name in ("part", "reason", "found_by") if name in event.payload]
    return f"document {event.aggregate_id} v{event.payload.get('document_version')} ({', '.join(told)})"
