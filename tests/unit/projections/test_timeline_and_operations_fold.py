"""The timeline and the operations: everything is told, except secrets."""

import json

import pytest

from projections.accounts.fold import AccountRow, login_key
from projections.accounts.fold import fold as fold_account
from projections.operations.fold import RequestRow, SagaRow
from projections.operations.fold import fold as fold_operation
from projections.tables import as_json, kept, row_as_json
from projections.timeline.fold import EventRow
from projections.timeline.fold import fold as fold_event
from projections.timeline.payload import payload_of
from schemas.events import Output
from schemas.requests import Description
from tests.builders import a_content_committed, a_document_committed, an_upload_request
from tests.projecting import a_document, a_saga_step, a_text, an_account, flipped, received


def test_sealed_attributes_are_shown_as_what_they_say() -> None:
    attributes = a_document(title="Опись")
    payload = payload_of(a_document_committed(attributes))
    assert payload["attr"]["description"]["title"] == "Опись"
    assert "meta" not in payload


@pytest.mark.parametrize("title", ["Опись", 'в "кавычках" и \\ с\tтабуляцией', "a\0b\x01", "\x7f\u2028"])
def test_sealed_attributes_stand_in_the_row_as_they_would_be_shown(title: str) -> None:
    event = a_document_committed(a_document(title=title))
    [row] = fold_event(received(event))
    assert row_as_json(row)["payload"] == as_json(payload_of(event))


def test_attributes_whose_seal_is_broken_are_shown_all_the_same() -> None:
    event = a_document_committed(a_document(title="Опись"))
    [row] = fold_event(received(event.model_copy(update={"attr": flipped(event.attr)})))
    assert row_as_json(row)["payload"]["attr"]["description"]["title"] == "forged"


def test_bytes_that_are_no_json_are_shown_as_base64() -> None:
    event = a_document_committed(a_document()).model_copy(update={"attr": b"\xff\0"})
    assert payload_of(event)["attr"] == "/wA="


def test_no_secret_is_shown_not_even_inside_the_state_of_a_saga() -> None:
    account = an_account("Anna")
    state = json.dumps({"request": {"sealed_password": {"nonce": "AAE="}, "login": "Anna"}})
    saga = a_saga_step(an_upload_request(), 1, state=state)
    assert payload_of(account)["sealed_password"] == "***"
    assert payload_of(saga)["state"] == {"request": {"sealed_password": "***", "login": "Anna"}}


def test_a_field_that_a_person_calls_like_a_secret_is_no_secret() -> None:
    request = an_upload_request(description=Description(custom={"signature": "Иванов", "sealed_by": "Петров"}))
    assert payload_of(request)["description"]["custom"] == {"signature": "Иванов", "sealed_by": "Петров"}


def test_outputs_of_a_saga_are_named_and_not_repeated() -> None:
    output = Output(topic="t", key=b"k", value=b"v" * 100, headers={"ce_type": "artstore.ExtractText"})
    payload = payload_of(a_saga_step(an_upload_request(), 1, outputs=[output]))
    assert payload["outputs"] == [{"topic": "t", "type": "artstore.ExtractText", "id": None}]


def test_saga_document_and_text_events_are_found_under_one_document() -> None:
    request = an_upload_request()
    attributes = a_document()
    rows = [
        *fold_event(received(a_saga_step(request, 1))),
        *fold_event(received(a_document_committed(attributes))),
        *fold_event(received(a_text(attributes, "слово"))),
    ]
    found = [row.document_id for row in rows if isinstance(row, EventRow)]
    assert found == [request.document_id, attributes.document_id, attributes.document_id]


def test_the_first_request_of_an_operation_stands() -> None:
    first = an_upload_request(filename="первый")
    second = first.model_copy(update={"filename": "второй", "request_sha256": "f" * 64})
    (row,) = kept([*fold_operation(received(first)), *fold_operation(received(second))])
    assert isinstance(row, RequestRow)
    assert row.request["filename"] == "первый"


def test_the_newest_step_of_a_saga_stands_and_its_problem_is_opened() -> None:
    request = an_upload_request()
    last = a_saga_step(request, 3, status="failed", problem='{"code": "upload_abandoned"}')
    (row,) = kept([*fold_operation(received(last)), *fold_operation(received(a_saga_step(request, 2)))])
    assert isinstance(row, SagaRow)
    assert (row.version, row.problem) == (3, {"code": "upload_abandoned"})


def test_a_problem_that_is_no_json_is_kept_as_its_detail() -> None:
    (row,) = fold_operation(received(a_saga_step(an_upload_request(), 1, problem="{broken")))
    assert isinstance(row, SagaRow)
    assert row.problem == {"detail": "{broken"}


def test_replies_in_the_inbox_are_no_operation() -> None:
    assert fold_operation(received(a_content_committed(an_upload_request()))) == ()


def test_a_login_is_one_whatever_its_case() -> None:
    (row,) = fold_account(received(an_account("  Ёлкина STRASSE ")))
    assert isinstance(row, AccountRow)
    assert row.login_key == login_key("ёлкина straße")
