"""The saga of an upload, told step by step."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from schemas.api.body import Problem
from schemas.commands import AbandonUpload, ExtractText
from schemas.envelope import Message
from schemas.errors import Corrupted
from schemas.events import SagaAdvanced
from schemas.registry import decode
from stream_processors.sagas.decision import decide
from stream_processors.sagas.saga import Given
from stream_processors.sagas.upload import ABANDON_AGAIN, RENEWED_AT_LEAST
from tests.builders import NOW, a_content_committed, an_upload_request
from tests.sagas import stories
from tests.sagas.harness import World
from tests.sagas.stories import a_deadline, abandoned, asked_by, in_progress, refused, text_finished

REQUEST = an_upload_request()
SAGA = REQUEST.meta.aggregate_id
DEADLINE = a_deadline(SAGA, 1, NOW + timedelta(hours=24))


async def after(messages: Sequence[Message]) -> tuple[SagaAdvanced, list[Message]]:
    """Return where the saga stands after `messages`, and what the last one made it send."""
    world = World()
    await world.deliver_all(messages)
    event = await world.event(SAGA)
    return event, [decode(output.value) for output in event.outputs]


def steps(event: SagaAdvanced) -> dict[str, str]:
    return {step.name: step.state for step in event.steps}


async def test_a_request_waits_for_content_until_its_own_deadline() -> None:
    event, outputs = await after([REQUEST])
    assert (event.kind, event.status, event.step, outputs) == ("upload", "running", "content", [])
    assert steps(event) == {"request": "done", "content": "running"}
    assert (event.deadline_at, event.deadline_token) == (REQUEST.deadline_at, 1)
    assert (event.document_id, event.element_id) == (REQUEST.document_id, REQUEST.element_id)
    assert event.request_sha256 == REQUEST.request_sha256
    assert event.meta.actor == REQUEST.meta.actor
    assert event.started_at == REQUEST.meta.occurred_at


async def test_committed_content_asks_its_element_for_text() -> None:
    committed = a_content_committed(REQUEST)
    event, outputs = await after([REQUEST, committed])
    (command,) = outputs
    assert isinstance(command, ExtractText)
    assert command.meta.aggregate_id == REQUEST.element_id
    assert command.meta.correlation_id == SAGA
    assert (command.document_id, command.document_version) == (REQUEST.document_id, 1)
    assert event.deadline_at == committed.meta.occurred_at + timedelta(seconds=30)
    assert steps(event) == {"request": "done", "content": "done", "text": "running"}


async def test_text_ends_it_with_the_versions_that_the_views_must_hold() -> None:
    event, _ = await after([REQUEST, a_content_committed(REQUEST), text_finished(REQUEST)])
    held = {(outcome.aggregate_type, outcome.aggregate_id): outcome.version for outcome in event.outcomes}
    assert event.status == "succeeded"
    assert held == {("document", REQUEST.document_id): 1, ("text", REQUEST.document_id): 1}


async def test_silence_about_the_text_ends_it_with_the_document_alone() -> None:
    event, _ = await after([REQUEST, a_content_committed(REQUEST), a_deadline(SAGA, 2, NOW)])
    assert [outcome.aggregate_type for outcome in event.outcomes] == ["document"]
    assert (event.status, steps(event)["text"]) == ("succeeded", "skipped")


async def test_a_refusal_by_policy_fails_it_with_the_agents_own_problem() -> None:
    event, _ = await after([REQUEST, refused(REQUEST)])
    assert event.problem is not None
    problem = Problem.model_validate_json(event.problem)
    assert (event.status, problem.code, problem.status) == ("failed", "type_refused", 415)
    assert steps(event) == {"request": "done", "content": "failed"}


async def test_a_refusal_whose_problem_cannot_be_read_still_has_its_code() -> None:
    event, _ = await after([REQUEST, refused(REQUEST, "<html>")])
    assert event.problem is not None
    assert Problem.model_validate_json(event.problem).code == "type_refused"


async def test_the_deadline_asks_the_element_to_give_up_and_asks_again() -> None:
    event, outputs = await after([REQUEST, DEADLINE])
    (command,) = outputs
    assert isinstance(command, AbandonUpload)
    assert (command.ticket_id, command.meta.event_id) == (REQUEST.ticket_id, asked_by(DEADLINE))
    assert (event.status, event.step) == ("compensating", "abandon")
    assert event.deadline_at == DEADLINE.meta.occurred_at + ABANDON_AGAIN
    again, (other,) = await after([REQUEST, DEADLINE, a_deadline(SAGA, 2, NOW + timedelta(hours=25))])
    assert isinstance(other, AbandonUpload)
    assert other.meta.event_id != command.meta.event_id
    assert again.meta.aggregate_version == 3


async def test_a_deadline_with_an_old_token_is_ignored() -> None:
    event, _ = await after([REQUEST, a_content_committed(REQUEST), DEADLINE])
    assert event.step == "text"


async def test_an_abandoned_upload_fails_and_tells_the_last_refusal() -> None:
    event, _ = await after([REQUEST, DEADLINE, abandoned(REQUEST, stories.REFUSAL)])
    assert event.problem is not None
    problem = Problem.model_validate_json(event.problem)
    assert (event.status, problem.code, problem.status) == ("failed", "upload_abandoned", 410)
    assert problem.errors is not None
    assert problem.errors[0].detail.startswith("type_refused:")
    assert steps(event) == {"request": "done", "content": "failed", "abandon": "done"}


async def test_arriving_bytes_renew_the_deadline_up_to_its_cap() -> None:
    at = NOW + timedelta(hours=24, minutes=1)
    event, _ = await after([REQUEST, DEADLINE, in_progress(REQUEST, asked_by(DEADLINE), at)])
    assert (event.status, event.step, event.deadline_at) == ("running", "content", REQUEST.deadline_at_max)
    last = REQUEST.deadline_at_max + timedelta(minutes=1)
    event, _ = await after([REQUEST, DEADLINE, in_progress(REQUEST, asked_by(DEADLINE), last)])
    assert event.deadline_at == last + RENEWED_AT_LEAST


async def test_an_answer_to_an_earlier_question_does_not_renew_the_deadline() -> None:
    again = a_deadline(SAGA, 2, NOW + timedelta(hours=25))
    event, _ = await after([REQUEST, DEADLINE, again, in_progress(REQUEST, asked_by(DEADLINE), NOW)])
    assert event.step == "abandon"


async def test_content_of_an_unknown_upload_begins_it_behind_the_pivot() -> None:
    event, outputs = await after([a_content_committed(REQUEST)])
    assert (event.status, event.step, len(outputs)) == ("running", "text", 1)
    assert steps(event) == {"request": "skipped", "content": "done", "text": "running"}


async def test_replies_about_unknown_uploads_begin_nothing() -> None:
    world = World()
    await world.deliver_all([text_finished(REQUEST), abandoned(REQUEST), refused(REQUEST), DEADLINE])
    assert world.log.distinct == set()


def test_a_saga_of_a_kind_that_only_a_newer_release_knows_is_not_passed_over_in_silence() -> None:
    begun = decide(None, an_upload_request(), Given())
    assert begun is not None
    newer = begun.model_copy(update={"kind": "transfer"})
    with pytest.raises(Corrupted, match="transfer"):
        decide(newer, an_upload_request(), Given())
