"""Uploads that are resumed: where they are told to be, what ends them, and the one document that comes of them."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha1, sha256
from pathlib import Path

import pytest

from schemas.errors import ArtStoreError, Busy, InsufficientStorage, UploadAbandonedError
from schemas.events import DocumentCommitted
from schemas.registry import decode
from storage_agent import resumable, staging
from storage_agent.digests import digest_value
from storage_agent.resumable import whole_id
from tests.agents import Plane, a_plane, an_abandon_upload, path_of, some_bytes, told
from tests.resuming import BODY, METADATA, TUS, Trickle, ask, create, metadata_of, offset_of, patch, resting

DATA = some_bytes(300_000)
ELF = b"\x7fELF" + bytes(60)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


async def test_anybody_may_ask_what_is_spoken_here(plane: Plane) -> None:
    answer = await plane.client.options(path_of(plane.ticket(DATA), "uploads"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert (answer.headers["Tus-Resumable"], answer.headers["Tus-Version"]) == ("1.0.0", "1.0.0")
    assert {"creation", "checksum", "termination", "expiration"} <= set(answer.headers["Tus-Extension"].split(","))
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1"
    assert int(answer.headers["Tus-Max-Size"]) > 10**15


async def test_an_upload_in_pieces_becomes_the_document_that_a_put_would_have_made(plane: Plane) -> None:
    ticket = plane.ticket(DATA, "Отчёт.bin")
    made = await create(plane, ticket, {"Upload-Metadata": "filename 0J7RgtGH0ZHRgi5iaW4=,empty"})
    assert (made.status_code, made.headers["Upload-Offset"]) == (201, "0")
    assert made.headers["Location"] == f"{path_of(ticket, 'uploads')}/{whole_id(ticket)}"
    assert parsedate_to_datetime(made.headers["Upload-Expires"]) == ticket.deadline_at.replace(microsecond=0)
    for offset in range(0, len(DATA), 100_000):
        assert await offset_of(plane, ticket) == offset
        answer = await patch(plane, ticket, offset, DATA[offset : offset + 100_000])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(offset + 100_000))
        assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Repr-Digest"] == digest_value(sha256(DATA).hexdigest())
    assert answer.headers["ETag"] == f'"sha256:{sha256(DATA).hexdigest()}"'
    assert (await plane.get(ticket)).content == DATA
    assert len(await plane.leftovers()) == 2
    assert resting(plane) == []
    facts = [decode(record.value) for record in (await told(plane.documents, 3)).records]
    assert [type(fact) for fact in facts].count(DocumentCommitted) == 1


async def test_behind_the_commit_all_is_told_again_and_a_put_gets_the_same_receipt(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    first = await create(plane, ticket, content=DATA)
    assert (first.status_code, first.headers["Upload-Offset"]) == (201, str(len(DATA)))
    again = await create(plane, ticket)
    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert again.headers["Upload-Offset"] == str(len(DATA))
    assert await offset_of(plane, ticket) == len(DATA)
    empty = await patch(plane, ticket, len(DATA), b"")
    assert (empty.status_code, empty.headers["ETag"]) == (204, first.headers["ETag"])
    assert (await patch(plane, ticket, 0, DATA)).status_code == 409
    assert (await ask(plane, ticket, "DELETE")).status_code == 409
    assert (await plane.put(ticket, DATA)).json()["sha256"] == sha256(DATA).hexdigest()
    assert (await ask(plane, ticket, "HEAD", f"{path_of(ticket, 'uploads')}/{ticket.ticket_id}")).status_code == 404


@pytest.mark.parametrize("data", [b"", b"small", DATA], ids=["empty", "small", "large"])
async def test_creation_may_bring_all_the_bytes(plane: Plane, data: bytes) -> None:
    ticket = plane.ticket(data)
    assert (await create(plane, ticket, content=data or None)).status_code == 201
    assert (await plane.get(ticket)).content == data
    await plane.documents.settle()
    assert resting(plane) == []


async def test_a_client_that_forgot_its_address_finds_its_upload_by_creating_it_again(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    first = await create(plane, ticket, content=DATA[:1000])
    again = await create(plane, ticket, content=DATA[:1000])
    assert (again.status_code, again.headers["Upload-Offset"]) == (201, "1000")
    assert again.headers["Location"] == first.headers["Location"]
    assert (await patch(plane, ticket, 1000, DATA[1000:])).status_code == 204
    assert (await plane.get(ticket)).content == DATA


async def test_of_many_creations_at_once_one_upload_comes(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    answers = await asyncio.gather(*(create(plane, ticket) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(resting(plane)) == 2


async def test_a_wrong_offset_takes_nothing(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])
    for offset in (0, 999, 1001):
        answer = await patch(plane, ticket, offset, DATA[offset:])
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_offset")
    assert await offset_of(plane, ticket) == 1000


@pytest.mark.parametrize(("algorithm", "function"), [("sha256", sha256), ("sha1", sha1)])
async def test_of_a_patch_with_a_wrong_checksum_nothing_is_kept(plane: Plane, algorithm: str, function: type) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])
    wrong = {"Upload-Checksum": f"{algorithm} {b64encode(function(b'other').digest()).decode()}"}
    for piece in (DATA[1000:280_000], DATA[1000:]):
        answer = await patch(plane, ticket, 1000, piece, wrong)
        assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
        assert await offset_of(plane, ticket) == 1000
    for begin, end in ((1000, 200_000), (200_000, len(DATA))):
        checksum = f"{algorithm} {b64encode(function(DATA[begin:end]).digest()).decode()}"
        assert (await patch(plane, ticket, begin, DATA[begin:end], {"Upload-Checksum": checksum})).status_code == 204
    assert (await plane.get(ticket)).content == DATA


@pytest.mark.parametrize("checksum", ["crc32 AAAA", "sha256 AAAA", "sha256", "sha256 ???"])
async def test_a_checksum_that_cannot_be_compared_is_refused(plane: Plane, checksum: str) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket)
    assert (await patch(plane, ticket, 0, DATA, {"Upload-Checksum": checksum})).status_code == 400
    assert await offset_of(plane, ticket) == 0


async def test_more_bytes_than_announced_are_refused_and_none_of_them_is_kept(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])

    async def too_many() -> AsyncIterator[bytes]:
        yield DATA[1000:]
        yield b"one more"

    assert (await patch(plane, ticket, 1000, DATA)).status_code == 413
    assert (await patch(plane, ticket, 1000, too_many())).status_code == 413
    assert await offset_of(plane, ticket) == 1000
    assert (await patch(plane, ticket, 1000, DATA[1000:])).status_code == 204
    assert (await plane.get(ticket)).content == DATA


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "300001"}, 413),
        ({"Upload-Length": "299999"}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "9" * 40}, 400),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Metadata": "name ???"}, 400),
        ({"Upload-Metadata": "a YQ==,a YQ=="}, 400),
        ({"Upload-Metadata": ""}, 400),
        ({"Upload-Metadata": f"a {'QUFB' * 1024}"}, 400),
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({"Authorization": "Bearer x"}, 401),
    ],
)
async def test_a_creation_that_does_not_fit_makes_nothing(
    plane: Plane, headers: Mapping[str, str], status: int
) -> None:
    answer = await create(plane, plane.ticket(DATA), headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers.get("Tus-Version") == ("1.0.0" if status == 412 else None)
    assert resting(plane) == []


async def test_the_body_must_be_called_what_it_is(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket)
    assert (await patch(plane, ticket, 0, DATA, {"Content-Type": "application/octet-stream"})).status_code == 415
    assert (await patch(plane, ticket, 0, DATA, {"Content-Encoding": "gzip"})).status_code == 415
    assert await offset_of(plane, ticket) == 0


async def test_other_methods_may_stand_behind_a_post(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket)
    headers = {**BODY, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await ask(plane, ticket, "POST", None, headers, DATA[:5])).headers["Upload-Offset"] == "5"
    assert (await ask(plane, ticket, "POST", None, {"X-HTTP-Method-Override": "DELETE"})).status_code == 204
    assert (await ask(plane, ticket, "POST")).status_code == 405


async def test_a_terminated_upload_is_gone_and_its_ticket_is_not_spent(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])
    assert (await ask(plane, ticket, "DELETE")).status_code == 204
    assert resting(plane) == []
    for method in ("HEAD", "DELETE"):
        assert (await ask(plane, ticket, method)).status_code == 404
    assert (await patch(plane, ticket, 1000, DATA[1000:])).status_code == 404
    assert (await create(plane, ticket, content=DATA)).status_code == 201
    assert (await plane.get(ticket)).content == DATA


async def test_the_ticket_of_another_document_opens_nothing(plane: Plane) -> None:
    mine, other = plane.ticket(DATA), plane.ticket(DATA)
    await create(plane, mine)
    path = f"{path_of(mine, 'uploads')}/{whole_id(mine)}"
    assert (await ask(plane, other, "HEAD", path)).status_code == 403
    at_other = f"{path_of(other, 'uploads')}/{whole_id(mine)}"
    assert (await ask(plane, other, "HEAD", at_other)).status_code == 404


async def test_a_renewed_ticket_goes_on_where_the_first_one_was(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])
    plane.clock.advance(5)
    assert (await patch(plane, ticket, 1000, DATA[1000:])).status_code == 204
    assert (await plane.get(ticket)).content == DATA


async def test_a_refusal_by_policy_spends_the_ticket_and_leaves_nothing(plane: Plane) -> None:
    data = ELF + DATA
    ticket = plane.ticket(data)
    await create(plane, ticket, content=data[:1000])
    answer = await patch(plane, ticket, 1000, data[1000:])
    assert (answer.status_code, answer.json()["code"]) == (415, "type_refused")
    assert resting(plane) == []
    assert (await ask(plane, ticket, "HEAD")).status_code == 415
    assert (await plane.put(ticket, data)).json()["code"] == "type_refused"


async def test_a_wrong_announced_digest_leaves_nothing_and_the_ticket_may_try_again(plane: Plane) -> None:
    ticket = plane.ticket(DATA, sha256=sha256(DATA).hexdigest())
    await create(plane, ticket)
    answer = await patch(plane, ticket, 0, DATA[:-1] + b"?")
    assert (answer.status_code, answer.json()["code"]) == (422, "digest_mismatch")
    assert resting(plane) == []
    assert (await create(plane, ticket, content=DATA)).status_code == 201


@pytest.mark.parametrize("error", [Busy, InsufficientStorage])
async def test_a_commit_that_may_come_about_later_keeps_the_upload_and_never_tells_all_of_it_as_taken(
    plane: Plane, error: type[ArtStoreError], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])

    async def refuse() -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(plane.documents._parts.settler, "room", refuse)
        assert (await patch(plane, ticket, 1000, DATA[1000:])).json()["code"] == error.code
    assert await offset_of(plane, ticket) == 1000
    assert (await patch(plane, ticket, 1000, DATA[1000:])).status_code == 204
    assert (await plane.get(ticket)).content == DATA


async def test_an_expired_upload_is_gone_and_swept(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])
    bearer = {"Authorization": f"Bearer {plane.signed(ticket)}"}
    plane.clock.advance((ticket.deadline_at_max - plane.clock.now()) / timedelta(seconds=1) + 1)
    path = f"{path_of(ticket, 'uploads')}/{whole_id(ticket)}"
    answer = await plane.client.request("HEAD", path, headers={**bearer, **TUS})
    assert answer.status_code == 410
    await plane.documents.resumables.sweep()
    assert resting(plane) == []


async def test_an_upload_that_is_given_up_is_removed_with_its_bytes(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])
    plane.clock.advance(16)
    command = an_abandon_upload(ticket)
    await plane.documents.accept_command(command)
    await plane.documents.abandon(command)
    assert resting(plane) == []
    for method in ("HEAD", "DELETE"):
        assert (await ask(plane, ticket, method)).status_code == 410
    with pytest.raises(UploadAbandonedError):
        plane.documents.admit(ticket)


async def test_a_patch_that_hangs_blocks_neither_head_nor_the_next_patch_which_takes_over(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "TURN_SECONDS", 5)
    ticket = plane.ticket(DATA)
    await create(plane, ticket)
    body = Trickle(DATA[:1000], DATA[1000:])
    hanging = asyncio.create_task(patch(plane, ticket, 0, body.__aiter__()))
    await body.asked.wait()
    try:
        assert await offset_of(plane, ticket) == 1000
        assert (await patch(plane, ticket, 0, DATA)).status_code == 409
        assert (await patch(plane, ticket, 1000, DATA[1000:])).status_code == 204
    finally:
        body.more.set()
        answer = await hanging
    assert answer.status_code == 423
    assert (await plane.get(ticket)).content == DATA


async def test_of_many_patches_at_once_one_writes_and_one_document_comes(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket)
    answers = await asyncio.gather(*(patch(plane, ticket, 0, DATA) for _ in range(4)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 409, 423}
    assert (await plane.get(ticket)).content == DATA
    assert len(await plane.leftovers()) == 2


async def test_an_element_takes_so_many_uploads_and_no_more(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable, "OPEN_MAX", 2)
    tickets = [plane.ticket(DATA) for _ in range(3)]
    answers = [await create(plane, ticket) for ticket in tickets]
    assert [answer.status_code for answer in answers] == [201, 201, 503]
    assert (await ask(plane, tickets[0], "DELETE")).status_code == 204
    assert (await create(plane, tickets[2])).status_code == 201


async def test_a_put_beside_an_open_upload_wins_and_the_upload_is_swept(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])
    assert (await plane.put(ticket, DATA)).status_code == 200
    assert await offset_of(plane, ticket) == len(DATA)
    await plane.documents.resumables.sweep()
    assert resting(plane) == []
    assert (await plane.get(ticket)).content == DATA


@pytest.mark.parametrize("small_bytes", [staging.SMALL_BYTES, 10])
async def test_an_upload_goes_on_behind_a_restart(
    tmp_path: Path, small_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "SMALL_BYTES", small_bytes)
    data = DATA[:100_000]
    async with a_plane(tmp_path / "hot") as plane:
        ticket = plane.ticket(data)
        await create(plane, ticket, METADATA, data[:1000])
    async with a_plane(tmp_path / "hot") as plane:
        assert await offset_of(plane, ticket) == 1000
        assert await metadata_of(plane, ticket) == METADATA["Upload-Metadata"]
        assert (await patch(plane, ticket, 1000, data[1000:])).status_code == 204
        assert (await plane.get(ticket)).content == data
    async with a_plane(tmp_path / "hot") as plane:
        assert await metadata_of(plane, ticket) == METADATA["Upload-Metadata"]
        await plane.documents.settle()
        assert resting(plane) == []


async def test_bytes_that_somebody_takes_away_end_their_upload_and_nothing_else(plane: Plane) -> None:
    ticket = plane.ticket(DATA)
    await create(plane, ticket, content=DATA[:1000])
    next((plane.root / "uploads").glob("*.upload")).unlink()
    assert (await patch(plane, ticket, 1000, DATA[1000:])).status_code == 410
    assert (await ask(plane, ticket, "HEAD")).status_code == 404
    assert (await create(plane, ticket, content=DATA)).status_code == 201
    assert (await plane.get(ticket)).content == DATA


async def test_bytes_that_have_rotted_meanwhile_are_not_gone_on_with(tmp_path: Path) -> None:
    async with a_plane(tmp_path / "hot") as plane:
        ticket = plane.ticket(DATA)
        await create(plane, ticket, content=DATA[:1000])
    body = next((tmp_path / "hot" / "uploads").glob("*.upload"))
    body.write_bytes(b"?" + DATA[1:1000])
    async with a_plane(tmp_path / "hot") as plane:
        assert (await ask(plane, ticket, "HEAD")).status_code == 404
        assert resting(plane) == []
        assert (await create(plane, ticket, content=DATA)).status_code == 201
