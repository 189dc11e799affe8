"""Announcing uploads: what is answered, what stands in the inbox, what is refused, and repeats."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from api_gateway.bodies import BODY_BYTES_MAX
from infra.runtime.security import verify_ticket
from schemas.elements import Mode
from schemas.envelope import Position, Record
from schemas.identifiers import derive
from schemas.requests import UploadRequested
from schemas.ticket import UploadTicket
from schemas.topics import SAGA_INBOX
from tests.builders import EMPTY_SHA256, NOW
from tests.unit.api_gateway.edge import HOT, VAULT, Edge, assert_problem

DESCRIPTION = {
    "media_type": "text/plain",
    "sha256": EMPTY_SHA256,
    "title": "Опись",
    "document_class": "письмо",
    "tags": ["ж", "b"],
    "custom": {"n": 7, "ok": True, "share": 0.5, "s": "1"},
    "retention_class": "years-5",
}


async def test_an_announcement_is_in_the_inbox_before_it_is_answered_with_a_ticket(edge: Edge) -> None:
    answer = await edge.announce(DESCRIPTION)
    assert answer.status_code == 201
    body = answer.json()
    assert answer.headers["Location"] == f"/api/v1/operations/{body['operation_id']}"
    (record,) = edge.publisher.records
    (request,) = edge.published()
    assert isinstance(request, UploadRequested)
    assert (record.topic, record.key.decode()) == (SAGA_INBOX, body["operation_id"])
    assert (request.document_id, request.element_id) == (body["document_id"], body["element_id"])
    assert request.meta.actor.login == "anna"
    assert request.deadline_at == NOW + timedelta(hours=24)
    assert request.description.custom == DESCRIPTION["custom"]
    assert body["upload_url"] == f"http://127.0.0.1:8081/documents/{request.document_id}/versions/1/content"
    ticket = verify_ticket(UploadTicket, body["ticket"], edge.ring, HOT.element_id, NOW)
    assert (ticket.ticket_id, ticket.mode_epoch, ticket.description) == (request.ticket_id, 3, request.description)
    assert ticket.traceparent == record.headers.get("traceparent")


async def test_two_announcements_without_a_key_are_two_documents(edge: Edge) -> None:
    first, second = (await edge.announce()).json(), (await edge.announce()).json()
    assert first["operation_id"] != second["operation_id"]
    assert first["document_id"] != second["document_id"]


async def test_an_element_is_chosen_by_name_or_id_and_refused_with_a_reason(edge: Edge) -> None:
    for wanted in ("vault", VAULT.element_id):
        assert (await edge.announce({"element_id": wanted})).json()["element_id"] == VAULT.element_id
    assert_problem(await edge.announce({"element_id": "nowhere"}), 409, "element_unavailable")
    assert_problem(await edge.announce({"size": 601}), 409, "element_unavailable")
    edge.clock.advance(11)
    # Everybody is silent: that is the log's or the projector's doing, and says nothing about the agents.
    assert (await edge.announce()).json()["element_id"] == HOT.element_id
    edge.views.elements = [replace(HOT, at=None), replace(VAULT, url=None)]
    assert_problem(await edge.announce(), 503, "agent_unavailable")
    assert len(edge.publisher.records) == 3


@pytest.mark.parametrize(
    ("wrong", "pointers"),
    [
        ({"filename": ""}, ["/filename"]),
        ({"filename": "a\0b"}, ["/filename"]),
        ({"filename": "a\nb"}, ["/filename"]),
        ({"filename": "a" * 1025}, ["/filename"]),
        ({"filename": None}, ["/filename"]),
        ({"size": -1}, ["/size"]),
        ({"size": "many"}, ["/size"]),
        ({"sha256": "A" * 64}, ["/sha256"]),
        ({"retention_class": "years-3"}, ["/retention_class"]),
        ({"document_class": "ё" * 33}, ["/document_class"]),
        ({"media_type": "text/plain\r\nX: y"}, ["/media_type"]),
        ({"title": "\0", "tags": ["a", "\0"], "custom": {"a/b": "\0"}}, ["/title", "/tags/1", "/custom/a~1b"]),
        ({"custom": {"n": 2**53}}, ["/custom"]),
        ({"custom": {"n": 10**400}}, ["/custom"]),
        ({"unknown": 1}, ["/unknown"]),
    ],
)
async def test_wrong_fields_are_named_and_nothing_is_asked_for(
    edge: Edge, wrong: dict[str, object], pointers: list[str]
) -> None:
    answer = await edge.announce(wrong)
    assert set(assert_problem(answer, 422, "invalid_request")) == set(pointers), answer.text
    assert edge.publisher.records == []


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"filename": "a", "size": NaN}', '{"filename": "\\ud800", "size": 1}', ""]
)
async def test_a_body_that_is_no_such_object_is_refused(edge: Edge, text: str) -> None:
    headers = {**edge.headers(), "Content-Type": "application/json"}
    answer = await edge.http.post("/api/v1/uploads", content=text.encode(), headers=headers)
    assert_problem(answer, 422, "invalid_request")


async def test_names_are_data_whatever_they_look_like(edge: Edge) -> None:
    for name in ("../../etc/passwd", "a/b", "😀_ё", "\u202egnp.exe", ".", "con"):
        assert (await edge.announce({"filename": name})).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": "ж" * 1000, "custom": {str(n): "ё" * 200 for n in range(12)}}, "/custom"),
        ({"title": "a", "tags": ["ё" * 500] * 10}, "/tags"),
    ],
)
async def test_what_does_not_fit_into_a_ticket_is_refused_by_name_before_it_is_asked_for(
    edge: Edge, body: dict[str, object], pointer: str
) -> None:
    assert assert_problem(await edge.announce(body), 413, "too_large") == [pointer]
    assert edge.publisher.records == []


def every_route() -> list[str]:
    """Return `METHOD /path` of all that the gateway describes, and an address that does not exist."""
    paths = asyncio.run(Edge().http.get("/api/openapi.json")).json()["paths"]
    return [*(f"{method.upper()} {path}" for path, methods in paths.items() for method in methods), "POST /nowhere"]


async def test_a_body_above_its_cap_is_refused_announced_or_streamed(edge: Edge) -> None:
    body = {"custom": {str(n): "ё" * 400 for n in range(90)}}
    assert_problem(await edge.announce(body), 413, "too_large")

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1024

    answer = await edge.http.post("/api/v1/uploads", content=pieces(), headers=edge.headers())
    assert_problem(answer, 413, "too_large")


@pytest.mark.parametrize("route", every_route())
async def test_no_route_takes_a_body_above_the_cap(edge: Edge, route: str) -> None:
    method, _, path = route.partition(" ")
    headers = {**edge.headers("administrator"), "Content-Length": str(BODY_BYTES_MAX + 1)}
    answer = await edge.http.request(method, path, content=bytes(BODY_BYTES_MAX + 1), headers=headers)
    assert_problem(answer, 413, "too_large")


async def test_a_log_that_does_not_acknowledge_is_503_with_retry_after(edge: Edge) -> None:
    edge.publisher.fail(1)
    answer = await edge.announce()
    assert_problem(answer, 503, "log_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_repeat_under_a_key_gets_the_same_answer_and_is_not_published_again(edge: Edge) -> None:
    first = await edge.announce(DESCRIPTION, Idempotency_Key="k-1")
    edge.clock.advance(5)
    again = await edge.announce(DESCRIPTION, Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    names = ("operation_id", "document_id", "version", "element_id", "upload_url", "expires_at")
    assert [first.json()[name] for name in names] == [again.json()[name] for name in names]
    tickets = [
        verify_ticket(UploadTicket, answer.json()["ticket"], edge.ring, HOT.element_id, edge.clock.now())
        for answer in (first, again)
    ]
    assert tickets[0].model_copy(update={"traceparent": None}) == tickets[1].model_copy(update={"traceparent": None})
    assert len(edge.publisher.records) == 1
    assert first.json()["operation_id"] == derive(f"{derive('anna', 'account')}:k-1", "operation")


async def test_a_key_belongs_to_one_account(edge: Edge) -> None:
    first = await edge.announce(Idempotency_Key="k-1")
    other = await edge.announce(login="boris", Idempotency_Key="k-1")
    assert first.json()["operation_id"] != other.json()["operation_id"]


async def test_another_request_under_a_used_key_is_refused(edge: Edge) -> None:
    await edge.announce(Idempotency_Key="k-1")
    other = await edge.announce({"size": 13}, Idempotency_Key="k-1")
    assert_problem(other, 422, "idempotency_key_reused")
    assert len(edge.publisher.records) == 1


async def test_of_two_first_requests_the_one_in_the_views_wins(edge: Edge) -> None:
    """Two gateways have both published under one key: each answers with the first one's ids."""
    await edge.announce(Idempotency_Key="k-1")
    (winner,) = edge.published()
    assert isinstance(winner, UploadRequested)
    late = Edge()
    late.publisher.lags = True
    late.views.operations = {}
    async with late.http:
        publish = late.publisher.publish

        async def first_of_the_other_gateway(record: Record) -> Position:
            late.publisher.fold(winner)
            return await publish(record)

        late.publisher.publish = first_of_the_other_gateway  # type: ignore[method-assign]
        answer = await late.announce(Idempotency_Key="k-1")
    assert answer.json()["document_id"] == winner.document_id


async def test_views_that_do_not_catch_up_are_503_and_a_later_repeat_finds_the_first(edge: Edge) -> None:
    edge.publisher.lags = True
    late = await edge.announce(Idempotency_Key="k-1")
    assert_problem(late, 503, "views_behind")
    assert late.headers["Retry-After"] == "1"
    (request,) = edge.published()
    edge.publisher.fold(request)
    answer = await edge.announce(Idempotency_Key="k-1")
    assert isinstance(request, UploadRequested)
    assert answer.json()["document_id"] == request.document_id
    assert len(edge.publisher.records) == 1


async def test_a_repeat_after_the_element_turned_is_refused_unless_the_upload_has_ended(edge: Edge) -> None:
    first = (await edge.announce(Idempotency_Key="k-1")).json()
    edge.views.elements = [replace(HOT, mode=Mode.READ_ONLY, mode_epoch=4)]
    assert_problem(await edge.announce(Idempotency_Key="k-1"), 409, "element_unavailable")
    edge.views.elements = [replace(HOT, at=NOW - timedelta(seconds=60)), VAULT]
    assert_problem(await edge.announce(Idempotency_Key="k-1"), 503, "agent_unavailable")
    operation = edge.views.operations[first["operation_id"]]
    edge.views.operations[first["operation_id"]] = replace(operation, status="succeeded")
    again = await edge.announce(Idempotency_Key="k-1")
    assert (again.status_code, again.json()["document_id"]) == (201, first["document_id"])


async def test_a_key_whose_request_is_no_longer_kept_cannot_be_used_again(edge: Edge) -> None:
    first = (await edge.announce(Idempotency_Key="k-1")).json()
    operation = edge.views.operations[first["operation_id"]]
    long_ago = NOW - timedelta(days=31)
    edge.views.operations[first["operation_id"]] = replace(operation, request=None, started_at=long_ago)
    assert_problem(await edge.announce(Idempotency_Key="k-1"), 422, "idempotency_key_reused")


async def test_a_key_whose_saga_is_seen_before_its_request_is_told_to_come_back(edge: Edge) -> None:
    first = (await edge.announce(Idempotency_Key="k-1")).json()
    operation = edge.views.operations[first["operation_id"]]
    edge.views.operations[first["operation_id"]] = replace(operation, request=None)
    assert_problem(await edge.announce(Idempotency_Key="k-1"), 503, "views_behind")


async def test_a_key_of_unreasonable_length_is_refused(edge: Edge) -> None:
    assert_problem(await edge.announce(Idempotency_Key="k" * 256), 422, "invalid_request")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ('"tags": ["\\ud800"]', "/tags/0"),
        ('"title": "\\udfff"', "/title"),
        ('"media_type": "a/\\ud800"', "/media_type"),
        ('"document_class": "\\ud800"', "/document_class"),
        ('"element_id": "\\u0000"', "/element_id"),
        ('"custom": {"a": "\\ud800"}', "/custom/a"),
        ('"custom": {"\\ud800": 1}', "/custom/?"),
    ],
)
async def test_half_a_surrogate_pair_is_a_wrong_field_and_not_a_fault_of_ours(
    edge: Edge, change: str, pointer: str
) -> None:
    headers = {**edge.headers(), "Content-Type": "application/json"}
    body = f'{{"filename": "a", "size": 1, {change}}}'
    answer = await edge.http.post("/api/v1/uploads", content=body, headers=headers)
    assert pointer in assert_problem(answer, 422, "invalid_request")
    assert edge.publisher.records == []
