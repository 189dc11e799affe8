"""Operations: what counts as ended, waiting for it, and what is too young to be known."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from api_gateway.inbox import pause_after
from api_gateway.operations import preferred_wait
from api_gateway.ports import Operation
from api_gateway.routes.operations import _events, _unbroken
from schemas.api.body import Problem
from schemas.api.operations import StepBody
from schemas.identifiers import derive, new_id
from tests.builders import NOW
from tests.unit.api_gateway.edge import Edge, assert_problem

OPERATION = Operation(
    operation_id=new_id(NOW),
    kind="upload",
    status="running",
    step="content",
    started_at=NOW,
    found=False,
    document_id=derive("d", "document"),
    steps=(StepBody(name="request", state="done", at=NOW),),
)
PATH = f"/operations/{OPERATION.operation_id}"


def known(edge: Edge, **changes: object) -> None:
    edge.views.operations[OPERATION.operation_id] = replace(OPERATION, **changes)  # type: ignore[arg-type]


async def test_success_is_shown_only_once_it_is_found(edge: Edge) -> None:
    known(edge, status="succeeded", finished_at=NOW, found=False)
    early = (await edge.get(PATH, "reader")).json()
    assert (early["state"], early["step"], early["finished_at"]) == ("running", "indexing", None)
    known(edge, status="succeeded", step="text", finished_at=NOW, found=True)
    late = (await edge.get(PATH, "reader")).json()
    assert (late["state"], late["step"], late["finished_at"]) == ("succeeded", "text", "2026-11-24T10:30:15.123456Z")
    assert late["steps"] == [{"name": "request", "state": "done", "at": "2026-11-24T10:30:15.123456Z"}]


async def test_a_failure_shows_its_problem(edge: Edge) -> None:
    problem = Problem(type="t", title="T", status=410, detail="D", code="upload_abandoned")
    known(edge, status="failed", problem=problem, finished_at=NOW)
    body = (await edge.get(PATH)).json()
    assert (body["state"], body["problem"]["code"]) == ("failed", "upload_abandoned")


async def test_waiting_ends_as_soon_as_the_operation_is_settled(edge: Edge) -> None:
    known(edge)
    begun = time.monotonic()
    asked = asyncio.create_task(edge.get(PATH, Prefer="wait=30"))
    await asyncio.sleep(0.2)
    known(edge, status="succeeded", found=False)
    await asyncio.sleep(0.2)
    assert not asked.done()
    known(edge, status="succeeded", found=True)
    answer = await asked
    assert (answer.json()["state"], answer.headers["Preference-Applied"]) == ("succeeded", "wait=30")
    assert time.monotonic() - begun < 5


async def test_waiting_ends_with_its_time(edge: Edge) -> None:
    known(edge)
    begun = edge.clock.monotonic()
    asked = asyncio.create_task(edge.get(PATH, Prefer="wait=2"))
    async with asyncio.timeout(10):
        # The clock goes on: at which of its moments the request begins to wait is not ours to know.
        while not asked.done():
            edge.clock.advance(0.5)
            await asyncio.sleep(0.05)
    answer = await asked
    assert edge.clock.monotonic() - begun >= 2
    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    assert answer.headers["Preference-Applied"] == "wait=2"
    assert "Preference-Applied" not in (await edge.get(PATH)).headers


async def test_an_id_that_is_younger_than_its_ticket_is_accepted(edge: Edge) -> None:
    body = (await edge.get(PATH)).json()
    assert (body["state"], body["step"], body["started_at"]) == ("running", "accepted", "2026-11-24T10:30:15.123000Z")
    edge.clock.advance(timedelta(hours=48, seconds=1).total_seconds())
    assert_problem(await edge.get(PATH), 404, "not_found")


@pytest.mark.parametrize(
    "name",
    ["x", derive("a", "b"), new_id(NOW + timedelta(hours=1)), OPERATION.operation_id.upper()],
    ids=["no-uuid", "derived", "from-the-future", "upper-case"],
)
async def test_any_other_unknown_operation_is_not_found_at_once(edge: Edge, name: str) -> None:
    begun = time.monotonic()
    assert_problem(await edge.get(f"/operations/{name}", Prefer="wait=30"), 404, "not_found")
    # Half of what it would have waited, not what an answer takes: that is the machine's affair.
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None), ("", None), ("wait=5", 5), ("respond-async, wait=5", 5), ("Wait = 5; x=1", 5), ('wait="7"', 7),
        ("wait=99999999999999999999", 30), ("wait=0", 0), ("wait=-1", None), ("wait=x", None), ("wait", None),
        ("wait=²", None),
    ],
)  # fmt: skip
def test_the_preference_is_read_as_it_is_written(prefer: str | None, seconds: int | None) -> None:
    assert preferred_wait(prefer, 30) == seconds


def events_in(text: str) -> list[dict[str, object]]:
    return [json.loads(event.removeprefix("data: ")) for event in text.split("\n\n") if event.startswith("data: ")]


async def test_an_operation_is_followed_change_by_change_until_it_has_ended(edge: Edge) -> None:
    known(edge)
    events = _events(edge.parts, OPERATION.operation_id, None)
    lines = [await anext(events)]
    known(edge, status="succeeded", step="text", finished_at=NOW, found=False)
    lines.append(await anext(events))
    known(edge, status="succeeded", step="text", finished_at=NOW, found=True)
    lines += [line async for line in events]
    told = events_in("".join(lines))
    assert [(event["state"], event["step"]) for event in told] == [
        ("running", "content"),
        ("running", "indexing"),
        ("succeeded", "text"),
    ]
    answer = await edge.get(f"{PATH}/events", "reader")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert told[-1:] == events_in(answer.text) == [(await edge.get(PATH)).json()]


async def test_following_needs_the_permission_and_an_operation(edge: Edge) -> None:
    assert_problem(await edge.get(f"{PATH}/events", "stranger"), 403, "permission_denied")
    assert_problem(await edge.get("/operations/nothing/events"), 404, "not_found")


async def test_a_stop_ends_what_is_followed(edge: Edge) -> None:
    known(edge)
    stopping = asyncio.Event()
    stopping.set()
    events = [line async for line in _events(edge.parts, OPERATION.operation_id, stopping)]
    assert len(events_in("".join(events))) == 1


async def test_what_is_followed_ends_in_order_when_the_views_go_away(edge: Edge) -> None:
    known(edge)
    lines = _unbroken(_events(edge.parts, OPERATION.operation_id, None))
    assert len(events_in(await anext(lines))) == 1
    edge.views.away = True
    assert [line async for line in lines] == [": database_unavailable\n\n"]


def test_who_waits_is_answered_at_most_an_eighth_late_and_the_views_are_not_asked_without_end() -> None:
    assert [pause_after(waited) for waited in (0.0, 0.08, 0.4, 60.0)] == pytest.approx([0.01, 0.01, 0.05, 0.1])
