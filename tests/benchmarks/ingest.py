"""B1, small ingest: PUTs of small bodies over 64 kept connections, straight at one program alone, ours or another.

A PUT counts when it is answered: with ours, and with the raw programs, body and attributes are durable then. The drain
goes on until the files lie in place; then every one of them is verified, behind the clock.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import uuid4

from infra.runtime.kafka import open_reader
from tests.benchmarks import lone_agent
from tests.benchmarks.figures import RAW, Measured, percentile
from tests.benchmarks.ground import Alone, random_body, touch_memory
from tests.benchmarks.load import Request, Target, a_put, load
from tests.benchmarks.processors import Reading
from tests.benchmarks.raw_programs import raw_program
from tests.benchmarks.seaweed import weed
from tests.benchmarks.whole_path import OURS
from tests.benchmarks.wire import connected

CONNECTIONS = 64
KIB = 1024
AWAY, NAIVE, CEILING = f"{OURS}, log away", f"{RAW} naive", f"{RAW} that stores nothing"
COMMITTED, DRAINED, TOLD = "committed/s", "in place/s", "told/s"
P99, CPU = "p99 ms", "server CPU s per 1000"


async def _nothing() -> None:
    """Nothing is left to do behind the answers."""


@dataclass(frozen=True)
class Receiver:
    """Who takes PUTs on `port`: its processes, requests made ready, and what it does behind its answers.

    `drained` returns when everything lies in place, `told` when its events are out as well; `faults` says what is wrong
    with what was acknowledged.
    """

    port: int
    processes: Mapping[str, int]
    requests: Sequence[Request]
    faults: Callable[[Sequence[int]], Sequence[str]]
    drained: Callable[[], Awaitable[None]] = _nothing
    joined: Callable[[], Awaitable[None]] = _nothing
    """What has to be asked after the last answer before there is a receipt."""
    told: Callable[[], Awaitable[None]] | None = None
    others: Mapping[str, int] = field(default_factory=dict)
    """Processes that work for it and are not it, by name: the log."""


Opened = Callable[..., AbstractAsyncContextManager[Receiver]]
"""Called with `bodies`."""


async def small_ingest(ground: Alone, kib: int) -> list[Measured]:
    """PUT bodies of so many KiB at every receiver there is, one after another in shuffled order."""
    count = ground.sizes.ingested if kib == 4 else ground.sizes.ingested_larger
    case = f"ingest {kib} KiB, {CONNECTIONS} connections"
    chosen = receivers(ground)
    found = []
    for who in random.sample(sorted(chosen), len(chosen)):
        bodies = [random_body(kib * KIB) for _ in range(count)]
        found.append(await _measured(ground, case, who, chosen[who](bodies=bodies)))
    return found


def receivers(ground: Alone) -> dict[str, Opened]:
    """Return everybody who can be measured on this ground."""
    chosen: dict[str, Opened] = {
        AWAY: partial(_ours, ground, is_log_there=False),
        RAW: partial(_raw, ground, "wal_first"),
        NAIVE: partial(_raw, ground, "naive"),
        CEILING: partial(_raw, ground, "naive", "discard"),
    }
    if ground.kafka is not None:
        chosen[OURS] = partial(_ours, ground, is_log_there=True)
    if ground.weed is not None:
        chosen["SeaweedFS fsync"] = partial(_weed, ground, ground.weed, asked="?fsync=true")
        chosen["SeaweedFS no fsync"] = partial(_weed, ground, ground.weed, asked="")
    return chosen


async def _measured(ground: Alone, case: str, who: str, opened: AbstractAsyncContextManager[Receiver]) -> Measured:
    async with opened as receiver:
        count, servers = len(receiver.requests), {**receiver.processes, **receiver.others}
        await asyncio.to_thread(touch_memory, ground.sizes.touched_mib)
        before, clock = await asyncio.to_thread(Reading.of, servers), asyncio.get_running_loop().time
        answers = await load(
            Target(ground.programs / "load", ground.folder, receiver.port, CONNECTIONS), receiver.requests
        )
        begun = answers.ended_at - answers.seconds
        await receiver.drained()
        drained = clock() - begun
        if receiver.told is not None:
            await receiver.told()
        told = clock() - begun
        spent = (await asyncio.to_thread(Reading.of, servers)).since(before)
        assert len(answers.acknowledged) == count, f"{who}: {count - len(answers.acknowledged)} of {count} refused"
        faults = await asyncio.to_thread(receiver.faults, answers.acknowledged)
        assert not faults, f"{who}: {faults[:3]}"
    values = {
        COMMITTED: count / answers.seconds,
        DRAINED: count / drained,
        "p50 ms": percentile(answers.times, 0.5) * 1000,
        P99: percentile(answers.times, 0.99) * 1000,
        CPU: sum(spent[name] for name in receiver.processes) * 1000 / count,
    }
    if receiver.told is not None:
        values[TOLD] = count / told
    return Measured(case, who, values, {**spent, "client": answers.cpu_seconds})


@asynccontextmanager
async def _ours(ground: Alone, bodies: Sequence[bytes], *, is_log_there: bool) -> AsyncIterator[Receiver]:
    kafka = ground.kafka if is_log_there else None
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(lone_agent.a_lone_agent(ground.folder, kafka))
        documents = await asyncio.to_thread(lone_agent.promised, agent, bodies)
        assert agent.process is not None
        told = None
        if kafka is not None:
            reader = await stack.enter_async_context(open_reader(kafka, "benchmark", lone_agent.EVENTS))
            told = partial(lone_agent.told, reader, await lone_agent.events(reader) + len(bodies))
        yield Receiver(
            port=agent.port,
            processes={"agent": agent.process.pid},
            requests=documents.requests,
            faults=partial(lone_agent.lost, agent, documents),
            drained=partial(lone_agent.in_place, agent, documents.tickets),
            told=told,
            others={"kafka": ground.kafka_pid} if kafka is not None and ground.kafka_pid is not None else {},
        )


@asynccontextmanager
async def _raw(ground: Alone, name: str, *words: str, bodies: Sequence[bytes]) -> AsyncIterator[Receiver]:
    folder = ground.folder / uuid4().hex
    async with raw_program(ground.programs / name, folder, *words) as (port, pid):
        yield Receiver(
            port=port,
            processes={name: pid},
            requests=[a_put(port, f"/{number:08d}", body) for number, body in enumerate(bodies)],
            faults=partial(raw_faults, folder, bodies) if not words else lambda _: [],
            drained=partial(_raw_drained, port),
        )


def raw_faults(folder: Path, bodies: Sequence[bytes], numbers: Sequence[int]) -> list[str]:
    """Return which of these documents a raw program has not got whole."""
    return [f"{number:08d}: missing or other bytes" for number in numbers if not _is_whole(folder, bodies, number)]


def _is_whole(folder: Path, bodies: Sequence[bytes], number: int) -> bool:
    body, attr = folder / f"{number:08d}.body", folder / f"{number:08d}.attr.json"
    return body.exists() and attr.exists() and body.read_bytes() == bodies[number]


async def _raw_drained(port: int) -> None:
    url = f"http://127.0.0.1:{port}/drain"
    async with connected(url) as connection:
        assert (await connection.ask("GET", url)).status == 200


@asynccontextmanager
async def _weed(ground: Alone, binary: Path, bodies: Sequence[bytes], *, asked: str) -> AsyncIterator[Receiver]:
    async with weed(binary, ground.folder / uuid4().hex) as server:
        urls = await server.assign(len(bodies))
        [place] = {url.rpartition("/")[0] for url in urls}
        port = int(place.rpartition(":")[2])
        paths = [f"/{url.rpartition('/')[2]}{asked}" for url in urls]
        yield Receiver(
            port=port,
            processes={"weed": server.pid},
            requests=[a_put(port, path, body) for path, body in zip(paths, bodies, strict=True)],
            faults=lambda _: [],
        )
