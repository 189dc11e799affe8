"""Cases of the data plane within a whole stack: PUT of small bodies, ours, the raw receiver, SeaweedFS."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from tests.benchmarks.figures import RAW, Measured, percentile
from tests.benchmarks.ground import Ground, random_body, raw_receiver, timed
from tests.benchmarks.seaweed import Fids, weed
from tests.benchmarks.whole_path import OURS
from tests.benchmarks.wire import Connection, connected

SMALL_BYTES = 4096
SMALL = "4 KiB"


@dataclass(frozen=True)
class Request:
    """One request, made ready before the clock runs."""

    method: str
    url: str
    headers: Mapping[str, str]
    statuses: tuple[int, ...] = (200, 201)


@dataclass(frozen=True)
class Candidate:
    """Who takes requests: their name, their processes, and how to make requests ready."""

    name: str
    processes: Mapping[str, int]
    requests: Sequence[Request]


async def small_puts(ground: Ground, connections: int) -> list[Measured]:
    """PUT of 4 KiB over so many kept connections."""
    count = max(ground.sizes.small_puts, connections)
    body = random_body(SMALL_BYTES)
    return await _puts(ground, f"PUT {SMALL}, {connections} connections", count, connections, [body])


async def _puts(ground: Ground, case: str, count: int, connections: int, body: Sequence[bytes]) -> list[Measured]:
    size = sum(map(len, body))
    async with AsyncExitStack() as stack:
        candidates = [Candidate(OURS, ground.processes, await _our_puts(ground, count, size))]
        url, pid = await stack.enter_async_context(raw_receiver(ground.folder / uuid4().hex))
        raw = [Request("PUT", f"{url}/{n}", {}) for n in range(count)]
        candidates.append(Candidate(RAW, {RAW: pid}, raw))
        if ground.weed is not None:
            fids = await stack.enter_async_context(weed(ground.weed, ground.folder / uuid4().hex))
            candidates += [await _weed_puts(fids, count, durable=durable) for durable in (True, False)]
        random.shuffle(candidates)
        work = partial(_done, connections=connections, body=body, size=size)
        return [await timed(case, each.name, each.processes, partial(work, each.requests)) for each in candidates]


async def _our_puts(ground: Ground, count: int, size: int) -> list[Request]:
    """Announce so many uploads, before the clock runs."""
    async with connected(ground.visitor.url) as gateway:
        uploads = [await ground.visitor.announce(gateway, f"тело-{n}.bin", size) for n in range(count)]
    return [Request("PUT", each.url, {"Authorization": f"Bearer {each.ticket}"}) for each in uploads]


async def _weed_puts(fids: Fids, count: int, *, durable: bool) -> Candidate:
    urls = await fids.assign(count)
    asked = "?fsync=true" if durable else ""
    name = "SeaweedFS fsync" if durable else "SeaweedFS no fsync"
    return Candidate(name, {"weed": fids.pid}, [Request("PUT", f"{url}{asked}", {}) for url in urls])


async def _done(
    requests: Sequence[Request], *, connections: int, body: Sequence[bytes], size: int
) -> Mapping[str, float]:
    """Send all requests over so many connections and return rate and latencies."""
    left, seconds = iter(requests), list[float]()

    async def one(connection: Connection) -> None:
        for request in left:
            begun = time.perf_counter()
            answer = await connection.ask(request.method, request.url, request.headers, body, size, keep=False)
            assert answer.status in request.statuses, (request, answer)
            seconds.append(time.perf_counter() - begun)

    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connected(requests[0].url)) for _ in range(connections)]
        begun = time.perf_counter()
        await asyncio.gather(*map(one, opened))
        whole = time.perf_counter() - begun
    return {"per second": len(requests) / whole, "p99 ms": percentile(seconds, 0.99) * 1000}
