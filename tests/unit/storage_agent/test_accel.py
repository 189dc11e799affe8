"""What is handed over to a proxy that sends in the agent's place: nothing unless it is set and asked for."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from pydantic import ValidationError

from infra.runtime.settings_sections import AgentSettings
from schemas.attributes import Attributes
from schemas.ticket import UploadTicket
from storage_agent.giving import CHECKED_BYTES
from storage_agent.layout import attr_name, directory_of
from tests.agents import SETTINGS, Plane, a_plane, sha256, some_bytes
from tests.unit.storage_agent.test_proven_downloads import settle

PAGE = Path(__file__).parents[3] / "infra" / "PROXIES.md"
LOCATION = "/artstore-element/"
TAKES_OVER = {"X-Accel-Location": LOCATION}
SIZE = CHECKED_BYTES + 600_000
DATA = some_bytes(SIZE)
PART = {"Range": f"bytes=1-{CHECKED_BYTES + 1}"}
# As long as an operating system lets a client name a file; the stored name is cut.
NAME = "Отчёт №7, 100% & «дела» #1+" + "я" * 105 + "1.bin"
# What nginx copies from such an answer by itself, beside the type of the content.
COPIED = {"cache-control", "content-disposition", "set-cookie", "expires", "accept-ranges"}


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot", settings=SETTINGS.model_copy(update={"accel_location": LOCATION})) as plane:
        yield plane


async def test_a_part_is_handed_over_as_a_path_of_the_layout(plane: Plane) -> None:
    ticket = await plane.stored(DATA, NAME)
    alone = await plane.get(ticket, PART)
    answer = await plane.get(ticket, {**PART, **TAKES_OVER})
    assert (answer.status_code, answer.content) == (206, b"")
    address = answer.headers["X-Accel-Redirect"]
    path = address.removeprefix(LOCATION)
    assert unquote(path) == in_place(plane, ticket)
    assert (plane.root / unquote(path)).read_bytes() == DATA
    assert path == quote(unquote(path))
    assert address.isascii()
    said = {name.removeprefix("x-accel-"): text for name, text in answer.headers.items()}
    gone = {name for name, text in alone.headers.items() if said.get(name) != text}
    assert gone == {"content-length", "content-range"}
    assert not COPIED & answer.headers.keys()


async def test_the_printed_settings_give_the_client_every_field_of_the_answer(plane: Plane) -> None:
    ticket = await plane.stored(DATA)
    lines = PAGE.read_text(encoding="utf-8")
    alone = await plane.get(ticket, {**PART, "Origin": "https://archive.example"})
    handed = await plane.get(ticket, {**PART, **TAKES_OVER, "Origin": "https://archive.example"})
    for name in alone.headers.keys() - {"content-type", "content-length", "content-range"}:
        source = name if name in handed.headers else f"x-accel-{name}"
        line = f"add_header {name} $upstream_http_{source.replace('-', '_')};"
        assert (source in handed.headers, line in lines.lower()) == (True, True), line


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"Range": "bytes=0-"},
        {"Range": f"bytes=0-{CHECKED_BYTES - 1}"},
        {"Range": f"bytes=1-{CHECKED_BYTES + 9},{CHECKED_BYTES + 1000}-"},
        {"Range": f"bytes=1-{CHECKED_BYTES + 1},2-9"},
        {"Range": "bytes= 1-"},
        {"Range": "Bytes=1-"},
        {"Range": "bytes=1-" + "9" * 19},
        {**PART, "If-Range": '"another"'},
        {**PART, "If-Match": "*"},
        {**PART, "If-None-Match": '"another"'},
        {**PART, "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {**PART, "If-Unmodified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ],
)
async def test_what_is_read_first_or_what_nginx_could_read_otherwise_the_agent_sends(
    plane: Plane, asked: Mapping[str, str]
) -> None:
    ticket = await plane.stored(DATA)
    alone, answer = await plane.get(ticket, asked), await plane.get(ticket, {**asked, **TAKES_OVER})
    assert (alone.status_code in {200, 206}, len(alone.content) > 0) == (True, True)
    assert (answer.status_code, answer.content, answer.headers) == (alone.status_code, alone.content, alone.headers)


async def test_a_whole_body_is_handed_over_once_it_was_found_right_and_not_when_it_has_changed(plane: Plane) -> None:
    ticket = await plane.stored(DATA)
    settle(plane)
    assert (await plane.get(ticket, TAKES_OVER)).content == DATA
    answer = await plane.get(ticket, TAKES_OVER)
    assert (answer.status_code, answer.content, "X-Accel-Redirect" in answer.headers) == (200, b"", True)
    (plane.root / in_place(plane, ticket)).touch()
    assert (await plane.get(ticket, TAKES_OVER)).content == DATA


async def test_a_resumed_part_of_the_same_bytes_is_handed_over(plane: Plane) -> None:
    ticket = await plane.stored(DATA)
    answer = await plane.get(ticket, {**PART, **TAKES_OVER, "If-Range": f'"sha256:{sha256(DATA)}"'})
    assert "X-Accel-Redirect" in answer.headers


@pytest.mark.parametrize("said", ["", "/", "/artstore-element", "/artstore-element/x", "/documents/"])
async def test_who_does_not_say_that_he_takes_over_at_this_location_gets_the_bytes(plane: Plane, said: str) -> None:
    ticket = await plane.stored(DATA)
    answer = await plane.get(ticket, {**PART, "X-Accel-Location": said})
    assert answer.content == DATA[1 : CHECKED_BYTES + 2]
    assert not [name for name in answer.headers if name.startswith("x-accel")]


async def test_unless_it_is_set_nothing_is_handed_over(tmp_path: Path) -> None:
    async with a_plane(tmp_path / "hot") as plane:
        ticket = await plane.stored(DATA)
        answer = await plane.get(ticket, {**PART, **TAKES_OVER})
    assert answer.content == DATA[1 : CHECKED_BYTES + 2]
    assert not [name for name in answer.headers if name.startswith("x-accel")]


async def test_of_what_was_handed_over_no_byte_is_counted(plane: Plane) -> None:
    ticket = await plane.stored(DATA)
    await plane.get(ticket, {**PART, **TAKES_OVER})
    told = plane.metrics.render().decode()
    assert "artstore_downloads_handed_over_total 1.0" in told
    assert "artstore_download_bytes_total 0.0" in told


async def test_nobody_who_may_not_read_gets_a_path(plane: Plane) -> None:
    ticket = await plane.stored(DATA)
    refused = await plane.client.get(
        f"/documents/{ticket.document_id}/versions/1/content", headers={**PART, **TAKES_OVER}
    )
    assert (refused.status_code, "X-Accel-Redirect" in refused.headers) == (401, False)
    (plane.root / in_place(plane, ticket)).write_bytes(DATA[:-1])
    damaged = await plane.get(ticket, {**PART, **TAKES_OVER})
    assert (damaged.status_code, "X-Accel-Redirect" in damaged.headers) == (500, False)


async def test_a_body_on_its_way_into_place_is_sent_by_the_agent(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = await plane.stored(DATA)
    find = plane.documents.find

    def found_in_staging(document_id: str, version: int) -> object:
        found = find(document_id, version)
        assert found is not None
        moved = plane.root / "staging" / "body"
        if not moved.exists():
            moved.hardlink_to(found.body)
        return type(found)(found.attributes, found.attr, moved)

    monkeypatch.setattr(plane.documents, "find", found_in_staging)
    answer = await plane.get(ticket, {**PART, **TAKES_OVER})
    assert answer.content == DATA[1 : CHECKED_BYTES + 2]


@pytest.mark.parametrize(
    "location", ["artstore", "/artstore", "artstore/", "/a/b/", "/a b/", "/../", "/a/\n", "//", ""]
)
def test_a_location_is_one_plain_folder(location: str) -> None:
    with pytest.raises(ValidationError):
        AgentSettings(accel_location=location)


def in_place(plane: Plane, ticket: UploadTicket) -> str:
    directory = directory_of(ticket.document_id)
    attr = (plane.root / directory / attr_name(ticket.document_id, 1)).read_bytes()
    return f"{directory}/{Attributes.from_sealed(attr).content.stored_name}"
