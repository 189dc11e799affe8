"""Races on a live stack: answers that are lost, requests that meet, deadlines that pass, programs that die."""

import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from tests.archive import JSON, Archive
from tests.outages import reborn
from tests.stacks import Stack, eventually

DEADLINE_SECONDS = 20.0  # of the stack


def files_of(stack: Stack, upload: JSON) -> list[Path]:
    """Return what the elements keep of a document outside their journals, derived texts left out."""
    found = [path for name in ("hot", "vault") for path in stack.root(name).rglob(f"*{upload['document_id']}*")]
    return [path for path in found if not {"journal", "derived"} & set(path.parts)]


def in_place(stack: Stack, upload: JSON) -> list[Path]:
    return [path for path in files_of(stack, upload) if path.parent.name != "staging"]


def staged(stack: Stack) -> list[Path]:
    return [path for name in ("hot", "vault") for path in (stack.root(name) / "staging").iterdir()]


def put_and_lose_the_answer(stack: Stack, upload: JSON, content: bytes) -> None:
    """Send everything, wait until it is committed, and go away without having read a byte."""
    target = urlsplit(upload["upload_url"])
    head = (
        f"PUT {target.path} HTTP/1.1\r\nHost: agent\r\nContent-Length: {len(content)}\r\n"
        f"Authorization: Bearer {upload['ticket']}\r\n\r\n"
    )
    with socket.create_connection((str(target.hostname), int(target.port or 0)), timeout=15) as connection:
        connection.sendall(head.encode() + content)
        eventually(lambda: len(in_place(stack, upload)) == 2, 20, "body and attributes are not in their place")


def test_a_put_whose_answer_was_lost_is_repeated_and_answered_with_the_one_document(
    stack: Stack, archive: Archive
) -> None:
    content = "Ответ потерян.".encode()
    upload = archive.announce("lost-answer.txt", len(content)).json()
    put_and_lose_the_answer(stack, upload, content)
    before = sorted((path, path.stat().st_mtime_ns) for path in files_of(stack, upload))
    again = archive.put(upload, content)
    assert (again.status_code, again.json()["document_id"]) == (200, upload["document_id"])
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"
    assert sorted((path, path.stat().st_mtime_ns) for path in files_of(stack, upload)) == before
    assert archive.content(upload["document_id"]).content == content


def test_a_put_repeated_after_its_document_was_moved_to_the_trash_gets_its_answer_and_brings_nothing_back(
    stack: Stack, archive: Archive
) -> None:
    content = "Перемещено рукой в корзину.".encode()
    upload = archive.announce("trashed.txt", len(content), element_id="hot").json()
    put_and_lose_the_answer(stack, upload, content)
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"
    first = archive.put(upload, content).json()
    with in_the_trash(stack, upload):
        for restart in (False, True):
            if restart:
                # A restart carries the ledger over, and recovery must not bring the document back either.
                reborn(stack, "agent-hot", stack.send("agent-hot", signal.SIGTERM))
            again = archive.put(upload, content)
            assert (again.status_code, again.json()) == (200, first)
            assert archive.put(upload, bytes(len(content))).status_code == 409
            assert {path.parent.name for path in files_of(stack, upload)} == {"trash"}
            assert staged(stack) == []
    assert archive.content(upload["document_id"]).content == content


@contextmanager
def in_the_trash(stack: Stack, upload: JSON) -> Iterator[None]:
    """Let a document lie in the trash for the length of the block."""
    trash = stack.root("hot") / "trash"
    moved = [(path, trash / path.name) for path in files_of(stack, upload)]
    for path, there in moved:
        shutil.move(path, there)
    try:
        yield
    finally:
        for path, there in moved:
            shutil.move(there, path)


def at_once(calls: Sequence[Callable[[], httpx2.Response]]) -> list[httpx2.Response]:
    """Let all calls begin at the same moment."""
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], httpx2.Response]) -> httpx2.Response:
        ready.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(120) for future in [pool.submit(run, call) for call in calls]]


def test_of_puts_at_once_with_one_ticket_one_wins_and_its_equals_get_its_answer(stack: Stack, archive: Archive) -> None:
    bodies = [letter * 600_000 for letter in (b"a", b"b", b"a", b"b", b"a", b"b")]
    upload = archive.announce("at-once.bin", len(bodies[0])).json()
    answers = at_once([lambda body=body: archive.put(upload, body) for body in bodies])  # type: ignore[misc]
    winners = {body[:1] for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 200}
    assert len(winners) == 1
    for body, answer in zip(bodies, answers, strict=True):
        if body[:1] in winners:
            assert (answer.status_code, answer.json()["document_id"]) == (200, upload["document_id"])
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "upload_conflict")
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"
    assert archive.content(upload["document_id"]).content[:1] in winners
    assert len(files_of(stack, upload)) == 2
    assert staged(stack) == []


def test_a_put_at_the_very_moment_of_its_deadline_is_committed_and_found_or_refused_and_failed(
    stack: Stack, archive: Archive
) -> None:
    # The processor looks for deadlines every second: these PUTs come from just before to well behind its look.
    offsets = [-0.2 + n * 0.15 for n in range(16)]
    announced = [(time.monotonic(), archive.announce(f"moment-{n}.txt", 5).json()) for n in range(len(offsets))]

    def put(offset: float, begun: float, upload: JSON) -> httpx2.Response:
        time.sleep(max(0.0, begun + DEADLINE_SECONDS + offset - time.monotonic()))
        return archive.put(upload, b"bytes")

    with ThreadPoolExecutor(len(offsets)) as pool:
        futures = [pool.submit(put, offset, *one) for offset, one in zip(offsets, announced, strict=True)]
        answers = [future.result(90) for future in futures]
    for answer, (_, upload) in zip(answers, announced, strict=True):
        operation = archive.finished(upload["operation_id"], 90)
        if answer.status_code == 200:
            assert operation["state"] == "succeeded", operation
            assert archive.content(upload["document_id"]).content == b"bytes"
        else:
            assert (answer.status_code, answer.json()["code"]) == (410, "upload_abandoned")
            assert (operation["state"], operation["problem"]["code"]) == ("failed", "upload_abandoned")
            assert archive.get(f"/documents/{upload['document_id']}").status_code == 404
            assert files_of(stack, upload) == []
