"""Trails: every event stands under its cause, also where a request, a command or a reply stood between them."""

from datetime import timedelta
from typing import Any

from infra.cli.trails import trail_lines
from schemas.api.events import ActorBody, EventBody
from tests.builders import NOW


def an_event(event_id: str, type_name: str, causation_id: str | None, **payload: Any) -> EventBody:
    return EventBody(
        topic="t",
        partition=0,
        offset=0,
        event_id=event_id,
        type=f"artstore.{type_name}",
        aggregate_type="a",
        aggregate_id="x",
        aggregate_version=1,
        occurred_at=NOW + timedelta(seconds=len(event_id)),
        correlation_id="c",
        causation_id=causation_id,
        actor=ActorBody(subject="s", login="anna", full_name="Анна"),
        payload=payload,
    )


def depths(lines: list[str]) -> list[tuple[int, str]]:
    return [((len(line) - len(line.lstrip())) // 2, line.split()[1]) for line in lines]


def test_damage_is_told_by_the_version_of_the_document_and_by_what_is_wrong_with_it() -> None:
    payload = {"document_version": 2, "part": "body", "reason": "digest", "found_by": "scrub"}
    damaged = an_event("1", "DocumentDamaged", None, **payload)
    mended = an_event("22", "DocumentMended", "1", document_version=2, found_by="read")
    events = [each.model_copy(update={"aggregate_type": "fixity"}) for each in (damaged, mended)]
    first, second = trail_lines(events)
    assert "DocumentDamaged document x v2 (body, digest, scrub)" in first
    assert second.startswith("  ")
    assert "DocumentMended document x v2 (read)" in second


def test_a_trail_closes_over_messages_that_are_no_longer_kept() -> None:
    events = [
        an_event("saga-1", "SagaAdvanced", "request", cause_type="artstore.UploadRequested", outputs=[]),
        an_event("fact-1", "DocumentCommitted", "request"),
        an_event(
            "saga-2",
            "SagaAdvanced",
            "reply",
            cause_type="artstore.ContentCommitted",
            cause_causation_id="fact-1",
            outputs=[{"topic": "t", "type": "artstore.ExtractText", "id": "command"}],
        ),
        an_event("text-1", "TextExtracted", "command"),
    ]
    assert depths(trail_lines(events)) == [
        (0, "SagaAdvanced"),
        (0, "DocumentCommitted"),
        (1, "SagaAdvanced"),
        (2, "TextExtracted"),
    ]


def test_a_line_says_what_moved_the_saga() -> None:
    [line] = trail_lines([an_event("saga-1", "SagaAdvanced", "request", cause_type="artstore.UploadRequested")])
    assert "on UploadRequested" in line
    assert "by anna" in line
