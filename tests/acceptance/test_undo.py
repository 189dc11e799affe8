"""Undo on the live stack: every failed upload ends with a reason, and leaves nothing but facts in the log."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from producers.publisher import open_publisher
from schemas.commands import AbandonUpload
from schemas.elements import Mode
from schemas.envelope import Actor
from schemas.identifiers import AccountId, DocumentId, TicketId, new_id
from schemas.registry import encode
from tests.archive import JSON, PROBLEM, Archive, repr_digest
from tests.stacks import Stack, eventually

ELF = b"\x7fELF\x02\x01\x01\x00" + bytes(200)
DEADLINE_SECONDS = 75


def _left_on_disk(stack: Stack, document_id: str) -> list[Path]:
    # Journals keep the history of what was refused; everything else must be without a trace.
    roots = [stack.root("hot"), stack.root("vault")]
    return [p for root in roots for p in root.rglob(f"*{document_id}*") if "journal" not in p.parts]


def _staged(stack: Stack) -> list[Path]:
    return [p for name in ("hot", "vault") for p in (stack.root(name) / "staging").iterdir() if p.is_file()]


def _assert_nothing_is_left(stack: Stack, archive: Archive, upload: JSON) -> None:
    assert _left_on_disk(stack, upload["document_id"]) == []
    assert archive.get(f"/documents/{upload['document_id']}").status_code == 404
    types = [event["type"] for event in archive.events(correlation_id=upload["operation_id"])]
    assert "artstore.SagaAdvanced" in types
    assert "artstore.DocumentCommitted" not in types


def _assert_problem(answer_status: int, content_type: str, wanted: int) -> None:
    assert answer_status == wanted
    assert content_type.startswith(PROBLEM)


def test_a_wrong_digest_is_refused_may_be_tried_again_and_then_succeeds(archive: Archive) -> None:
    upload = archive.announce("digest.txt", 5).json()
    refused = archive.put(upload, b"right", {"Repr-Digest": repr_digest(b"wrong")})
    _assert_problem(refused.status_code, refused.headers["Content-Type"], 422)
    assert refused.json()["code"] == "digest_mismatch"
    assert archive.put(upload, b"right", {"Repr-Digest": repr_digest(b"right")}).status_code == 200
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"


def test_a_wrong_digest_left_alone_fails_at_its_deadline_with_the_last_refusal_inside(
    stack: Stack, archive: Archive
) -> None:
    upload = archive.announce("left-alone.txt", 5, sha256="0" * 64).json()
    refused = archive.put(upload, b"bytes")
    assert (refused.status_code, refused.json()["code"]) == (422, "digest_mismatch")
    operation = archive.finished(upload["operation_id"], DEADLINE_SECONDS)
    assert operation["state"] == "failed"
    assert operation["problem"]["code"] == "upload_abandoned"
    assert "digest_mismatch" in json.dumps(operation["problem"])
    _assert_nothing_is_left(stack, archive, upload)


def test_a_refused_type_ends_the_operation_at_once_whatever_it_was_declared_to_be(
    stack: Stack, archive: Archive
) -> None:
    upload = archive.announce("letter.pdf", len(ELF), media_type="application/pdf").json()
    refused = archive.put(upload, ELF)
    _assert_problem(refused.status_code, refused.headers["Content-Type"], 415)
    assert refused.json()["code"] == "type_refused"
    operation = archive.finished(upload["operation_id"])
    assert (operation["state"], operation["problem"]["code"]) == ("failed", "type_refused")
    assert archive.put(upload, b"%PDF-1.7" + bytes(len(ELF) - 8)).json()["code"] == "type_refused"
    _assert_nothing_is_left(stack, archive, upload)


def test_an_upload_without_bytes_is_abandoned_at_its_deadline_and_a_late_put_is_gone(
    stack: Stack, archive: Archive
) -> None:
    upload = archive.announce("never.txt", 5).json()
    operation = archive.finished(upload["operation_id"], DEADLINE_SECONDS)
    assert (operation["state"], operation["problem"]["code"]) == ("failed", "upload_abandoned")
    assert [step["name"] for step in operation["steps"]][-1] == "abandon"
    late = archive.put(upload, b"bytes")
    _assert_problem(late.status_code, late.headers["Content-Type"], 410)
    assert late.json()["code"] == "upload_abandoned"
    _assert_nothing_is_left(stack, archive, upload)
    assert _staged(stack) == []


def _command(upload: JSON, element_id: str) -> AbandonUpload:
    now = datetime.now(UTC)
    meta = AbandonUpload.meta_for(
        event_id=new_id(now),
        aggregate_id=element_id,
        occurred_at=now,
        correlation_id=upload["operation_id"],
        actor=Actor(subject=AccountId("test"), login="test", full_name="Test"),
        source="test",
    )
    return AbandonUpload(
        meta=meta,
        document_id=DocumentId(upload["document_id"]),
        document_version=1,
        ticket_id=TicketId(_ticket_id(upload)),
    )


def _ticket_id(upload: JSON) -> str:
    payload = upload["ticket"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims.get("jti") or claims["ticket_id"])


async def _abandon(stack: Stack, upload: JSON) -> None:
    async with open_publisher(stack.settings.kafka, "test") as publisher:
        await publisher.publish(encode(_command(upload, upload["element_id"])))


async def test_an_abandon_that_comes_after_the_commit_changes_nothing(stack: Stack, archive: Archive) -> None:
    upload = archive.announce("commit-first.txt", 5).json()
    assert archive.put(upload, b"bytes").status_code == 200
    await _abandon(stack, upload)
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"
    await asyncio.sleep(2)
    assert archive.operation(upload["operation_id"])["state"] == "succeeded"
    assert archive.content(upload["document_id"]).content == b"bytes"


async def test_a_commit_that_comes_after_the_abandon_is_refused_and_the_operation_fails(
    stack: Stack, archive: Archive
) -> None:
    upload = archive.announce("abandon-first.txt", 5).json()
    await _abandon(stack, upload)
    operation = archive.finished(upload["operation_id"])
    assert (operation["state"], operation["problem"]["code"]) == ("failed", "upload_abandoned")
    assert archive.put(upload, b"bytes").status_code == 410
    _assert_nothing_is_left(stack, archive, upload)


async def test_commits_and_abandons_at_the_same_moment_end_one_way_or_the_other(stack: Stack, archive: Archive) -> None:
    uploads = [archive.announce(f"race-{n}.txt", 5).json() for n in range(12)]
    answers: dict[str, int] = {}

    def put(upload: JSON) -> None:
        answers[upload["operation_id"]] = archive.put(upload, b"bytes").status_code

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(put, upload) for upload in uploads]
        async with open_publisher(stack.settings.kafka, "test") as publisher:
            for upload in uploads:
                await publisher.publish(encode(_command(upload, upload["element_id"])))
        for future in futures:
            future.result(timeout=60)
    for upload in uploads:
        operation = archive.finished(upload["operation_id"], DEADLINE_SECONDS)
        committed = answers[upload["operation_id"]] == 200
        assert (operation["state"] == "succeeded") == committed, (operation, answers)
        if committed:
            assert archive.content(upload["document_id"]).content == b"bytes"
        else:
            assert operation["problem"]["code"] == "upload_abandoned"
            _assert_nothing_is_left(stack, archive, upload)


def _turn(stack: Stack, archive: Archive, mode: Mode) -> None:
    stack.stop("agent-vault")
    stack.set_mode("vault", mode)
    stack.start_again("agent-vault")
    eventually(lambda: _mode(archive) == mode, 60, "the gateway has not learnt the mode")


@contextmanager
def _deadlines_held(stack: Stack) -> Iterator[None]:
    """Let no deadline take effect in the block, however long it lasts: nobody is there who looks for them."""
    stack.stop("processor")
    try:
        yield
    finally:
        stack.start_again("processor")


def test_an_element_that_turned_read_only_refuses_the_ticket_it_was_written_for(stack: Stack, archive: Archive) -> None:
    upload = archive.announce("too-late.txt", 5, element_id="vault").json()
    try:
        with _deadlines_held(stack):
            _turn(stack, archive, Mode.READ_ONLY)
            refused = archive.put(upload, b"bytes")
            assert refused.status_code in {409, 423}
            assert refused.headers["Content-Type"].startswith(PROBLEM)
            assert refused.json()["code"] in {"mode_forbids", "stale_epoch"}
            placed = archive.announce("other.txt", 5, element_id="vault")
            assert (placed.status_code, placed.json()["code"]) == (409, "element_unavailable")
        operation = archive.finished(upload["operation_id"], DEADLINE_SECONDS)
        assert (operation["state"], operation["problem"]["code"]) == ("failed", "upload_abandoned")
        _assert_nothing_is_left(stack, archive, upload)
    finally:
        _turn(stack, archive, Mode.READ_WRITE)


def _mode(archive: Archive) -> str:
    items = archive.get("/elements").json()["items"]
    return str(next(item["mode"] for item in items if item["name"] == "vault"))


def test_bytes_that_still_arrive_at_the_deadline_renew_it(archive: Archive) -> None:
    total = 30
    upload = archive.announce("slow.txt", total).json()
    stop = threading.Event()

    def slowly() -> Iterator[bytes]:
        for _ in range(total):
            if stop.wait(1.0):
                break
            yield b"x"

    answer = archive.put_stream(upload, slowly(), total)
    assert answer.status_code == 200, answer.text
    assert archive.finished(upload["operation_id"], DEADLINE_SECONDS)["state"] == "succeeded"
