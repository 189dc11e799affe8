"""Keys: listed and retired by administrators; the one in use only together with a new one in its place."""

from datetime import timedelta

import httpx2
import pytest

from api_gateway import keys
from infra.runtime.installation import verify_signature
from infra.runtime.keys import generate_key
from infra.runtime.security import verify_ticket
from schemas.errors import InvalidTicket
from schemas.permissions import Role
from schemas.requests import KeyRequested, KeyRetirementRequested
from schemas.signing import signable
from schemas.ticket import DownloadTicket
from tests.builders import NOW
from tests.unit.api_gateway.edge import HOT, INSTALLATION, Edge, assert_problem

OLD = "k1"


async def retire(edge: Edge, kid: str, *, replace: bool = False, role: str = "administrator") -> httpx2.Response:
    body = {"replace": replace}
    return await edge.http.post(f"/api/v1/keys/{kid}/retire", json=body, headers=edge.headers(role))


@pytest.fixture
def two_keys(edge: Edge) -> Edge:
    """Let `k2` sign beside `k1`, which is believed as before."""
    edge.keys.add(generate_key("k2", NOW - timedelta(minutes=1)))
    return edge


async def test_all_keys_are_listed_the_newest_first_with_the_one_in_use(two_keys: Edge) -> None:
    answer = await two_keys.get("/keys")
    assert [(key["kid"], key["in_use"], key["retired_at"]) for key in answer.json()["items"]] == [
        ("k2", True, None),
        ("k1", False, None),
    ]


async def test_nothing_that_a_retired_key_has_signed_is_believed_at_once(two_keys: Edge) -> None:
    document = two_keys.add_document()
    old = two_keys.token("administrator", now=NOW - timedelta(minutes=5))
    answer = await retire(two_keys, OLD)
    told = answer.json()
    assert (answer.status_code, told["kid"], told["in_use"]) == (200, OLD, False)
    assert told["retired_at"] is not None
    refused = await two_keys.http.get("/api/v1/documents", headers={"Authorization": f"Bearer {old}"})
    assert_problem(refused, 401, "unauthenticated")
    assert "its key is retired" in refused.json()["detail"]
    shown = await two_keys.http.get("/.well-known/jwks.json")
    assert [key["kid"] for key in shown.json()["keys"]] == ["k2"]
    assert (await two_keys.get(f"/documents/{document.body.document_id}")).status_code == 200


async def test_retiring_is_asked_for_signed_once_and_a_repeat_changes_nothing(two_keys: Edge) -> None:
    first = await retire(two_keys, OLD)
    two_keys.clock.advance(5)
    again = await retire(two_keys, OLD)
    assert (again.status_code, again.json()) == (200, first.json())
    (request,) = two_keys.published()
    assert isinstance(request, KeyRetirementRequested)
    assert verify_signature(INSTALLATION.public, signable(request), request.signature)
    assert (request.key_id, request.meta.actor.login) == (OLD, "anna")


async def test_the_key_in_use_is_retired_only_when_a_new_one_may_take_its_place(edge: Edge) -> None:
    document = edge.add_document()
    url = f"/api/v1/documents/{document.body.document_id}/links"
    made = await edge.http.post(url, json={"seconds": 3600}, headers=edge.headers("reader"))
    link = httpx2.URL(made.json()["url"]).params["ticket"]
    assert_problem(await retire(edge, OLD), 409, "key_in_use")
    assert edge.published() == []
    assert verify_ticket(DownloadTicket, link, edge.ring, HOT.element_id, NOW)

    answer = await retire(edge, OLD, replace=True)
    assert (answer.status_code, answer.json()["in_use"]) == (200, False)
    made_key, retirement = edge.published()
    assert isinstance(made_key, KeyRequested)
    assert isinstance(retirement, KeyRetirementRequested)
    assert edge.keys.signing_key(NOW).kid == made_key.key_id
    with pytest.raises(InvalidTicket, match="its key is retired"):
        verify_ticket(DownloadTicket, link, edge.ring, HOT.element_id, NOW)
    # Whoever signs in again is believed.
    assert (await edge.get("/documents")).status_code == 200


async def test_what_broke_off_between_the_two_is_finished_by_a_repeat_with_no_third_key(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "TOLD_SECONDS", 0.05)
    edge.publisher.lags = True
    headers = edge.headers("administrator")
    for _ in range(2):
        refused = await edge.http.post(f"/api/v1/keys/{OLD}/retire", json={"replace": True}, headers=headers)
        assert_problem(refused, 503, "dependency_unavailable")
    first, second = edge.published()
    assert isinstance(first, KeyRequested)
    assert isinstance(second, KeyRequested)
    assert (first.meta.aggregate_id, first.key_id) == (second.meta.aggregate_id, second.key_id)
    edge.publisher.lags = False
    edge.publisher.fold(first)
    assert (await retire(edge, OLD)).status_code == 200
    assert len(edge.published()) == 3


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
async def test_only_an_administrator_sees_or_retires_keys(two_keys: Edge, role: str) -> None:
    assert_problem(await two_keys.get("/keys", role), 403, "permission_denied")
    assert_problem(await retire(two_keys, OLD, role=role), 403, "permission_denied")
    assert two_keys.published() == []


async def test_a_key_that_nobody_knows_is_not_retired(edge: Edge) -> None:
    assert_problem(await retire(edge, "k9", replace=True), 404, "not_found")
    assert edge.published() == []
