"""Pages of another origin at the agent: they may bring and fetch bytes with a ticket, and read every refusal."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agents import Plane, a_plane, path_of, some_bytes

ORIGIN = "http://gateway.example"
DATA = some_bytes(100)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


async def test_a_browser_is_told_beforehand_that_it_may_put(plane: Plane) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = await plane.client.options(path_of(plane.ticket(DATA)), headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_browser_is_told_in_a_problem_what_it_may_not(plane: Plane) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "TRACE"}
    answer = await plane.client.options(path_of(plane.ticket(DATA)), headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert "TRACE" not in answer.headers["Access-Control-Allow-Methods"]


async def test_a_page_may_read_the_bytes_and_their_digest(plane: Plane) -> None:
    answer = await plane.get(await plane.stored(DATA), {"Origin": ORIGIN})
    assert (answer.content, answer.headers["Access-Control-Allow-Origin"]) == (DATA, "*")
    assert {"Repr-Digest", "ETag"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))


@pytest.mark.parametrize("asking", [{}, {"Origin": ORIGIN}])
async def test_what_is_kept_for_others_is_not_given_to_a_page(plane: Plane, asking: dict[str, str]) -> None:
    for answer in (await plane.get(await plane.stored(DATA), asking), await plane.client.get("/x", headers=asking)):
        assert answer.headers.get_list("Vary") == ["Origin"]


async def test_a_page_may_read_why_it_is_refused(plane: Plane) -> None:
    answer = await plane.client.put(path_of(plane.ticket(DATA)), content=DATA, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/health/live/", "/metrics/", "/documents/a/versions/1/content/"])
async def test_nobody_is_sent_to_the_host_that_he_names(plane: Plane, path: str) -> None:
    answer = await plane.client.get(path, headers={"Host": "elsewhere.example"})
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)


async def test_a_page_may_resume_an_upload_and_read_how_far_it_is(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    wanted = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
    wanted["Access-Control-Request-Headers"] = "tus-resumable,upload-offset,upload-checksum,content-type,authorization"
    preflight = await plane.client.options(path_of(ticket, "uploads"), headers=wanted)
    assert preflight.status_code == 200
    assert {"PATCH", "POST", "DELETE"} <= set(preflight.headers["Access-Control-Allow-Methods"].split(", "))
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {plane.signed(ticket)}", "Tus-Resumable": "1.0.0"}
    made = await plane.client.post(path_of(ticket, "uploads"), headers={**headers, "Upload-Length": str(ticket.size)})
    exposed = set(made.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"Location", "Upload-Offset", "Upload-Length", "Upload-Expires", "Tus-Resumable"} <= exposed
