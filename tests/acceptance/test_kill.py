"""`kill -9` of each program in the middle of uploads: what got its 200 is found, whole, and once."""

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx2
import pytest

from tests.archive import JSON, Archive
from tests.stacks import PROGRAMS, Stack
from tests.truth import verify

UPLOADS = 40
CLIENTS = 4
TRY_SECONDS = 60
RETRIED = {429, 500, 502, 503, 504}


@dataclass
class Outcome:
    """What one client knows about one upload."""

    upload: JSON
    content: bytes
    acknowledged: bool = False


@dataclass
class Campaign:
    """Uploads of several clients; `half` is set when half of them are done."""

    stack: Stack
    program: str
    outcomes: list[Outcome] = field(default_factory=list)
    half: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, number: int) -> None:
        """Announce one upload and put its bytes, as often as it takes."""
        content = f"{self.program} {number} ёлка\n".encode() * (1 + 400 * (number % 5))
        key = f"kill-{self.program}-{number}"
        with patiently(lambda: Archive(self.stack)) as archive:
            announced = persist(lambda: archive.announce(f"{key}.txt", len(content), key=key))
            assert announced.status_code == 201, announced.text
            outcome = Outcome(announced.json(), content)
            answer = persist(lambda: archive.put(outcome.upload, content))
            outcome.acknowledged = answer.status_code == 200
            assert outcome.acknowledged, answer.text
        with self.lock:
            self.outcomes.append(outcome)
            if len(self.outcomes) * 4 >= UPLOADS:
                self.half.set()


def patiently(open_archive: Callable[[], Archive]) -> Archive:
    """Sign in, again and again while nobody answers, for a bounded time."""
    deadline = time.monotonic() + TRY_SECONDS
    while True:
        try:
            return open_archive()
        except (httpx2.TransportError, AssertionError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.3)


def persist(ask: Callable[[], httpx2.Response]) -> httpx2.Response:
    """Ask again while the answer is a broken connection or 'come back later', for a bounded time."""
    deadline = time.monotonic() + TRY_SECONDS
    while True:
        try:
            answer = ask()
            if answer.status_code not in RETRIED or time.monotonic() > deadline:
                return answer
        except httpx2.TransportError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.3)


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_was_acknowledged_survives_the_death_of(stack: Stack, program: str) -> None:
    campaign = Campaign(stack, program)
    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [pool.submit(campaign.run, number) for number in range(UPLOADS)]
        assert campaign.half.wait(120)
        killed = stack.send(program, signal.SIGKILL)
        for future in futures:
            future.result(timeout=180)
    stack.await_ready()
    assert stack.status()[program]["pid"] != killed
    with Archive(stack) as archive:
        _assert_all_is_found(archive, campaign)
    assert verify(stack.root("hot")) == []
    assert verify(stack.root("vault")) == []
    assert stack.artstore("diff").stdout == ""


def _assert_all_is_found(archive: Archive, campaign: Campaign) -> None:
    assert len(campaign.outcomes) == UPLOADS
    names = []
    for outcome in campaign.outcomes:
        operation = archive.finished(outcome.upload["operation_id"], seconds=60)
        assert operation["state"] == "succeeded", operation
        document_id = outcome.upload["document_id"]
        assert archive.content(document_id).content == outcome.content
        names.append(archive.get(f"/documents/{document_id}").json()["filename"])
    assert len(set(names)) == UPLOADS
    hits = _all_hits(archive, f"{campaign.program} елка")
    assert sorted(hits) == sorted(outcome.upload["document_id"] for outcome in campaign.outcomes)


def _all_hits(archive: Archive, words: str) -> list[str]:
    found: list[str] = []
    query: dict[str, str | int] = {"q": words, "limit": 50}
    for _ in range(100):
        page = archive.http.get("/api/v1/search", params=query).json()
        found += [hit["document_id"] for hit in page["items"]]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]
    raise AssertionError("more than a hundred pages")
