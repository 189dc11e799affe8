"""PUT of a document's bytes: what is committed, what is refused, and that a refusal leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.types import Message

from schemas.attributes import Attributes
from schemas.elements import Mode
from schemas.events import DocumentCommitted
from schemas.registry import decode
from schemas.replies import ContentCommitted, UploadAbandoned, UploadRefused
from schemas.ticket import UploadTicket
from storage_agent.digests import digest_value
from tests.agents import Plane, a_plane, an_abandon_upload, path_of, sha256, some_bytes, told

ELF = b"\x7fELF" + bytes(60)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "hot") as plane:
        yield plane


async def test_a_put_is_answered_with_the_receipt_and_body_and_sealed_attributes_come_to_lie_in_place(
    plane: Plane,
) -> None:
    data = "Акт приёма-передачи".encode()
    ticket = plane.ticket(data, "Акт.txt")
    answer = await plane.put(ticket, data)
    assert answer.status_code == 200
    assert answer.json() == {
        "document_id": ticket.document_id,
        "version": 1,
        "size": len(data),
        "sha256": sha256(data),
    }
    assert answer.headers["ETag"] == f'"sha256:{sha256(data)}"'
    assert answer.headers["Repr-Digest"] == digest_value(sha256(data))
    attr, body = sorted(await plane.leftovers(), key=lambda name: not name.endswith("attr.json"))
    assert (plane.root / body).read_bytes() == data
    attributes = Attributes.from_sealed((plane.root / attr).read_bytes())
    assert attributes.content.media_type == "text/plain"
    assert attributes.content.original_filename == "Акт.txt"


async def test_the_fact_goes_out_before_the_reply_that_announces_it(plane: Plane) -> None:
    await plane.stored(b"bytes", "a.txt")
    records = [decode(record.value) for record in (await told(plane.documents, 3)).records]
    kinds = [type(message) for message in records]
    assert kinds.index(DocumentCommitted) < kinds.index(ContentCommitted)


async def test_an_empty_document_is_legal(plane: Plane) -> None:
    ticket = await plane.stored(b"", "пусто.txt")
    assert (await plane.get(ticket)).content == b""


async def test_a_body_in_many_pieces_is_the_same_document(plane: Plane) -> None:
    data = some_bytes(700_000)
    ticket = plane.ticket(data)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 65_536):
            yield data[start : start + 65_536]

    headers = {"Authorization": f"Bearer {plane.signed(ticket)}", "Content-Length": str(len(data))}
    answer = await plane.client.put(path_of(ticket), content=pieces(), headers=headers)
    assert answer.json()["sha256"] == sha256(data)


async def test_a_repeated_put_gets_the_same_answer_and_other_bytes_a_conflict(plane: Plane) -> None:
    data, other = some_bytes(2000), some_bytes(2000, seed=8)
    ticket = plane.ticket(data)
    first = await plane.put(ticket, data)
    again = await plane.put(ticket, data)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["ETag"] == first.headers["ETag"]
    named = {"Repr-Digest": digest_value(sha256(data))}
    assert (await plane.put(ticket, data, named)).json() == first.json()
    assert (await plane.put(ticket, other)).json()["code"] == "upload_conflict"
    named = {"Repr-Digest": digest_value(sha256(other))}
    conflict = await plane.put(ticket, other, named)
    assert (conflict.status_code, conflict.json()["code"]) == (409, "upload_conflict")
    assert (await plane.get(ticket)).content == data


async def test_of_two_puts_at_once_one_document_comes_out(plane: Plane) -> None:
    data = some_bytes(300_000)
    ticket = plane.ticket(data)
    answers = await asyncio.gather(*(plane.put(ticket, data) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await plane.leftovers()) == 2


@pytest.mark.parametrize("header", ["Repr-Digest", "Content-Digest"])
async def test_a_wrong_digest_is_refused_keeps_nothing_and_may_be_tried_again(plane: Plane, header: str) -> None:
    data = some_bytes(1000)
    ticket = plane.ticket(data)
    answer = await plane.put(ticket, data, {header: digest_value(sha256(b"other"))})
    assert (answer.status_code, answer.json()["code"]) == (422, "digest_mismatch")
    assert answer.headers["content-type"] == "application/problem+json"
    assert await plane.leftovers() == []
    assert (await plane.put(ticket, data)).status_code == 200


async def test_the_digest_announced_with_the_upload_counts_too(plane: Plane) -> None:
    data = some_bytes(1000)
    ticket = plane.ticket(data, sha256=sha256(data))
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    assert (await plane.put(ticket, flipped)).json()["code"] == "digest_mismatch"
    wrong = {"Repr-Digest": digest_value(sha256(flipped))}
    assert (await plane.put(ticket, flipped, wrong)).json()["code"] == "digest_mismatch"
    assert await plane.leftovers() == []
    assert (await plane.put(ticket, data)).status_code == 200


async def test_the_last_refusal_stands_in_the_answer_to_who_gives_the_upload_up(plane: Plane) -> None:
    data = some_bytes(1000)
    ticket = plane.ticket(data)
    await plane.put(ticket, data, {"Repr-Digest": digest_value(sha256(b"other"))})
    command = an_abandon_upload(ticket)
    assert await plane.documents.accept_command(command)
    await plane.documents.abandon(command)
    replies = [decode(record.value) for record in (await told(plane.documents, 2)).records]
    abandoned = next(reply for reply in replies if isinstance(reply, UploadAbandoned))
    assert "digest_mismatch" in str(abandoned.last_refusal)
    gone = await plane.put(ticket, data)
    assert (gone.status_code, gone.json()["code"]) == (410, "upload_abandoned")


async def test_another_size_than_announced_is_refused(plane: Plane) -> None:
    ticket = plane.ticket(some_bytes(1000))
    answer = await plane.put(ticket, some_bytes(999))
    assert (answer.status_code, answer.json()["code"]) == (422, "size_mismatch")
    assert await plane.leftovers() == []


async def test_a_body_without_a_length_is_refused(plane: Plane) -> None:
    async def unmeasured() -> AsyncIterator[bytes]:
        yield b"abc"

    ticket = plane.ticket(b"abc")
    headers = {"Authorization": f"Bearer {plane.signed(ticket)}"}
    answer = await plane.client.put(path_of(ticket), content=unmeasured(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Range": "bytes 0-2/3"}, 400),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Repr-Digest": "sha-256=:not base64:"}, 400),
        ({"Repr-Digest": "sha-256=:YQ==:"}, 400),
    ],
)
async def test_partial_coded_and_unreadable_announcements_are_refused(
    plane: Plane, headers: dict[str, str], status: int
) -> None:
    assert (await plane.put(plane.ticket(b"abc"), b"abc", headers)).status_code == status
    assert await plane.leftovers() == []


async def test_an_executable_is_refused_for_ever_and_the_saga_is_told(plane: Plane) -> None:
    ticket = plane.ticket(ELF, "Отчёт.pdf", media_type="application/pdf")
    answer = await plane.put(ticket, ELF)
    assert (answer.status_code, answer.json()["code"]) == (415, "type_refused")
    assert await plane.leftovers() == []
    again = await plane.put(ticket, ELF)
    assert (again.status_code, again.json()["code"]) == (415, "type_refused")
    replies = [decode(record.value) for record in (await told(plane.documents, 2)).records]
    assert [reply.code for reply in replies if isinstance(reply, UploadRefused)] == ["type_refused"]


async def test_a_wrong_digest_does_not_spend_the_ticket_even_for_an_executable(plane: Plane) -> None:
    data = b"plain bytes of the same length  "
    ticket = plane.ticket(data, "a.txt", sha256=sha256(data))
    assert (await plane.put(ticket, ELF[: len(data)])).json()["code"] == "digest_mismatch"
    assert (await plane.put(ticket, data)).status_code == 200


async def test_without_a_believable_ticket_nothing_is_taken(plane: Plane) -> None:
    ticket = plane.ticket(b"abc")
    naked = await plane.client.put(path_of(ticket), content=b"abc")
    assert (naked.status_code, naked.json()["code"]) == (401, "invalid_ticket")
    assert naked.headers["WWW-Authenticate"] == "Bearer"
    forged = await plane.put(ticket, b"abc", bearer=plane.signed(ticket)[:-8] + "AAAAAAAA")
    assert forged.json()["code"] == "invalid_ticket"
    download = await plane.put(ticket, b"abc", bearer=plane.download_ticket(ticket))
    assert download.json()["code"] == "invalid_ticket"


async def test_a_ticket_opens_its_own_address_only(plane: Plane) -> None:
    ticket, other = plane.ticket(b"abc"), plane.ticket(b"abc")
    answer = await plane.put(other, b"abc", bearer=plane.signed(ticket))
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_a_ticket_past_its_last_moment_is_not_believed(plane: Plane) -> None:
    ticket = plane.ticket(b"abc")
    text = plane.signed(ticket)
    plane.clock.advance(timedelta(hours=49).total_seconds())
    assert (await plane.put(ticket, b"abc", bearer=text)).status_code == 401


async def test_a_ticket_of_an_earlier_mode_is_stale(plane: Plane) -> None:
    ticket = plane.ticket(b"abc", mode_epoch=0)
    assert (await plane.put(ticket, b"abc")).json()["code"] == "stale_epoch"


@pytest.mark.parametrize("mode", [Mode.READ_ONLY, Mode.ARCHIVE])
async def test_an_element_that_only_gives_takes_nothing(tmp_path: Path, mode: Mode) -> None:
    async with a_plane(tmp_path / "vault", mode=mode.value) as plane:
        answer = await plane.put(plane.ticket(b"abc"), b"abc")
        assert (answer.status_code, answer.json()["code"]) == (423, "mode_forbids")
        assert await plane.leftovers() == []


async def test_a_broken_connection_keeps_nothing_and_leaves_the_ticket(plane: Plane) -> None:
    data = some_bytes(1000)
    ticket = plane.ticket(data)
    sent = await broken_put(plane, ticket_headers(plane, ticket), path_of(ticket), data[:500])
    assert sent[0]["status"] == 503
    assert await plane.leftovers() == []
    assert (await plane.put(ticket, data)).status_code == 200


def ticket_headers(plane: Plane, ticket: UploadTicket) -> list[tuple[bytes, bytes]]:
    bearer = f"Bearer {plane.signed(ticket)}".encode()
    return [(b"authorization", bearer), (b"content-length", str(ticket.size).encode())]


async def broken_put(plane: Plane, headers: list[tuple[bytes, bytes]], path: str, part: bytes) -> list[Message]:
    """Speak to the application itself: some bytes, then the client is gone."""
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": part, "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Message] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
        "scheme": "http",
        "server": ("agent", 80),
    }
    await plane.app(scope, receive, send)
    return sent
