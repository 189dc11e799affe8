"""Every error leaves as problem+json: ours, the framework's, a wrong body, and the unexpected."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.testclient import TestClient

from infra.runtime.problems import FAMILIES, STATUSES, install_problem_handlers, status_of
from schemas import errors
from schemas.errors import ArtStoreError, FieldError


class _Body(BaseModel):
    size: int
    tags: list[str] = []


def _app() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/busy")
    async def busy() -> None:
        raise errors.Busy(retry_after_seconds=7)

    @app.get("/who")
    async def who() -> None:
        raise errors.Unauthenticated

    @app.get("/large")
    async def large() -> None:
        raise errors.TooLarge(errors=[FieldError("/title", "at most 512 bytes")])

    @app.post("/uploads")
    async def uploads(body: _Body) -> int:
        return body.size

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    return app


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(_app(), raise_server_exceptions=False) as made:
        yield made


def test_a_transient_error_is_503_with_retry_after(client: TestClient) -> None:
    answer = client.get("/busy")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:artstore:problem:busy",
        "title": "Busy",
        "status": 503,
        "detail": "A bounded queue is full. Repeat the request after the time in Retry-After.",
        "instance": "/busy",
        "code": "busy",
        "trace_id": None,
    }


def test_who_is_not_signed_in_is_told_how_to_sign_in(client: TestClient) -> None:
    answer = client.get("/who")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_wrong_fields_are_named_by_pointer(client: TestClient) -> None:
    answer = client.get("/large")
    assert answer.status_code == 413
    assert answer.json()["errors"] == [{"pointer": "/title", "detail": "at most 512 bytes"}]


def test_a_wrong_body_is_422_with_a_pointer_per_field(client: TestClient) -> None:
    answer = client.post("/uploads", json={"size": "many", "tags": ["a", 5]})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/size", "/tags/1"]


def test_an_unknown_address_is_a_problem_too(client: TestClient) -> None:
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.json()["code"], answer.json()["instance"]) == (404, "not_found", "/nowhere")


def test_a_wrong_method_names_those_allowed(client: TestClient) -> None:
    answer = client.put("/uploads")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_the_unexpected_is_500_and_shows_no_internals(client: TestClient) -> None:
    answer = client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "ZeroDivision" not in answer.text


def test_a_class_without_a_status_of_its_own_has_that_of_its_parent() -> None:
    assert status_of(errors.LogUnavailable()) == 503
    assert status_of(errors.StaleEpoch()) == 409
    assert status_of(errors.JournalDamaged()) == 500
    assert status_of(errors.InvalidCursor()) == 400


def test_every_status_fits_its_family() -> None:
    for kind, status in STATUSES.items():
        family = next(parent for parent in kind.__mro__ if parent in FAMILIES)
        assert issubclass(kind, ArtStoreError)
        assert status != FAMILIES[family], f"{kind.__name__} says what its family says already"
