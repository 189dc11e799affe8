"""Cases of the data plane: PUT and GET of small and large bodies, ours, the raw receiver, SeaweedFS, nginx."""

import asyncio
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

from tests.benchmarks.figures import RAW, Measured, percentile
from tests.benchmarks.ground import MIB, Ground, answering, program, raw_receiver, timed
from tests.benchmarks.path import require
from tests.benchmarks.seaweed import Fids, weed
from tests.benchmarks.whole_path import OURS
from tests.benchmarks.wire import Connection, connected
from tests.stacks import free_ports

SMALL_BYTES = 4096
SMALL, LARGE = "4 KiB", "large"


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
    body = os.urandom(SMALL_BYTES)
    return await _puts(ground, f"PUT {SMALL}, {connections} connections", count, connections, [body])


async def large_put(ground: Ground) -> list[Measured]:
    """PUT of one large body."""
    piece = os.urandom(MIB)
    return await _puts(ground, f"PUT {ground.sizes.large_mib} MiB", 1, 1, [piece] * ground.sizes.large_mib)


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
    if len(requests) == 1:
        return {"MiB/s": max(size, 1) / MIB / whole}
    return {"per second": len(requests) / whole, "p99 ms": percentile(seconds, 0.99) * 1000}


async def gets(ground: Ground, tell: Callable[[str], None]) -> list[Measured]:
    """GET of a small and of a large body; nginx beside ours when the machine has it."""
    nginx = shutil.which("nginx")
    if nginx is None:
        tell("SKIPPED nginx beside GET: the machine has none; ours is measured alone")
    found: list[Measured] = []
    for name, pieces, count, connections in (
        (SMALL, [os.urandom(SMALL_BYTES)], ground.sizes.gets, 8),
        (f"{ground.sizes.large_mib} MiB", [os.urandom(MIB)] * ground.sizes.large_mib, 4, 1),
    ):
        case = f"GET {name}, {connections} connections"
        async with AsyncExitStack() as stack:
            candidates = [Candidate(OURS, ground.processes, [await _our_get(ground, pieces)] * count)]
            if nginx:
                served = await stack.enter_async_context(_nginx(nginx, ground.folder / uuid4().hex, pieces))
                candidates.append(Candidate(RAW, {"nginx": served[1]}, [Request("GET", served[0], {})] * count))
            random.shuffle(candidates)
            found += [await _got(case, each, connections, sum(map(len, pieces))) for each in candidates]
    return found


async def _got(case: str, candidate: Candidate, connections: int, size: int) -> Measured:
    async def work() -> Mapping[str, float]:
        told = await _done(candidate.requests, connections=connections, body=[], size=0)
        rate = told["per second"]
        return {"MiB/s": rate * size / MIB} if size > SMALL_BYTES else told

    return await timed(case, candidate.name, candidate.processes, work)


async def _our_get(ground: Ground, pieces: Iterable[bytes]) -> Request:
    """Store a body and return the request that the gateway's redirect names."""
    body = list(pieces)
    size = sum(map(len, body))
    visitor = ground.visitor
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(connected(visitor.url))
        upload = await visitor.announce(gateway, "тело.bin", size)
        agent = await stack.enter_async_context(connected(upload.url))
        bearer = {"Authorization": f"Bearer {upload.ticket}"}
        document_id = require(await agent.ask("PUT", upload.url, bearer, body, size), 200)["document_id"]
        await visitor.found(gateway, upload.operation_id)
        place = f"{visitor.url}/api/v1/documents/{document_id}/content"
        redirect = await gateway.ask("GET", place, visitor.headers)
    assert redirect.status == 307, redirect
    return Request("GET", redirect.headers["location"], {})


@asynccontextmanager
async def _nginx(binary: str, folder: Path, pieces: Iterable[bytes]) -> AsyncIterator[tuple[str, int]]:
    """Serve one body from a folder of nginx; yields its URL and process id."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - before the clock runs
    with (folder / "body").open("wb") as file:
        file.writelines(pieces)
    [port] = free_ports(1)
    # As root its workers would be nobody, who may not look into our folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log off; sendfile on; keepalive_requests 1000000; client_body_temp_path {folder};"
        f" server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n",
        encoding="utf-8",
    )
    with program(binary, "-c", str(folder / "nginx.conf"), "-p", str(folder), log=folder / "log") as pid:
        url = f"http://127.0.0.1:{port}/body"
        await answering(url)
        yield url, pid
