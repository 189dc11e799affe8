"""Uploads that are ended and begun again by many at once: they have the same names, and never at the same time."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage_agent.resting import RestingFile
from storage_agent.resumable import whole_id
from tests.agents import Plane, a_plane, some_bytes, until
from tests.resuming import ask, create, patch, resting

DATA = some_bytes(300_000)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


async def test_an_upload_that_is_made_and_ended_by_many_at_once_does_no_harm(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    for _ in range(5):
        asked = [create(plane, ticket), create(plane, ticket, content=DATA[:1000]), ask(plane, ticket, "HEAD")]
        asked += [patch(plane, ticket, 0, DATA[:1000]), ask(plane, ticket, "DELETE"), create(plane, ticket)]
        answers = await asyncio.gather(*asked, *(ask(plane, ticket, "DELETE") for _ in range(2)), create(plane, ticket))
        assert {answer.status_code for answer in answers} <= {200, 201, 204, 404, 409, 410, 423}
    await ask(plane, ticket, "DELETE")
    assert resting(plane) == []
    assert (await create(plane, ticket, content=DATA)).status_code == 201
    assert (await plane.get(ticket)).content == DATA


async def test_a_new_upload_begins_when_nothing_of_the_one_before_is_left(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, go, remove = plane.ticket(DATA), threading.Event(), RestingFile._remove
    await create(plane, ticket, content=DATA[:1000])

    def remove_late(file: RestingFile, path: Path) -> None:
        assert go.wait(5)
        remove(file, path)

    monkeypatch.setattr(RestingFile, "_remove", remove_late)
    ending = asyncio.create_task(ask(plane, ticket, "DELETE"))
    await until(lambda: plane.documents.resumables.find(whole_id(ticket)) is None)
    beginning = asyncio.create_task(create(plane, ticket, content=DATA[:2000]))
    await asyncio.sleep(0.1)
    go.set()
    assert [answer.status_code for answer in await asyncio.gather(ending, beginning)] == [204, 201]
    assert (await patch(plane, ticket, 2000, DATA[2000:])).status_code == 204
    assert (await plane.get(ticket)).content == DATA
