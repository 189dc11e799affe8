"""Links: they open one document, for whoever has them, until they expire or their key is retired."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.keys import KeyRing
from schemas.ticket import TicketUse, UploadTicket
from tests.agents import KID, Plane, a_plane, a_ring, path_of

DATA = "Ледоход".encode()
WEEK = timedelta(days=7)


@dataclass
class Keys:
    ring: KeyRing = field(default_factory=a_ring)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
async def plane(tmp_path: Path, keys: Keys) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot", ring=lambda: keys.ring) as plane:
        yield plane


async def asked(plane: Plane, ticket: UploadTicket, link: str, what: str = "content") -> tuple[int, bytes]:
    answer = await plane.client.get(path_of(ticket, what), params={"ticket": link})
    return answer.status_code, answer.content


async def test_a_link_opens_its_document_until_it_expires(plane: Plane) -> None:
    ticket = await plane.stored(DATA, "a.txt")
    link = plane.download_ticket(ticket, TicketUse.LINK, WEEK)
    assert await asked(plane, ticket, link) == (200, DATA)
    plane.clock.advance(WEEK.total_seconds() - 1)
    assert await asked(plane, ticket, link) == (200, DATA)
    plane.clock.advance(2)
    assert (await asked(plane, ticket, link))[0] == 401


async def test_a_link_ends_with_the_key_that_signed_it(plane: Plane, keys: Keys) -> None:
    ticket = await plane.stored(DATA, "a.txt")
    link = plane.download_ticket(ticket, TicketUse.LINK, WEEK)
    assert await asked(plane, ticket, link) == (200, DATA)
    keys.ring = keys.ring.with_retired(KID, plane.clock.now())
    status, problem = await asked(plane, ticket, link)
    assert (status, json.loads(problem)["code"]) == (401, "invalid_ticket")
    assert "its key is retired" in json.loads(problem)["detail"]
    put = await plane.put(plane.ticket(DATA), DATA)
    assert (put.status_code, put.json()["code"]) == (401, "invalid_ticket")


async def test_a_link_opens_no_other_document_and_not_what_is_said_about_its_own(plane: Plane) -> None:
    ticket, other = await plane.stored(DATA, "a.txt"), await plane.stored(b"other", "b.txt")
    link = plane.download_ticket(ticket, TicketUse.LINK, WEEK)
    assert (await asked(plane, other, link))[0] == 403
    assert (await asked(plane, ticket, link, "attributes"))[0] == 403
    put = await plane.put(plane.ticket(DATA), DATA, bearer=link)
    assert put.status_code == 401


@pytest.mark.parametrize(
    ("use", "life"), [(TicketUse.LINK, WEEK + timedelta(seconds=3)), (TicketUse.DOWNLOAD, timedelta(seconds=303))]
)
async def test_what_is_to_open_for_longer_than_its_use_allows_opens_nothing(
    plane: Plane, use: TicketUse, life: timedelta
) -> None:
    ticket = await plane.stored(DATA, "a.txt")
    assert (await asked(plane, ticket, plane.download_ticket(ticket, use, life)))[0] == 401
