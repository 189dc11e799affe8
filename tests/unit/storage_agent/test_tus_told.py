"""What is told of an upload beside its bytes: what its client said of it, and when it expires."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from storage_agent.resumable import expiry_of
from tests.agents import Plane, a_plane, some_bytes
from tests.builders import NOW, a_ticket, an_upload_request
from tests.resuming import METADATA, ask, create, metadata_of, patch

DATA = some_bytes(30_000)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


async def test_what_was_said_of_an_upload_is_told_as_it_was_given_at_first_and_after_the_end(plane: Plane) -> None:
    ticket, silent = plane.ticket(DATA), plane.ticket(DATA)
    assert "Upload-Metadata" not in (await create(plane, ticket, METADATA)).headers
    await create(plane, ticket, {"Upload-Metadata": "filename YQ=="})
    assert await metadata_of(plane, ticket) == METADATA["Upload-Metadata"]
    await patch(plane, ticket, 0, DATA)
    ended = await ask(plane, ticket, "HEAD")
    assert ended.headers["Upload-Metadata"] == METADATA["Upload-Metadata"]
    assert "Upload-Expires" not in ended.headers
    await create(plane, silent)
    assert await metadata_of(plane, silent) is None


def test_an_upload_expires_when_its_saga_asks_for_it_next() -> None:
    day = timedelta(hours=24)
    ticket = a_ticket(an_upload_request()).model_copy(update={"deadline_at_max": NOW + 2.5 * day})
    moments = {0: day, 23: day, 24: 2 * day, 47: 2 * day, 48: 2.5 * day, 60: 2.5 * day}
    assert [expiry_of(ticket, NOW + timedelta(hours=hours)) - NOW for hours in moments] == [*moments.values()]
    at_once = ticket.model_copy(update={"deadline_at": NOW})
    assert expiry_of(at_once, NOW + day) == NOW
