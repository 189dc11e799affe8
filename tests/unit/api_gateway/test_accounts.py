"""Accounts: asked for by an administrator, signed and sealed; one login, one account."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import httpx2
import pytest

from api_gateway.ports import Operation
from infra.runtime.installation import verify_signature
from schemas.requests import AccountRequested
from schemas.signing import signable
from tests.builders import NOW
from tests.unit.api_gateway.edge import INSTALLATION, Edge, assert_problem

BODY = {"login": "boris", "full_name": "Борис", "role": "reader", "password": "a long password"}


async def ask(
    edge: Edge, change: Mapping[str, object] | None = None, *, role: str = "administrator", key: str | None = None
) -> httpx2.Response:
    more = {"Idempotency-Key": key} if key else {}
    return await edge.http.post("/api/v1/accounts", json={**BODY, **(change or {})}, headers=edge.headers(role, **more))


async def test_an_account_is_asked_for_signed_sealed_and_can_sign_in(edge: Edge) -> None:
    answer = await ask(edge)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/operations/{answer.json()['operation_id']}"
    (request,) = edge.published()
    assert isinstance(request, AccountRequested)
    assert verify_signature(INSTALLATION.public, signable(request), request.signature)
    assert b"long password" not in edge.publisher.records[0].value
    assert INSTALLATION.unwrap(request.sealed_password, request.account_id).startswith(b"$argon2id$")
    form = {"grant_type": "password", "username": "boris", "password": BODY["password"]}
    assert (await edge.http.post("/api/v1/auth/token", data=form)).status_code == 200


async def test_a_taken_login_is_refused_and_a_repeat_under_its_key_is_not(edge: Edge) -> None:
    first = await ask(edge, key="k")
    again = await ask(edge, key="k")
    assert (again.status_code, again.json()) == (202, first.json())
    assert_problem(await ask(edge), 409, "login_taken")
    assert_problem(await ask(edge, key="other"), 409, "login_taken")
    assert len(edge.publisher.records) == 1


async def test_a_request_that_was_refused_does_not_take_the_login(edge: Edge) -> None:
    operation_id = edge.desk.operation_of("boris")
    refused = Operation(operation_id, "account", "failed", "account", NOW, found=True, request_sha256="0" * 64)
    edge.views.operations[operation_id] = refused
    asked = asyncio.create_task(ask(edge))
    for _ in range(1000):
        if edge.published():
            break
        await asyncio.sleep(0.01)
    (request,) = edge.published()
    assert isinstance(request, AccountRequested)
    edge.views.operations[operation_id] = replace(refused, status="succeeded", request_sha256=request.request_sha256)
    assert (await asked).status_code == 202


@pytest.mark.parametrize("role", ["editor", "reader", "auditor", "owner"])
async def test_only_administrators_may_ask(edge: Edge, role: str) -> None:
    assert_problem(await ask(edge, role=role), 403, "permission_denied")
    assert edge.publisher.records == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"role": "owner"}, "/role"),
        ({"login": ""}, "/login"),
        ({"login": "a b"}, "/login"),
        ({"login": "a\0"}, "/login"),
        ({"full_name": ""}, "/full_name"),
        ({"full_name": "a\0"}, "/full_name"),
        ({"password": "short"}, "/password"),
        ({"password": "long enough\0 but"}, "/password"),
    ],
)
async def test_wrong_fields_are_named_and_the_password_is_not_repeated(
    edge: Edge, change: dict[str, object], pointer: str
) -> None:
    answer = await ask(edge, change)
    assert assert_problem(answer, 422, "invalid_request") == [pointer]
    assert str(BODY["password"]) not in answer.text
    assert edge.publisher.records == []
