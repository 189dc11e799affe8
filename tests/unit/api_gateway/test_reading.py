"""What is read: documents, the way to their bytes, search, elements, events; and every error as a problem."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from api_gateway.ports import Element
from infra.runtime.security import verify_ticket
from schemas.api.documents import LinkAnswer
from schemas.api.events import ActorBody, EventBody
from schemas.api.fixity import PassBody
from schemas.elements import Mode
from schemas.errors import InvalidTicket
from schemas.events import ScrubProgress
from schemas.identifiers import derive, new_id
from schemas.permissions import Permission
from schemas.ticket import DownloadTicket, TicketUse
from tests.builders import NOW
from tests.unit.api_gateway.edge import HOT, VAULT, Edge, assert_problem


async def test_a_document_is_shown_with_a_strong_tag_and_not_again_to_who_has_it(edge: Edge) -> None:
    document = edge.add_document()
    path = f"/documents/{document.body.document_id}"
    answer = await edge.get(path, "reader")
    assert answer.status_code == 200
    assert answer.json()["retention"] == {"class": "permanent", "until": None}
    assert "Опись фонда" in answer.text
    assert '"f":1.0' in answer.text
    tag = answer.headers["ETag"]
    assert tag.startswith('"sha256:')
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await edge.get(path, "reader", If_None_Match=known)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert (await edge.get(path, "reader", If_None_Match='"other"')).status_code == 200


async def test_the_tag_changes_with_the_mode_that_is_shown(edge: Edge) -> None:
    document = edge.add_document()
    path = f"/documents/{document.body.document_id}"
    before = (await edge.get(path)).headers["ETag"]
    turned = document.body.model_copy(update={"mode": Mode.READ_ONLY})
    edge.views.documents[document.body.document_id] = replace(document, body=turned)
    assert (await edge.get(path)).headers["ETag"] != before


async def test_a_damaged_document_says_what_is_wrong_with_it_and_its_tag_changes(edge: Edge) -> None:
    document = edge.add_document()
    path = f"/documents/{document.body.document_id}"
    whole = await edge.get(path, "reader")
    nothing: dict[str, object] = {"part": None, "reason": None, "found_by": None, "found_at": None, "quarantined": []}
    assert whole.json()["integrity"] == {"state": "whole", **nothing}
    edge.damage(document)
    damaged = await edge.get(path, "reader", If_None_Match=whole.headers["ETag"])
    assert damaged.status_code == 200
    told = damaged.json()["integrity"]
    assert (told["state"], told["part"], told["reason"], told["found_by"]) == ("damaged", "body", "digest", "scrub")
    assert told["quarantined"] == [f"{document.body.document_id}.v1.опись.txt"]
    edge.damage(document, seconds=1)
    assert (await edge.get(path, "reader", If_None_Match=damaged.headers["ETag"])).status_code == 200
    assert (await edge.get("/documents")).json()["items"][0]["integrity"]["state"] == "damaged"


async def test_damages_are_listed_the_newest_first_in_pages(edge: Edge) -> None:
    made = [edge.damage(edge.add_document(str(n), seconds=n), seconds=n) for n in range(3)]
    first = (await edge.get("/damages?limit=2", "reader")).json()
    rest = (await edge.get(f"/damages?limit=2&cursor={first['next_cursor']}", "reader")).json()
    assert [item["title"] for item in (*first["items"], *rest["items"])] == ["2", "1", "0"]
    assert rest["next_cursor"] is None
    assert first["items"][0] == made[2].model_dump(mode="json")


async def test_who_may_not_see_documents_is_not_told_their_names_by_way_of_the_damages(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    for permission in (Permission.READ, Permission.READ_ELEMENTS):
        monkeypatch.setattr("schemas.permissions.GRANTS", {"half": frozenset({permission})})
        assert_problem(await edge.get("/damages", "half"), 403, "permission_denied")


@pytest.mark.parametrize("part", ["content", "attributes"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_bytes_are_fetched_from_the_agent_with_a_ticket_of_a_minute(edge: Edge, part: str, method: str) -> None:
    document = edge.add_document(element=VAULT)
    path = f"/api/v1/documents/{document.body.document_id}/{part}"
    answer = await edge.http.request(method, path, headers=edge.headers("reader"))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (307, "no-store")
    location = urlsplit(answer.headers["Location"])
    assert location.path == f"/documents/{document.body.document_id}/versions/1/{part}"
    (text,) = parse_qs(location.query)["ticket"]
    ticket = verify_ticket(DownloadTicket, text, edge.ring, VAULT.element_id, NOW)
    assert (ticket.document_id, ticket.document_version) == (document.body.document_id, 1)


async def test_an_agent_that_is_away_is_503(edge: Edge) -> None:
    document = edge.add_document()
    path = f"/documents/{document.body.document_id}/content"
    edge.clock.advance(11)
    # Everybody is silent: that is the log's or the projector's doing, and reading goes on.
    assert (await edge.get(path)).status_code == 307
    edge.views.elements = [HOT, replace(VAULT, at=edge.clock.now())]
    answer = await edge.get(path)
    assert_problem(answer, 503, "agent_unavailable")
    assert "Retry-After" in answer.headers
    edge.views.elements = []
    assert_problem(await edge.get(path), 503, "agent_unavailable")


@pytest.mark.parametrize("name", ["not-a-uuid", derive("a", "b"), "%00", "..%2f..", "x" * 500])
async def test_an_unknown_document_is_not_found_in_every_way(edge: Edge, name: str) -> None:
    for path in (f"/documents/{name}", f"/documents/{name}/content", f"/documents/{name}/attributes"):
        assert_problem(await edge.get(path), 404, "not_found")


async def test_lists_are_newest_first_in_pages_that_do_not_overlap(edge: Edge) -> None:
    made = [edge.add_document(str(n), seconds=n).body.title for n in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await edge.get(f"/documents?limit=2{cursor}")).json()
        seen += [item["title"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]


async def test_search_finds_words_and_refuses_none(edge: Edge) -> None:
    edge.add_document("Опись фонда")
    edge.add_document("Письмо")
    hits = (await edge.get("/search?q=опись", "reader")).json()["items"]
    assert [hit["title"] for hit in hits] == ["Опись фонда"]
    assert set(hits[0]) == {"document_id", "version", "filename", "title", "snippet", "rank"}
    for query in ("", "?q=", "?q=%20%00"):
        answer = await edge.get(f"/search{query}")
        assert assert_problem(answer, 400, "malformed") == ["query/q"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=many"])
@pytest.mark.parametrize("path", ["/documents", "/search", "/events", "/damages"])
async def test_limits_are_between_one_and_a_hundred(edge: Edge, path: str, query: str) -> None:
    assert assert_problem(await edge.get(f"{path}?q=a&{query}"), 422, "invalid_request") == ["query/limit"]


@pytest.mark.parametrize("path", ["/documents?", "/search?q=a&", "/events?", "/damages?"])
async def test_a_foreign_cursor_is_refused(edge: Edge, path: str) -> None:
    assert_problem(await edge.get(f"{path}cursor=!"), 400, "invalid_cursor")


async def test_elements_are_shown_with_mode_state_and_room(edge: Edge) -> None:
    silent = replace(HOT, element_id="s", name="attic", url=None, capacity=None, at=None)
    late = replace(VAULT, at=NOW - timedelta(seconds=11))
    edge.views.elements = [late, HOT, silent]
    items = (await edge.get("/elements", "reader")).json()["items"]
    assert [(item["name"], item["state"]) for item in items] == [
        ("attic", "offline"),
        ("hot", "online"),
        ("vault", "offline"),
    ]
    assert items[0]["capacity"] is None
    assert items[1]["capacity"] == {"total": 1000, "used": 400, "free": 600}
    assert items[1]["mode_epoch"] == 3
    assert (items[0]["damaged"], items[0]["scrub"], items[0]["last_pass"]) == (None, None, None)


async def test_elements_tell_their_damage_and_their_scrub_and_keep_the_last_pass_that_only_views_know(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    scrub = ScrubProgress(pass_number=2, share=0.25, documents=7, finished_at=NOW)
    last = PassBody(pass_number=1, started_at=NOW, finished_at=NOW, documents=41, bytes=1000, damaged=1)
    edge.views.elements = [replace(HOT, damaged=1, last_pass=last)]

    async def heard(_self: object) -> list[Element]:
        return [replace(HOT, damaged=2, scrub=scrub, at=NOW + timedelta(seconds=1))]

    monkeypatch.setattr("api_gateway.discovery.ViewDiscovery.elements", heard)
    (item,) = (await edge.get("/elements", "reader")).json()["items"]
    assert item["damaged"] == 2
    assert item["scrub"] == {
        "pass_number": 2,
        "share": 0.25,
        "documents": 7,
        "finished_at": "2026-11-24T10:30:15.123456Z",
    }
    assert item["last_pass"] == last.model_dump(mode="json")


async def test_events_are_listed_by_document_or_operation_in_their_order(edge: Edge) -> None:
    document = derive("d", "document")
    for n in range(3):
        event = EventBody(
            topic="t", partition=0, offset=n, event_id=new_id(NOW), type="artstore.T", aggregate_type="document",
            aggregate_id=document if n else "other", aggregate_version=n, occurred_at=NOW - timedelta(seconds=n),
            correlation_id="c", causation_id=None, actor=ActorBody(subject="s", login="l", full_name="f"), payload={},
        )  # fmt: skip
        edge.views.events.append(event)
    items = (await edge.get(f"/events?document_id={document}", "auditor")).json()["items"]
    assert [item["offset"] for item in items] == [2, 1]
    assert len((await edge.get("/events?correlation_id=c")).json()["items"]) == 3


async def test_what_does_not_exist_and_what_is_not_taken_are_problems(edge: Edge) -> None:
    for path in ("/nothing", "/uploads/", "/operations/x/events"):
        assert_problem(await edge.get(path), 404, "not_found")
    answer = await edge.http.delete("/api/v1/documents", headers=edge.headers())
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"


async def test_what_nobody_expected_is_a_problem_without_internals(edge: Edge) -> None:
    edge.views.documents = None  # type: ignore[assignment]
    answer = await edge.get("/documents/x")
    assert_problem(answer, 500, "internal")
    assert "NoneType" not in answer.text


async def test_the_description_of_the_interface_is_there(edge: Edge) -> None:
    answer = await edge.http.get("/api/openapi.json")
    assert {"/api/v1/uploads", "/api/v1/documents/{document_id}/content"} <= set(answer.json()["paths"])


@pytest.mark.parametrize(("asked", "seconds"), [({}, 3600), ({"seconds": 60}, 60), ({"seconds": 604_800}, 604_800)])
async def test_a_link_opens_the_newest_version_for_as_long_as_was_asked(
    edge: Edge, asked: dict[str, int], seconds: int
) -> None:
    document = edge.add_document(element=VAULT)
    path = f"/api/v1/documents/{document.body.document_id}/links"
    answer = await edge.http.post(path, json=asked, headers=edge.headers("reader"))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    told = LinkAnswer.model_validate(answer.json())
    assert (told.document_id, told.version) == (document.body.document_id, 1)
    assert told.expires_at == NOW + timedelta(seconds=seconds)
    location = urlsplit(told.url)
    assert location.path == f"/documents/{document.body.document_id}/versions/1/content"
    (text,) = parse_qs(location.query)["ticket"]
    last = NOW + timedelta(seconds=seconds - 1)
    assert verify_ticket(DownloadTicket, text, edge.ring, VAULT.element_id, last).use is TicketUse.LINK
    with pytest.raises(InvalidTicket, match="expired"):
        verify_ticket(DownloadTicket, text, edge.ring, VAULT.element_id, last + timedelta(seconds=2))


@pytest.mark.parametrize("seconds", [0, -1, 604_801, "soon"])
async def test_a_link_that_opens_for_longer_than_a_week_or_never_is_not_made(edge: Edge, seconds: object) -> None:
    document = edge.add_document()
    path = f"/api/v1/documents/{document.body.document_id}/links"
    answer = await edge.http.post(path, json={"seconds": seconds}, headers=edge.headers("reader"))
    assert_problem(answer, 422, "invalid_request")


async def test_an_installation_may_have_shorter_links() -> None:
    edge = Edge(link_life_max=timedelta(minutes=1))
    path = f"/api/v1/documents/{edge.add_document().body.document_id}/links"
    answer = await edge.http.post(path, json={"seconds": 61}, headers=edge.headers("reader"))
    assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == "/seconds"
    told = await edge.http.get("/api/v1/limits", headers=edge.headers("reader"))
    assert (told.status_code, told.json()) == (200, {"link_seconds_max": 60})


async def test_a_link_needs_the_permission_to_read(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/api/v1/documents/{edge.add_document().body.document_id}/links"
    assert (await edge.http.post(path, json={})).status_code == 401
    monkeypatch.setattr("schemas.permissions.GRANTS", {"half": frozenset({Permission.SEARCH})})
    assert_problem(await edge.http.post(path, json={}, headers=edge.headers("half")), 403, "permission_denied")
