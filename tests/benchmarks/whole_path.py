"""Cases of the whole path: from the announcement until the document is found, and documents per second with drain."""

from collections.abc import Mapping, Sequence

from tests.benchmarks.figures import Measured, percentile
from tests.benchmarks.ground import Ground, timed
from tests.benchmarks.path import Stages, drained, latencies

TEXT_BYTES = 2048
STREAM_CLIENTS = 8
OURS = "artstore"


async def one_client(ground: Ground) -> list[Measured]:
    """Uploads one after another by one client."""
    return [await _latency(ground, 1)]


async def eight_clients(ground: Ground) -> list[Measured]:
    """Uploads by eight clients, each waiting until its document is found."""
    return [await _latency(ground, 8)]


async def stream(ground: Ground) -> list[Measured]:
    """Uploads as fast as eight clients can, until the last is found."""

    async def work() -> Mapping[str, float]:
        count = ground.sizes.stream
        taken, whole = await drained(ground.visitor, count, STREAM_CLIENTS, TEXT_BYTES)
        return {"taken/s": count / taken, "found/s with drain": count / whole}

    return [await timed("documents, 8 clients", OURS, ground.processes, work)]


async def _latency(ground: Ground, clients: int) -> Measured:
    async def work() -> Mapping[str, float]:
        return _summed(await latencies(ground.visitor, ground.sizes.documents * clients, clients, TEXT_BYTES))

    return await timed(f"upload to found, {clients} clients", OURS, ground.processes, work)


def _summed(stages: Sequence[Stages]) -> dict[str, float]:
    found, put = [each.found * 1000 for each in stages], [each.put * 1000 for each in stages]
    return {
        "committed p50 ms": percentile(put, 0.5),
        "found p50 ms": percentile(found, 0.5),
        "found p99 ms": percentile(found, 0.99),
    }
