"""Signing in, tokens, roles: who may do what, and what everybody else is told."""

import time
from datetime import timedelta

import httpx2
import pytest

from api_gateway.passwords import Passwords
from infra.runtime.security import verify_token
from schemas.identifiers import derive
from schemas.permissions import Role
from tests.builders import NOW
from tests.unit.api_gateway.edge import Edge, assert_problem, cheap_passwords

PASSWORD = "очень длинный пароль"

PATHS = {
    "read": [
        "/documents",
        "/documents/{document}",
        "/documents/{document}/content",
        "/documents/{document}/attributes",
    ],
    "search": ["/search?q=опись"],
    "events": ["/events"],
    "elements": ["/elements", "/damages"],
    "operations": ["/operations/{operation}"],
}


async def sign_in(edge: Edge, username: str, password: str, **more: str) -> httpx2.Response:
    form = {"grant_type": "password", "username": username, "password": password, **more}
    return await edge.http.post("/api/v1/auth/token", data=form)


async def test_the_right_password_gives_a_token_of_fifteen_minutes(edge: Edge) -> None:
    account = await edge.add_account("anna", PASSWORD)
    answer = await sign_in(edge, "anna", PASSWORD)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    claims = verify_token(body["access_token"], edge.ring, NOW)
    assert (claims.subject, claims.login, claims.role) == (account.account_id, "anna", "editor")


@pytest.mark.parametrize("login", ["anna", "boris", "", "a\0", "x" * 300])
async def test_a_wrong_login_and_a_wrong_password_look_the_same(edge: Edge, login: str) -> None:
    await edge.add_account("anna", PASSWORD)
    answer = await sign_in(edge, login, "wrong password")
    if login:
        assert_problem(answer, 401, "invalid_credentials")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    else:
        assert answer.status_code in {401, 422}


async def test_before_the_first_start_is_over_nobody_is_told_that_the_password_is_wrong(edge: Edge) -> None:
    edge.begun.clear()
    early = await sign_in(edge, "anna", PASSWORD)
    assert_problem(early, 503, "views_behind")
    assert early.headers["Retry-After"] == "1"
    await edge.add_account("anna", PASSWORD)
    assert (await sign_in(edge, "anna", PASSWORD)).status_code == 200


async def test_a_refusal_takes_its_time_whether_the_login_exists_or_not() -> None:
    # Hashes at their real cost: cheap ones are nothing beside the rest of an answer.
    edge = Edge(passwords=Passwords())
    took = {"anna": 60.0, "boris": 60.0}
    async with edge.http:
        await edge.add_account("anna", PASSWORD)
        for login in ("anna", "boris") * 2:
            # The work, at its best: how long a busy machine lets it wait is nobody's to learn from.
            begun = time.process_time()
            await sign_in(edge, login, "wrong password")
            took[login] = min(took[login], time.process_time() - begun)
    assert took["boris"] > took["anna"] / 2


def test_the_stand_in_hash_has_the_parameters_in_use() -> None:
    for passwords in (Passwords(), cheap_passwords()):
        assert not passwords._hasher.check_needs_rehash(passwords._nobody)


async def test_a_form_without_its_parts_is_refused(edge: Edge) -> None:
    answer = await edge.http.post("/api/v1/auth/token", data={"username": "anna"})
    assert "/grant_type" in assert_problem(answer, 422, "invalid_request")
    assert_problem(await sign_in(edge, "anna", PASSWORD, grant_type="code"), 422, "invalid_request")


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer x", "Basic YTpi", "Bearer a.b.c"])
async def test_without_a_valid_token_nothing_is_shown(edge: Edge, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in ("/documents", "/events", "/elements", "/damages", "/search?q=a", f"/operations/{derive('a', 'b')}"):
        answer = await edge.http.get(f"/api/v1{path}", headers=headers)
        assert_problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_an_expired_token_is_refused(edge: Edge) -> None:
    headers = {"Authorization": f"Bearer {edge.token(now=NOW - timedelta(minutes=16))}"}
    assert_problem(await edge.http.get("/api/v1/documents", headers=headers), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("role", "granted", "may_upload"),
    [
        (Role.ADMINISTRATOR, {"read", "search", "events", "elements", "operations"}, True),
        (Role.EDITOR, {"read", "search", "elements", "operations"}, True),
        (Role.READER, {"read", "search", "elements", "operations"}, False),
        (Role.AUDITOR, {"read", "search", "events", "elements", "operations"}, False),
        ("owner", set(), False),
        ("", set(), False),
    ],
)
async def test_each_role_may_what_the_table_says_and_an_unknown_one_nothing(
    edge: Edge, role: str, granted: set[str], *, may_upload: bool
) -> None:
    document = edge.add_document().body.document_id
    operation = (await edge.announce()).json()["operation_id"]
    for need, paths in PATHS.items():
        for path in paths:
            answer = await edge.get(path.format(document=document, operation=operation), role)
            assert (answer.status_code < 400) == (need in granted), (path, answer.text)
            if need not in granted:
                assert_problem(answer, 403, "permission_denied")
    assert ((await edge.announce(role=role)).status_code == 201) == may_upload


async def test_the_key_set_is_public_and_may_be_kept_for_five_minutes(edge: Edge) -> None:
    answer = await edge.http.get("/.well-known/jwks.json")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    (key,) = answer.json()["keys"]
    assert (key["kid"], key["alg"], key["use"]) == ("k1", "RS256", "sig")
    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}


async def test_a_password_in_no_encoding_is_a_wrong_one(edge: Edge) -> None:
    await edge.add_account("anna", "a long password")
    parts = (("grant_type", "password"), ("username", "anna"), ("password", "+2AA-"))
    body = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{v}\r\n' for name, v in parts)
    headers = {"Content-Type": "multipart/form-data; boundary=x; charset=utf-7"}
    answer = await edge.http.post("/api/v1/auth/token", content=f"{body}--x--\r\n", headers=headers)
    assert_problem(answer, 401, "invalid_credentials")
