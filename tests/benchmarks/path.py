"""The whole path of a document: announced, put, told, folded, its text extracted and fetched, found."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count

from tests.benchmarks.wire import Answer, Connection, connected
from tests.stacks import Stack

WORDS = ["письмо", "опись", "фонд", "архив", "хранение", "документ", "letter", "inventory", "archive", "record"]
JSON = {"Content-Type": "application/json"}
FOUND_SECONDS = 120.0


@dataclass(frozen=True)
class Stages:
    """Seconds of one document since it was begun to be announced."""

    announced: float
    put: float
    found: float


@dataclass(frozen=True)
class Upload:
    """An announced upload."""

    operation_id: str
    url: str
    ticket: str


@dataclass(frozen=True)
class Visitor:
    """A signed-in client: a token and the address of the gateway."""

    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def announce(self, gateway: Connection, filename: str, size: int) -> Upload:
        body = json.dumps({"filename": filename, "size": size, "title": filename, "element_id": "hot"}).encode()
        answer = await gateway.ask("POST", f"{self.url}/api/v1/uploads", {**self.headers, **JSON}, body)
        told = require(answer, 201)
        return Upload(told["operation_id"], told["upload_url"], told["ticket"])

    async def found(self, gateway: Connection, operation_id: str) -> None:
        """Return once the operation has succeeded, and so its document is found."""
        end = time.monotonic() + FOUND_SECONDS
        while True:
            url = f"{self.url}/api/v1/operations/{operation_id}"
            told = require(await gateway.ask("GET", url, {**self.headers, "Prefer": "wait=20"}), 200)
            if told["state"] == "succeeded":
                return
            assert told["state"] == "running", told
            assert time.monotonic() < end, f"not found after {FOUND_SECONDS:g} s: {told}"


def require(answer: Answer, status: int) -> dict[str, str]:
    """Return the JSON of an answer that has to have this status."""
    assert answer.status == status, (answer.status, answer.body[:500])
    return dict(json.loads(answer.body)) if answer.body else {}


async def sign_in(stack: Stack) -> Visitor:
    form = f"grant_type=password&username=admin&password={stack.admin_password}".encode()
    async with connected(stack.url) as gateway:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        told = require(await gateway.ask("POST", f"{stack.url}/api/v1/auth/token", kind, form), 200)
    return Visitor(stack.url, told["access_token"])


def a_text(number: int, size: int) -> bytes:
    """Return UTF-8 text of exactly `size` bytes that differs from every other number's."""
    words = " ".join(WORDS[(number + n * n) % len(WORDS)] for n in range(size // 10 + 2))
    data = f"№ {number} {words}".encode()[:size].decode(errors="ignore").encode()
    return data + b"." * (size - len(data))


async def put(agent: Connection, upload: Upload, body: bytes) -> None:
    require(await agent.ask("PUT", upload.url, {"Authorization": f"Bearer {upload.ticket}"}, body), 200)


async def latencies(visitor: Visitor, documents: int, clients: int, size: int) -> list[Stages]:
    """Put documents one after another by each of `clients`, each waiting until its document is found."""
    numbers = iter(range(documents))
    lists = await asyncio.gather(*(_one_by_one(visitor, numbers, size) for _ in range(clients)))
    return [stages for each in lists for stages in each]


async def _one_by_one(visitor: Visitor, numbers: Iterator[int], size: int) -> list[Stages]:
    told: list[Stages] = []
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(connected(visitor.url))
        agent: Connection | None = None
        for number in numbers:
            body = a_text(number, size)
            begun = time.perf_counter()
            upload = await visitor.announce(gateway, f"лист-{number}.txt", size)
            announced = time.perf_counter()
            if agent is None:
                agent = await stack.enter_async_context(connected(upload.url))
            await put(agent, upload, body)
            done = time.perf_counter()
            await visitor.found(gateway, upload.operation_id)
            told.append(Stages(announced - begun, done - begun, time.perf_counter() - begun))
    return told


async def drained(visitor: Visitor, documents: int, clients: int, size: int) -> tuple[float, float]:
    """Put documents as fast as `clients` can, then wait until all are found; seconds until the last PUT, and in all."""
    begun = time.perf_counter()
    numbers = count()
    operations = await asyncio.gather(*(_stream(visitor, numbers, documents, size) for _ in range(clients)))
    taken = time.perf_counter() - begun
    pending = [each for some in operations for each in some]
    await asyncio.gather(*(_all_found(visitor, pending[n::clients]) for n in range(clients)))
    return taken, time.perf_counter() - begun


async def _stream(visitor: Visitor, numbers: "count[int]", documents: int, size: int) -> list[str]:
    operations: list[str] = []
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(connected(visitor.url))
        agent: Connection | None = None
        while (number := next(numbers)) < documents:
            upload = await visitor.announce(gateway, f"поток-{number}.txt", size)
            if agent is None:
                agent = await stack.enter_async_context(connected(upload.url))
            await put(agent, upload, a_text(number, size))
            operations.append(upload.operation_id)
    return operations


async def _all_found(visitor: Visitor, operations: Sequence[str]) -> None:
    async with connected(visitor.url) as gateway:
        for operation_id in operations:
            await visitor.found(gateway, operation_id)
