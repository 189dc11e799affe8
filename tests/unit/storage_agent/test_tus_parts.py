"""Uploads in parts that come side by side: joined in the order that is asked for, into one document."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest

from schemas.errors import Busy
from schemas.ticket import UploadTicket
from storage_agent import resumable, staging
from tests.agents import Plane, a_plane, path_of, some_bytes
from tests.resuming import BODY, ask, create, resting

DATA = some_bytes(300_000)
CUTS = (0, 100_000, 250_000, 300_000)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


async def a_part(plane: Plane, ticket: UploadTicket, size: int) -> httpx2.Response:
    return await create(plane, ticket, {"Upload-Concat": "partial", "Upload-Length": str(size)})


async def bring(plane: Plane, ticket: UploadTicket, path: str, data: bytes, offset: int = 0) -> httpx2.Response:
    return await ask(plane, ticket, "PATCH", path, {**BODY, "Upload-Offset": str(offset)}, data)


async def parts_of(plane: Plane, ticket: UploadTicket, data: bytes, cuts: tuple[int, ...] = CUTS) -> list[str]:
    """Bring `data` in parts, side by side; return their addresses in order."""
    pieces = [data[begin:end] for begin, end in pairwise(cuts)]
    made = [(await a_part(plane, ticket, len(piece))).headers["Location"] for piece in pieces]
    brought = (bring(plane, ticket, path, piece) for path, piece in zip(made, pieces, strict=True))
    answers = await asyncio.gather(*brought)
    assert {answer.status_code for answer in answers} == {204}
    return made


async def join(plane: Plane, ticket: UploadTicket, parts: list[str]) -> httpx2.Response:
    return await ask(plane, ticket, "POST", path_of(ticket, "uploads"), {"Upload-Concat": f"final;{' '.join(parts)}"})


@pytest.mark.parametrize("small_bytes", [staging.SMALL_BYTES, 10**6], ids=["large", "small"])
async def test_parts_become_one_document_in_the_order_asked_for(
    plane: Plane, small_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "SMALL_BYTES", small_bytes)
    ticket = plane.ticket(DATA, sha256=sha256(DATA).hexdigest())
    parts = await parts_of(plane, ticket, DATA)
    for part, size in zip(parts, (100_000, 150_000, 50_000), strict=True):
        told = await ask(plane, ticket, "HEAD", part)
        assert (told.headers["Upload-Offset"], told.headers["Upload-Length"]) == (str(size), str(size))
        assert told.headers["Upload-Concat"] == "partial"
    named = [parts[0], f"http://agent{parts[1]}", parts[2]]
    joined = await join(plane, ticket, named)
    assert (joined.status_code, joined.headers["Upload-Offset"]) == (201, str(len(DATA)))
    assert (await plane.get(ticket)).content == DATA
    assert len(await plane.leftovers()) == 2
    assert resting(plane) == []
    again = await join(plane, ticket, parts)
    assert (again.status_code, again.headers["Location"]) == (201, joined.headers["Location"])
    ended = await ask(plane, ticket, "HEAD", joined.headers["Location"])
    assert ended.headers["Upload-Offset"] == str(len(DATA))
    assert ended.headers["Upload-Concat"] == f"final;{' '.join(named)}"


async def test_parts_are_resumed_and_joined_behind_a_restart(tmp_path: Path) -> None:
    async with a_plane(tmp_path / "hot") as plane:
        ticket = plane.ticket(DATA)
        first = (await a_part(plane, ticket, 200_000)).headers["Location"]
        second = (await a_part(plane, ticket, 100_000)).headers["Location"]
        await bring(plane, ticket, first, DATA[:150_000])
        await bring(plane, ticket, second, DATA[200_000:])
    async with a_plane(tmp_path / "hot") as plane:
        assert (await bring(plane, ticket, first, DATA[150_000:200_000], 150_000)).status_code == 204
        joined = await join(plane, ticket, [first, second])
        assert joined.status_code == 201
        assert (await plane.get(ticket)).content == DATA
        await plane.documents.settle()
        assert resting(plane) == []
    async with a_plane(tmp_path / "hot") as plane:
        ended = await ask(plane, ticket, "HEAD", joined.headers["Location"])
        assert ended.headers["Upload-Concat"] == f"final;{first} {second}"


async def test_what_is_not_all_there_or_not_its_own_is_not_joined(plane: Plane) -> None:
    ticket, other = plane.ticket(DATA), plane.ticket(DATA)
    parts = await parts_of(plane, ticket, DATA)
    strange = (await a_part(plane, other, 10)).headers["Location"]
    whole = (await create(plane, ticket)).headers["Location"]
    for wrong, status in (
        (parts[:2], 400),
        ([parts[0], parts[1], strange], 400),
        ([parts[0], parts[1], whole], 409),
        ([parts[0], parts[0]], 400),
        ([*parts, f"{path_of(ticket, 'uploads')}/nothing"], 404),
        ([], 400),
    ):
        assert (await join(plane, ticket, wrong)).status_code == status, wrong
    assert (await join(plane, ticket, parts)).status_code == 201
    assert (await plane.get(ticket)).content == DATA


async def test_an_unfinished_part_is_not_joined(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    parts = [(await a_part(plane, ticket, len(DATA) // 2)).headers["Location"] for _ in range(2)]
    await bring(plane, ticket, parts[0], DATA[: len(DATA) // 2])
    assert (await join(plane, ticket, parts)).status_code == 409
    await bring(plane, ticket, parts[1], DATA[len(DATA) // 2 :])
    assert (await join(plane, ticket, parts)).status_code == 201


async def test_a_join_that_is_refused_for_now_leaves_the_parts_as_they_were(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = plane.ticket(DATA)
    parts = await parts_of(plane, ticket, DATA)

    async def refuse() -> None:
        raise Busy

    with monkeypatch.context() as patched:
        patched.setattr(plane.documents._parts.settler, "room", refuse)
        assert (await join(plane, ticket, parts)).status_code == 503
    told = await ask(plane, ticket, "HEAD", parts[0])
    assert (told.headers["Upload-Offset"], told.headers["Upload-Length"]) == ("100000", "100000")
    # In another order too: neither what was written behind the first part nor the order of the ids is what counts.
    pieces = {part: DATA[begin:end] for part, (begin, end) in zip(parts, pairwise(CUTS), strict=True)}
    asked = sorted(parts, reverse=True)
    assert (await join(plane, ticket, asked)).status_code == 201
    assert (await plane.get(ticket)).content == b"".join(pieces[part] for part in asked)


async def test_a_join_with_other_bytes_than_announced_leaves_nothing(plane: Plane) -> None:
    ticket = plane.ticket(DATA, sha256=sha256(DATA).hexdigest())
    parts = await parts_of(plane, ticket, DATA)
    assert (await join(plane, ticket, parts[::-1])).json()["code"] == "digest_mismatch"
    assert resting(plane) == []
    assert (await create(plane, ticket, content=DATA)).status_code == 201


async def test_parts_are_bounded_in_number_and_size(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable, "PARTS_MAX", 3)
    ticket = plane.ticket(DATA)
    assert (await a_part(plane, ticket, len(DATA) + 1)).status_code == 413
    statuses = [(await a_part(plane, ticket, size)).status_code for size in (len(DATA), 1, 0, 0, 0)]
    assert statuses == [201, 413, 201, 201, 413]


async def test_of_many_joins_at_once_one_document_comes(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    parts = await parts_of(plane, ticket, DATA)
    answers = await asyncio.gather(*(join(plane, ticket, parts) for _ in range(3)))
    assert 201 in {answer.status_code for answer in answers}
    assert {answer.status_code for answer in answers} <= {201, 404, 409, 423}
    assert (await plane.get(ticket)).content == DATA
    assert len(await plane.leftovers()) == 2
