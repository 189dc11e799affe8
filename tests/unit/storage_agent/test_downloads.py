"""GET and HEAD: the right bytes, the right headers, and nothing to who may not see it."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from schemas.attributes import Attributes
from schemas.elements import Mode
from storage_agent.derived import text_path
from storage_agent.digests import digest_value
from storage_agent.documents import Documents
from storage_agent.element import set_mode
from storage_agent.giving import CHECKED_BYTES, READ_BYTES
from storage_agent.holdings import StoredDocument
from tests.agents import SECRET, Plane, a_plane, path_of, sha256, some_bytes

DATA = some_bytes(600_000)
LARGE = CHECKED_BYTES + READ_BYTES


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


async def test_the_whole_document_comes_with_all_that_is_known_about_it(plane: Plane) -> None:
    ticket = await plane.stored(DATA, "Отчёт_2026.bin")
    answer = await plane.get(ticket)
    assert (answer.status_code, answer.content == DATA) == (200, True)
    headers = answer.headers
    assert headers["ETag"] == f'"sha256:{sha256(DATA)}"'
    assert headers["Content-Length"] == str(len(DATA))
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Repr-Digest"] == digest_value(sha256(DATA))
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Last-Modified"].endswith("GMT")
    assert "filename*=UTF-8''%D0%9E%D1%82%D1%87%D1%91%D1%82_2026.bin" in headers["Content-Disposition"]


async def test_head_tells_the_same_without_the_bytes(plane: Plane) -> None:
    ticket = await plane.stored(DATA)
    whole, head = await plane.get(ticket), await plane.get(ticket, {"Range": "bytes=0-1"}, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    told = dict(whole.headers)
    # Of what is not sent there is no digest.
    assert told.pop("content-digest") == digest_value(sha256(DATA))
    assert dict(head.headers) == told


@pytest.mark.parametrize("first", [0, 1, 262_143, 262_144, 262_145, 599_999])
async def test_a_range_brings_exactly_its_bytes(plane: Plane, first: int) -> None:
    ticket = await plane.stored(DATA)
    last = min(first + 300_000, len(DATA) - 1)
    answer = await plane.get(ticket, {"Range": f"bytes={first}-{last}"})
    assert (answer.status_code, answer.content == DATA[first : last + 1]) == (206, True)
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(DATA)}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


async def test_a_range_behind_the_end_is_a_problem_that_names_the_size(plane: Plane) -> None:
    ticket = await plane.stored(b"0123456789", "a.txt")
    answer = await plane.get(ticket, {"Range": "bytes=10-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize("size", [600_000, LARGE])
async def test_several_ranges_come_in_one_answer_with_a_digest_of_what_is_sent(plane: Plane, size: int) -> None:
    data = some_bytes(size)
    ticket = await plane.stored(data)
    answer = await plane.get(ticket, {"Range": f"bytes=-3,0-9,300000-{300_000 + READ_BYTES}"})
    kind, _, boundary = answer.headers["Content-Type"].partition("; boundary=")
    assert (answer.status_code, kind) == (206, "multipart/byteranges")
    heads = [
        f"--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {ends}/{size}\r\n\r\n"
        for ends in (f"{size - 3}-{size - 1}", "0-9", f"300000-{300_000 + READ_BYTES}")
    ]
    parts = (data[-3:], data[:10], data[300_000 : 300_001 + READ_BYTES])
    bodies = [head.encode() + part + b"\r\n" for head, part in zip(heads, parts, strict=True)]
    assert answer.content == b"".join(bodies) + f"--{boundary}--\r\n".encode()
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.headers["Content-Digest"] == digest_value(sha256(answer.content))
    assert answer.headers["Repr-Digest"] == digest_value(sha256(data))


async def test_of_what_is_sent_before_all_of_it_is_read_there_is_no_digest(plane: Plane) -> None:
    ticket = await plane.stored(some_bytes(LARGE))
    part = await plane.get(ticket, {"Range": f"bytes=1-{CHECKED_BYTES + 1}"})
    assert "Content-Digest" not in part.headers
    whole, head = await plane.get(ticket), await plane.get(ticket, method="HEAD")
    assert whole.headers["Content-Digest"] == whole.headers["Repr-Digest"] == head.headers["Repr-Digest"]
    assert "Content-Digest" not in head.headers


async def test_digests_that_have_no_weight_are_left_out(plane: Plane) -> None:
    ticket = await plane.stored(b"0123456789", "a.txt")
    answer = await plane.get(ticket, {"Want-Repr-Digest": "sha-256=0", "Want-Content-Digest": "md5=3, sha-256=0"})
    assert answer.headers.keys().isdisjoint({"repr-digest", "content-digest"})
    assert "content-digest" in (await plane.get(ticket, {"Want-Content-Digest": "sha-512=10"})).headers


async def test_another_tag_brings_the_whole_and_the_right_date_a_part(plane: Plane) -> None:
    ticket = await plane.stored(b"0123456789", "a.txt")
    whole = await plane.get(ticket, {"Range": "bytes=0-1", "If-Range": '"sha256:00"'})
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    part = await plane.get(ticket, {"Range": "bytes=0-1", "If-Range": whole.headers["Last-Modified"]})
    assert (part.status_code, part.content) == (206, b"01")


async def test_what_the_client_has_is_not_sent_again(plane: Plane) -> None:
    ticket = await plane.stored(b"0123456789", "a.txt")
    etag = f'"sha256:{sha256(b"0123456789")}"'
    answer = await plane.get(ticket, {"If-None-Match": etag, "Range": "bytes=0-1"})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == etag
    assert answer.headers.keys().isdisjoint({"content-type", "last-modified", "repr-digest", "content-disposition"})
    assert (await plane.get(ticket, {"If-Match": '"sha256:00"'})).status_code == 412


async def test_text_is_named_without_a_charset_that_nobody_knows(plane: Plane) -> None:
    ticket = await plane.stored("Привет".encode("cp1251"), "a.txt")
    assert (await plane.get(ticket)).headers["Content-Type"] == "text/plain"


async def test_attributes_come_byte_for_byte(plane: Plane) -> None:
    ticket = await plane.stored(DATA)
    answer = await plane.get(ticket, what="attributes")
    name = next(name for name in await plane.leftovers() if name.endswith("attr.json"))
    assert answer.content == (plane.root / name).read_bytes()
    assert Attributes.from_sealed(answer.content).document_id == ticket.document_id
    again = await plane.get(ticket, {"If-None-Match": answer.headers["ETag"]}, what="attributes")
    assert again.status_code == 304
    assert (await plane.get(ticket, {"If-Match": '"sha256:00"'}, what="attributes")).status_code == 412


async def test_without_a_ticket_for_this_document_nothing_is_given(plane: Plane) -> None:
    ticket, other = await plane.stored(DATA), await plane.stored(b"other", "b.txt")
    naked = await plane.client.get(path_of(ticket))
    assert (naked.status_code, naked.json()["code"]) == (401, "invalid_ticket")
    swapped = await plane.client.get(path_of(ticket), params={"ticket": plane.download_ticket(other)})
    assert swapped.status_code == 403
    upload = await plane.client.get(path_of(ticket), params={"ticket": plane.signed(ticket)})
    assert upload.status_code == 401


async def test_a_document_that_is_not_here_is_not_found(plane: Plane) -> None:
    ticket = plane.ticket(b"never sent")
    for what in ("content", "attributes"):
        answer = await plane.get(ticket, what=what)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_cut_body_is_never_given(plane: Plane) -> None:
    ticket = await plane.stored(DATA)
    body = next(name for name in await plane.leftovers() if not name.endswith("attr.json"))
    (plane.root / body).write_bytes(DATA[:-1])
    answer = await plane.get(ticket)
    assert (answer.status_code, answer.json()["code"]) == (500, "body_damaged")


async def test_an_archived_element_gives_attributes_and_no_content(tmp_path: Path) -> None:
    async with a_plane(tmp_path / "vault") as plane:
        ticket = await plane.stored(DATA)
    set_mode(tmp_path / "vault", Mode.ARCHIVE, plane.clock.now())
    async with a_plane(tmp_path / "vault") as plane:
        refused = await plane.get(ticket)
        assert (refused.status_code, refused.json()["code"]) == (423, "mode_forbids")
        assert (await plane.get(ticket, what="attributes")).status_code == 200


async def test_a_text_is_given_to_programs_only(plane: Plane) -> None:
    ticket = await plane.stored(b"words", "a.txt")
    path = text_path(plane.root, ticket.document_id, 1)
    headers = {"Authorization": f"Bearer {SECRET}"}
    assert (await plane.client.get(path_of(ticket, "text"), headers=headers)).status_code == 404
    path.parent.mkdir(parents=True)
    path.write_text("слова", encoding="utf-8")
    answer = await plane.client.get(path_of(ticket, "text"), headers=headers)
    assert (answer.status_code, answer.text) == (200, "слова")
    for wrong in (b"", b"Bearer \xff", f"Basic {SECRET}".encode()):
        refused = await plane.client.get(path_of(ticket, "text"), headers={b"Authorization": wrong})
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("version", ["9" * 5000, "x", "-1", "１"])
async def test_what_is_no_version_is_not_found(plane: Plane, version: str) -> None:
    ticket = await plane.stored(DATA)
    path = path_of(ticket, "content").replace("/versions/1/", f"/versions/{version}/")
    for method in ("GET", "PUT"):
        answer = await plane.client.request(method, path, headers={"Authorization": "Bearer x"})
        assert answer.status_code in {401, 404}
    text = await plane.client.get(path.replace("content", "text"), headers={"Authorization": f"Bearer {SECRET}"})
    assert (text.status_code, text.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/content", 405)])
async def test_every_error_is_a_problem(plane: Plane, method: str, path: str, status: int) -> None:
    whole = f"/documents/{plane.ticket(b'').document_id}/versions/1{path}" if path == "/content" else path
    answer = await plane.client.request(method, whole)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=3-5"}], ids=["whole", "part"])
async def test_a_small_document_costs_one_change_of_threads(
    plane: Plane, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await plane.stored(b"0123456789", "a.txt")
    changes = list[object]()

    async def noted(work: Callable[..., object], *args: object) -> object:
        changes.append(work)
        return work(*args)

    monkeypatch.setattr("asyncio.to_thread", noted)
    answer = await plane.get(ticket, headers)
    assert answer.content == (b"345" if headers else b"0123456789")
    assert len(changes) == 1


async def test_the_loop_turns_while_a_drive_takes_its_time(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = await plane.stored(b"0123456789", "a.txt")
    find, turned = Documents.find, threading.Event()

    def slow(self: Documents, document_id: str, version: int) -> StoredDocument | None:
        assert turned.wait(5), "the loop waits for the drive"
        return find(self, document_id, version)

    monkeypatch.setattr(Documents, "find", slow)
    asyncio.get_running_loop().call_later(0.02, turned.set)
    assert (await plane.get(ticket)).content == b"0123456789"


async def test_attributes_that_change_on_the_drive_are_not_what_they_were(plane: Plane) -> None:
    ticket, other = await plane.stored(b"0123456789", "a.txt"), await plane.stored(b"another", "a.txt")
    for each in (ticket, other, ticket):
        told = Attributes.from_sealed((await plane.get(each, what="attributes")).content)
        assert told.document_id == each.document_id
        assert (await plane.get(each)).headers["ETag"] == f'"sha256:{told.content.sha256}"'
    attr = next(plane.root.rglob(f"{ticket.document_id}.v1.attr.json"))
    before, kept = attr.read_bytes(), attr.stat()
    attr.write_bytes(before.replace(b"a.txt", b"b.txt"))
    os.utime(attr, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert (await plane.get(ticket)).json()["code"] == "seal_broken"


async def test_a_document_is_described_as_its_attributes_are_now(plane: Plane) -> None:
    ticket = await plane.stored(b"0123456789", "a.txt")
    assert 'filename="a.txt"' in (await plane.get(ticket)).headers["Content-Disposition"]
    attr = next(plane.root.rglob(f"{ticket.document_id}.v1.attr.json"))
    told = Attributes.from_sealed(attr.read_bytes())
    renamed = told.content.model_copy(update={"original_filename": "b.txt"})
    attr.write_bytes(told.model_copy(update={"content": renamed}).sealed())
    answer = await plane.get(ticket)
    assert (answer.content, 'filename="b.txt"' in answer.headers["Content-Disposition"]) == (b"0123456789", True)
