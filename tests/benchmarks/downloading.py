"""B3 and B4, downloads: one large body whole and by Range, and many small ones, beside nginx with the same files.

The agent serves them with a ticket; nginx asks nobody for one, has one worker, `sendfile` and `open_file_cache`. The
agent hashes a large body when it is read whole for the first time, and not again for a while: these are two cases.
"""

import asyncio
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import uuid4

from schemas.attributes import Attributes
from schemas.ticket import TicketUse, UploadTicket
from storage_agent.giving import CHECKED_BYTES
from storage_agent.layout import attr_name, directory_of
from storage_agent.proofs import TICK_SECONDS
from tests.agents import path_of
from tests.benchmarks import lone_agent, peers
from tests.benchmarks.figures import RAW, Measured, percentile
from tests.benchmarks.ground import MIB, Alone, random_body, touch_memory
from tests.benchmarks.ingest import CONNECTIONS, CPU, P99
from tests.benchmarks.load import Request, Target, a_get, a_large, load
from tests.benchmarks.processors import Reading
from tests.benchmarks.uploading import CPU as CPU_OF_LARGE
from tests.benchmarks.uploading import MEASURE_SECONDS, Task, a_body
from tests.benchmarks.whole_path import OURS
from tests.integration.agent_program import Agent

RANGE_BYTES = 800_000_000
PARALLEL = 4
READERS = 32
SHELF = "shelf"
SMALL_BYTES = 4096
BY_LINK, BY_HEADER = "read by link", "read by ticket in the header"
RATE, PER_SECOND = "MiB/s", "per second"
LIFE = timedelta(hours=6)


@dataclass(frozen=True)
class Stored:
    """A document: its path at the agent, its file below the element's root, and a link's ticket."""

    path: str
    file: str
    ticket: str


Asking = Callable[[int, Stored, Mapping[str, str]], Request]
"""How a document is asked for at a port, with more headers."""
Asked = Sequence[tuple[Stored, Mapping[str, str]]]


@dataclass(frozen=True)
class Server:
    """Who is asked, and how."""

    port: int
    pid: int
    asking: Asking


def _by_link(port: int, stored: Stored, headers: Mapping[str, str]) -> Request:
    return a_get(port, f"{stored.path}?ticket={stored.ticket}", headers)


def _by_header(port: int, stored: Stored, headers: Mapping[str, str]) -> Request:
    return a_get(port, stored.path, {"Authorization": f"Bearer {stored.ticket}", **headers})


def _by_file(port: int, stored: Stored, headers: Mapping[str, str]) -> Request:
    return a_get(port, stored.file, headers)


@dataclass(frozen=True)
class Large:
    """A task of so many requests for one body; `is_first`: nobody has read it, else somebody just has."""

    task: Task
    headers: Mapping[str, str]
    count: int
    is_first: bool = False


async def large_download(ground: Alone) -> list[Measured]:
    """GET one body whole, for the first time and again, and most of it by Range: over one connection and over four."""
    body = a_body(ground.sizes.large_mib)
    found = []
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(lone_agent.a_lone_agent(ground.folder, ground.kafka))
        ticket = agent.ticket(b"", "body.bin").model_copy(update={"size": body.size})
        put = a_large("PUT", agent.port, path_of(ticket), body.pieces, agent.bearer(ticket))
        [stored] = await made(ground, agent, [ticket], [put])
        servers = await _servers(stack, ground, agent, _by_link)
        for each in _large(ground.sizes.large_mib, body.size):
            for who in random.sample(sorted(servers), len(servers)):
                server = servers[who]
                if each.is_first:
                    await _forgotten(agent.root / unquote(stored.file).lstrip("/"), body.size)
                elif server is not None:
                    await load(_target(ground, server, 1), [server.asking(server.port, stored, {})])
                found.append(await _measured(ground, each.task, who, server, [(stored, each.headers)] * each.count))
    return found


def _large(mib: int, size: int) -> Iterator[Large]:
    wanted = min(RANGE_BYTES, size * 3 // 4)
    part = {"Range": f"bytes={size // 10}-{size // 10 + wanted - 1}"}
    for connections in (1, PARALLEL):
        told = f"{connections} connections"
        first = Task(f"download {mib} MiB, first read, {told}", connections, size)
        yield Large(first, {}, connections, is_first=True)
        again = Task(f"download {mib} MiB, read again, {told}", connections, size)
        yield Large(again, {}, max(connections, 2))
        ranged = Task(f"download {wanted / 1e6:.3g} MB by Range of {mib} MiB, {told}", connections, wanted)
        yield Large(ranged, part, max(connections, 2))


async def _forgotten(path: Path, size: int) -> None:
    """Give a file a state that nobody has seen, and wait until it can be remembered."""
    await asyncio.to_thread(os.utime, path)
    if size > CHECKED_BYTES:
        await asyncio.sleep(TICK_SECONDS + 0.1)


async def small_download(ground: Alone) -> list[Measured]:
    """GET many bodies of 4 KiB, some of them often (Zipf): by a link, and by a ticket in the header.

    They are made once in a run; each way meets an agent that has just been started, and has seen no ticket.
    """
    documents = await _shelf(ground)
    weights = [1 / rank for rank in range(1, len(documents) + 1)]
    found = []
    for how, asking in ((BY_LINK, _by_link), (BY_HEADER, _by_header)):
        case = f"{how}, {SMALL_BYTES // 1024} KiB of {ground.sizes.read_files} files, {READERS} connections"
        task = Task(case, READERS, SMALL_BYTES)
        async with AsyncExitStack() as stack:
            agent = await stack.enter_async_context(lone_agent.a_lone_agent(ground.folder, ground.kafka, SHELF))
            drawn = random.choices(documents, weights, k=ground.sizes.reads)  # noqa: S311
            servers = await _servers(stack, ground, agent, asking)
            asked: Asked = [(each, {}) for each in drawn]
            for who in random.sample(sorted(servers), len(servers)):
                found += [await _measured(ground, task, who, servers[who], asked)]
    return found


async def _servers(stack: AsyncExitStack, ground: Alone, agent: Agent, asking: Asking) -> dict[str, Server | None]:
    """Return ours, and nginx on the agent's own files, None when it is absent."""
    assert agent.process is not None
    servers: dict[str, Server | None] = {OURS: Server(agent.port, agent.process.pid, asking), RAW: None}
    binary = ground.peer("nginx")
    if binary is not None:
        nginx = peers.nginx(binary, ground.folder / uuid4().hex, agent.root, peers.STATIC)
        port, pid = await stack.enter_async_context(nginx)
        servers[RAW] = Server(port, pid, _by_file)
    return servers


async def _measured(ground: Alone, task: Task, who: str, server: Server | None, asked: Asked) -> Measured:
    if server is None:
        return Measured(task.case, who, {}, absent="no nginx on this machine")
    await asyncio.to_thread(touch_memory, ground.sizes.touched_mib)
    target = _target(ground, server, task.connections)
    requests = [server.asking(server.port, stored, headers) for stored, headers in asked]
    before = await asyncio.to_thread(Reading.of, {who: server.pid})
    answers = await load(target, requests, within=MEASURE_SECONDS)
    spent = (await asyncio.to_thread(Reading.of, {who: server.pid})).since(before)
    wrong = [given for given in zip(answers.statuses, answers.sizes, strict=True) if given not in _right(task)]
    assert not wrong, f"{who}: {len(wrong)} of {len(requests)} answers are not as they should be: {wrong[:3]}"
    count = len(requests)
    if task.size > SMALL_BYTES:
        mib = count * task.size / MIB
        values = {RATE: mib / answers.seconds, CPU_OF_LARGE: spent[who] * 1024 / mib}
    else:
        p99 = percentile(answers.times, 0.99) * 1000
        values = {PER_SECOND: count / answers.seconds, P99: p99, CPU: spent[who] * 1000 / count}
    return Measured(task.case, who, values, {**spent, "client": answers.cpu_seconds})


def _target(ground: Alone, server: Server, connections: int) -> Target:
    return Target(ground.programs / "load", ground.folder, server.port, connections)


def _right(task: Task) -> set[tuple[int, int]]:
    return {(200, task.size), (206, task.size)}


async def _shelf(ground: Alone) -> list[Stored]:
    """Return the small documents of this run; its first round makes them."""
    kept = ground.folder / f"{SHELF}.json"
    if not await asyncio.to_thread(kept.exists):
        bodies = [random_body(SMALL_BYTES) for _ in range(ground.sizes.read_files)]
        async with lone_agent.a_lone_agent(ground.folder, ground.kafka, SHELF) as agent:
            documents = await asyncio.to_thread(lone_agent.promised, agent, bodies)
            stored = await made(ground, agent, documents.tickets, documents.requests)
        await asyncio.to_thread(kept.write_text, json.dumps([asdict(each) for each in stored]))
    return [Stored(**each) for each in json.loads(await asyncio.to_thread(kept.read_text))]


async def made(
    ground: Alone, agent: Agent, tickets: Sequence[UploadTicket], requests: Sequence[Request]
) -> list[Stored]:
    """Put documents and wait until they lie in place."""
    target = Target(ground.programs / "load", ground.folder, agent.port, CONNECTIONS)
    answers = await load(target, requests)
    assert set(answers.statuses) == {200}, set(answers.statuses)
    await lone_agent.in_place(agent, tickets)
    return await asyncio.to_thread(lambda: [_stored(agent, ticket) for ticket in tickets])


def _stored(agent: Agent, ticket: UploadTicket) -> Stored:
    directory = directory_of(ticket.document_id)
    attributes = (agent.root / directory / attr_name(ticket.document_id, 1)).read_bytes()
    file = f"{directory}/{Attributes.from_sealed(attributes).content.stored_name}"
    return Stored(path_of(ticket, "content"), f"/{quote(file)}", agent.download_ticket(ticket, TicketUse.LINK, LIFE))
