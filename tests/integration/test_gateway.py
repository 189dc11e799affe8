"""The gateway on a live stack: first start, accounts and roles, repeats under a key, strange input, parts that die."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
import pytest
from redis.asyncio import Redis

from api_gateway.discovery import RedisDiscovery
from api_gateway.ports import MemoryViews
from infra.runtime.settings import Settings
from tests.archive import PROBLEM, Archive
from tests.stacks import Stack, eventually
from tests.unit.api_gateway.edge import HOT


def test_the_first_start_has_left_one_key_and_one_administrator_and_a_ready_gateway(
    stack: Stack, archive: Archive
) -> None:
    ready = httpx2.get(f"{stack.url}/health/ready", timeout=10)
    assert (ready.status_code, ready.json()["checks"]["signing_key"]) == (200, "ok")
    assert len(httpx2.get(f"{stack.url}/.well-known/jwks.json", timeout=10).json()["keys"]) == 1
    created = [event for event in archive.events(limit=100) if event["type"] == "artstore.AccountCreated"]
    assert [event["payload"]["login"] for event in created].count("admin") == 1
    assert "argon2" not in json.dumps(created)


def test_an_account_is_added_once_and_may_what_its_role_says(stack: Stack, archive: Archive) -> None:
    added = json.loads(stack.artstore("account", "add", "читатель", "--role", "reader", "--json").stdout)
    again = stack.artstore("account", "add", "Читатель", "--role", "editor", check=False)
    assert (again.returncode, "exists" in again.stderr) == (1, True)
    upload = archive.store("для читателя.txt", b"read me")
    with Archive(stack, "читатель", added["password"]) as reader:
        assert reader.content(upload["document_id"]).content == b"read me"
        assert reader.search("читателя")
        for refused in (reader.announce("x", 1), reader.get("/events")):
            assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
        account = {"login": "x", "full_name": "x", "role": "administrator", "password": "long enough for it"}
        assert reader.http.post("/api/v1/accounts", json=account).status_code == 403


def test_many_clients_under_one_key_announce_one_document(stack: Stack, archive: Archive) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: archive.announce("one.txt", 3, key="many"), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["document_id"] for answer in answers}) == 1
    assert archive.put(answers[7].json(), b"one").status_code == 200
    assert archive.finished(answers[0].json()["operation_id"])["state"] == "succeeded"
    late = archive.announce("one.txt", 3, key="many")
    assert (late.status_code, late.json()["document_id"]) == (201, answers[0].json()["document_id"])
    assert stack.url


@pytest.mark.parametrize(
    "path",
    [
        "/search?q=a%00b",
        "/search?q=%27%3B--",
        "/search?q=((%26!%7C",
        "/search?q=%22",
        "/search?q=-",
        "/search?q=%F0%9F%93%9C",
        "/documents/%00",
        "/documents/a%00b/content",
        "/operations/%00",
        "/events?document_id=%00",
        "/events?correlation_id=x",
        "/documents?cursor=W10",
        "/search?q=a&cursor=WyJzZWFyY2giLCJ4IiwieCJd",
        "/events?cursor=bnVsbA",
    ],
)
def test_strange_input_is_answered_and_never_breaks_anything(archive: Archive, path: str) -> None:
    answer = archive.get(path)
    assert answer.status_code in {200, 400, 404, 422}, answer.text
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"].startswith(PROBLEM)


def test_a_gateway_that_was_killed_knows_its_key_and_its_promises_again(stack: Stack, archive: Archive) -> None:
    before = archive.announce("kept.txt", 4, key="kept").json()
    keys = httpx2.get(f"{stack.url}/.well-known/jwks.json", timeout=10).json()
    stack.send("gateway", signal.SIGKILL)
    stack.await_ready("gateway")
    assert httpx2.get(f"{stack.url}/.well-known/jwks.json", timeout=10).json() == keys
    after = archive.announce("kept.txt", 4, key="kept").json()
    assert after["document_id"] == before["document_id"]
    assert archive.put(before, b"kept").status_code == 200
    assert archive.finished(before["operation_id"])["state"] == "succeeded"


def test_without_redis_the_views_tell_where_the_elements_are(stack: Stack, archive: Archive) -> None:
    stack.stop("valkey")
    try:
        upload = archive.store("ohne-redis.txt", b"still here")
        assert archive.content(upload["document_id"]).content == b"still here"
        assert {item["state"] for item in archive.get("/elements").json()["items"]} == {"online"}
        ready = httpx2.get(f"{stack.url}/health/ready", timeout=10)
        assert ready.status_code == 200, ready.text
    finally:
        stack.artstore("up")
    eventually(lambda: archive.get("/elements").status_code == 200, 20, "the elements do not come back")


async def test_the_views_tell_where_the_elements_are_when_redis_refuses_the_password(servers: Settings) -> None:
    address, views = urlsplit(servers.redis.required_url()), MemoryViews()
    views.elements = [HOT]
    async with Redis.from_url(f"redis://:wrong@{address.hostname}:{address.port}/0", socket_timeout=5.0) as redis:
        assert await RedisDiscovery(redis, views).elements() == (HOT,)


def test_what_a_retired_key_has_signed_is_refused_everywhere_and_after_restarts_too(
    stack: Stack, archive: Archive
) -> None:
    document_id = archive.store("по ссылке.txt", b"shared")["document_id"]
    link = archive.http.post(f"/api/v1/documents/{document_id}/links", json={"seconds": 600}).json()["url"]
    assert httpx2.get(link, timeout=10).content == b"shared"
    (kid,) = [key["kid"] for key in archive.get("/keys").json()["items"] if key["in_use"]]
    refused = archive.http.post(f"/api/v1/keys/{kid}/retire", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "key_in_use")
    told = json.loads(stack.artstore("keys", "retire", kid, "--replace", "--json").stdout)
    assert (told["kid"], told["in_use"], told["retired_at"] is None) == (kid, False, False)
    assert archive.get("/documents").status_code == 401
    eventually(lambda: httpx2.get(link, timeout=10).status_code == 401, 10, "an agent believes a retired key")
    for name in ("gateway", "agent-hot"):
        stack.send(name, signal.SIGKILL)
        stack.await_ready(name)
    answer = httpx2.get(link, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")
    assert archive.get("/documents").status_code == 401
    archive.sign_in()
    assert archive.content(document_id).content == b"shared"
