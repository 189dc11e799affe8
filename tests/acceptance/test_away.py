"""Servers and programs are away one at a time: every line of the table in infra/DEPENDENCIES.md is tried."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api_gateway.keys import key_request
from infra.runtime.installation import Installation
from producers.keys import request_key
from producers.publisher import open_publisher
from schemas.identifiers import new_id
from tests.archive import JSON, PROBLEM, Archive
from tests.builders import an_actor
from tests.outages import Outage, away
from tests.stacks import PROGRAMS, Stack, eventually
from tests.truth import verify

SECONDS = float(os.environ.get("AWAY_SECONDS", "17"))  # noqa: TID251 - a test's own setting
LINK_SECONDS = 40.0  # links live for a minute
ANSWER_SECONDS = 20.0  # the longest promise is eight seconds, and the machine may be busy
READY_SECONDS = 150.0
SERVERS = ("kafka", "postgres", "valkey")
VICTIMS = (*SERVERS, "processor", "projector", "agent-hot", "gateway")
OUTAGES = (
    *((server, outage) for server in SERVERS for outage in (Outage.KILLED, Outage.FROZEN)),
    *((program, Outage.KILLED) for program in VICTIMS[len(SERVERS) :]),
)
DOCS = Path(__file__).parents[2] / "infra"
PAGES = (DOCS / "DEPENDENCIES.md", DOCS / "DEPENDENCIES.ru.md")
NO_ANSWER = "-"
HELD = "PUT content, ticket held"
LINK = "GET content, link held"
CONTENT = "Дело о несгораемом шкафу, asbestos safe\n".encode()

pytestmark = pytest.mark.timeout(900)


def table(page: Path) -> dict[tuple[str, str], str]:
    """Return what the page promises, by call and victim."""
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        (call, victim): cell for call, cells in rows for victim, cell in zip(VICTIMS, cells.split(" | "), strict=True)
    }


PROMISED = table(PAGES[0])
CALLS = tuple(dict.fromkeys(call for call, _ in PROMISED))


@dataclass(frozen=True)
class Answer:
    """One answer, how many seconds after the outage's begin it was asked for, and how many it took."""

    asked: float
    took: float
    response: httpx2.Response | None

    def __str__(self) -> str:
        if self.response is None:
            return NO_ANSWER
        body = self.response.json() if self.response.status_code >= 400 else {}
        code = body.get("code") or body.get("status")
        return f"{self.response.status_code} `{code}`" if code else str(self.response.status_code)


@dataclass
class Trial:
    """One outage: what was answered meanwhile, and what it was about."""

    victim: str
    outage: Outage
    held: list[JSON]
    link: str
    spare_keys: Sequence[str]
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)

    def content(self, number: int) -> bytes:
        return CONTENT + f"{self.victim} {self.outage} {number}".encode()


@dataclass
class Ground:
    """The stack, its client, and a document that everybody knows."""

    stack: Stack
    archive: Archive
    known: JSON

    def trial(self, victim: str, outage: Outage) -> Trial:
        """Let the victim be away, ask everything at once, again and again, and wait until all is as it was."""
        moments = _moments()
        spare_keys = self._spare_keys(len(moments))
        self.archive.sign_in()
        trial = self._prepared(victim, outage, spare_keys)
        trial.before = self._programs()
        with away(self.stack, victim, outage), ThreadPoolExecutor(len(CALLS)) as pool:
            begun = time.monotonic()
            for number, moment in enumerate(moments):
                time.sleep(max(0.0, begun + moment - time.monotonic()))
                calls = self._calls(trial, number, begun)
                asked = {name: pool.submit(_asked, call, begun) for name, call in calls.items()}
                for name, future in asked.items():
                    trial.answers.setdefault(name, []).append(future.result(timeout=120))
            time.sleep(max(0.0, begun + SECONDS - time.monotonic()))
        self.stack.await_ready(*SERVERS, *PROGRAMS, seconds=READY_SECONDS)
        trial.after = self._programs()
        return trial

    def _spare_keys(self, count: int) -> Sequence[str]:
        """Return as many keys that are believed and sign nothing: one that is newer than they is in use."""
        *spare, newest = asyncio.run(_more_keys(self.stack, count + 1))
        eventually(lambda: self._is_in_use(newest), 30, "a new key is not in use")
        return spare

    def _is_in_use(self, kid: str) -> bool:
        return any(key["kid"] == kid and key["in_use"] for key in self.archive.get("/keys").json()["items"])

    def _prepared(self, victim: str, outage: Outage, spare_keys: Sequence[str]) -> Trial:
        """Hold a ticket for each round, known to its saga, and a link that its agent believes."""
        held: list[JSON] = []
        link = self.archive.get(f"/documents/{self.known['document_id']}/content").headers["Location"]
        eventually(lambda: httpx2.get(link, timeout=60).is_success, 30, "the agent does not know the new key")
        trial = Trial(victim, outage, held, link, spare_keys)
        for number in range(len(spare_keys)):
            size = len(trial.content(number))
            announced = self.archive.announce(f"held-{victim}-{outage}-{number}.txt", size, element_id="hot")
            assert announced.status_code == 201, announced.text
            held.append(announced.json())
        for upload in held:
            eventually(
                lambda upload=upload: self.archive.operation(upload["operation_id"])["step"] != "accepted",  # type: ignore[misc]
                30,
                "an announced upload is not known",
            )
        return trial

    def _programs(self) -> Mapping[str, Any]:
        rows = self.stack.status()
        return {name: rows[name]["pid"] for name in (*SERVERS, *PROGRAMS)}

    def _calls(self, trial: Trial, number: int, begun: float) -> dict[str, Callable[[], httpx2.Response]]:
        archive, known = self.archive, self.known
        document = f"/documents/{known['document_id']}"
        form = {"grant_type": "password", "username": archive.login, "password": archive.password}
        retirement = f"/api/v1/keys/{trial.spare_keys[number]}/retire"
        name = f"late-{trial.victim}-{trial.outage}-{number}"
        calls: dict[str, Callable[[], httpx2.Response]] = {
            "POST /auth/token": lambda: archive.http.post("/api/v1/auth/token", data=form),
            "POST /uploads": lambda: archive.announce(f"{name}.txt", 1),
            "POST /uploads, under a key": lambda: archive.announce(f"{name}-key.txt", 1, key=name),
            HELD: lambda: archive.put(trial.held[number], trial.content(number)),
            "PUT content, repeated": lambda: archive.put(known, CONTENT),
            LINK: lambda: httpx2.get(trial.link, timeout=60),
            "GET /documents/{id}": lambda: archive.get(document),
            "GET /documents/{id}/content": lambda: _followed(archive.get(f"{document}/content")),
            "GET /documents/{id}/attributes": lambda: _followed(archive.get(f"{document}/attributes")),
            "GET /documents": lambda: archive.get("/documents"),
            "GET /search": lambda: archive.get("/search", q="несгораемый"),
            "GET /operations/{id}": lambda: archive.get(f"/operations/{known['operation_id']}"),
            "GET /elements": lambda: archive.get("/elements"),
            "GET /damages": lambda: archive.get("/damages"),
            "GET /events": lambda: archive.get("/events"),
            "GET /.well-known/jwks.json": lambda: archive.http.get("/.well-known/jwks.json"),
            "POST /keys/{kid}/retire": lambda: archive.http.post(retirement, json={}),
            "GET /health/ready": lambda: archive.http.get("/health/ready"),
        }
        if time.monotonic() - begun > LINK_SECONDS:
            del calls[LINK]
        return calls


async def _more_keys(stack: Stack, count: int) -> list[str]:
    """Ask for keys as a gateway does, so that each is newer than the one before; return their ids."""
    installation = await asyncio.to_thread(Installation.load, stack.settings.installation_key_path)
    kids: list[str] = []
    async with open_publisher(stack.settings.kafka, "test") as publisher:
        for _ in range(count):
            now = datetime.now(UTC)
            request = await key_request(installation, new_id(now), now, an_actor())
            await request_key(publisher, request, installation.sign)
            kids.append(request.key_id)
    return kids


def _moments() -> tuple[float, ...]:
    """Return when to ask: at once, when all heartbeats are old, and towards the end of a long outage."""
    later = (SECONDS - 25, SECONDS - 10) if SECONDS >= 50 else ()
    return (0.0, 16.0, *later)


def _asked(call: Callable[[], httpx2.Response], begun: float) -> Answer:
    asked = time.monotonic()
    try:
        response = call()
    except httpx2.TransportError:
        response = None
    return Answer(asked - begun, time.monotonic() - asked, response)


def _followed(answer: httpx2.Response) -> httpx2.Response:
    return httpx2.get(answer.headers["Location"], timeout=60) if answer.status_code == 307 else answer


@pytest.fixture(scope="module")
def stack(patient_stack: Stack) -> Stack:
    """Return a stack that may be maltreated, and is this module's alone."""
    return patient_stack


@pytest.fixture(scope="module")
def ground(stack: Stack) -> Iterator[Ground]:
    with Archive(stack) as archive:
        yield Ground(stack, archive, archive.store("known.txt", CONTENT, element_id="hot"))


@pytest.fixture(scope="module", params=OUTAGES, ids=lambda outage: f"{outage[0]} {outage[1]}")
def trial(ground: Ground, request: pytest.FixtureRequest) -> Trial:
    victim, outage = request.param
    return ground.trial(victim, outage)


@pytest.mark.parametrize("call", CALLS)
def test_while_somebody_is_away_each_call_answers_as_the_page_says(trial: Trial, call: str) -> None:
    # Until its heartbeats are old, nobody knows that an agent is away.
    first, _, later = PROMISED[call, trial.victim].partition(", after 10 s ")
    told = [(round(answer.asked, 1), round(answer.took, 1), str(answer)) for answer in trial.answers[call]]
    assert told[0][-1] in {first, later or first}, told
    assert [answer for *_, answer in told[1:]] == [later or first] * (len(told) - 1), told
    for answer in trial.answers[call]:
        assert answer.took < ANSWER_SECONDS, told
        response = answer.response
        if response is not None and response.status_code >= 400 and "health" not in call:
            assert response.headers["Content-Type"].startswith(PROBLEM)
            assert response.status_code != 503 or int(response.headers["Retry-After"]) >= 1


def test_what_was_read_meanwhile_is_the_document(trial: Trial) -> None:
    for call in (LINK, "GET /documents/{id}/content"):
        for answer in trial.answers[call]:
            if answer.response is not None and answer.response.status_code == 200:
                assert answer.response.content == CONTENT


def test_what_was_committed_meanwhile_is_found_afterwards(ground: Ground, trial: Trial) -> None:
    for number, upload in enumerate(trial.held):
        if str(trial.answers[HELD][number]) == NO_ANSWER:
            assert ground.archive.put(upload, trial.content(number)).status_code == 200
        operation = ground.archive.finished(upload["operation_id"], seconds=90)
        assert operation["state"] == "succeeded", operation
        assert ground.archive.content(upload["document_id"]).content == trial.content(number)


def test_nobody_else_has_ended_and_nobody_has_to_restart_anything(ground: Ground, trial: Trial) -> None:
    others = [name for name in trial.before if name != trial.victim]
    assert [(name, trial.after[name]) for name in others] == [(name, trial.before[name]) for name in others]
    later = ground.archive.store(f"later-{trial.victim}-{trial.outage}.txt", b"all is well again\n")
    assert ground.archive.content(later["document_id"]).content == b"all is well again\n"


def test_the_pages_of_both_languages_promise_the_same() -> None:
    told = {line: cell.replace("через 10 с", "after 10 s") for line, cell in table(PAGES[1]).items()}
    assert told == PROMISED


def test_in_the_end_nothing_is_damaged_and_nothing_differs(ground: Ground) -> None:
    for element in ("hot", "vault"):
        assert verify(ground.stack.root(element)) == []
    assert ground.stack.artstore("diff").stdout == ""
