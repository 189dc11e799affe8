"""B2, large uploads: one body by one PUT, by tus in PATCHes and in parallel parts, at one program alone.

Ours and the raw program answer when the body is hashed and durable together with its attributes. Others may not, so
each is measured besides until its files lie in place and are synced, by us where it leaves that to the system.
"""

import asyncio
import os
import random
import tempfile
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.figures import RAW, Measured
from tests.benchmarks.ground import MIB, Alone, random_body, touch_cache
from tests.benchmarks.ingest import Receiver
from tests.benchmarks.load import Target, load
from tests.benchmarks.processors import Reading
from tests.benchmarks.resumable import Body
from tests.benchmarks.takers import Opened, Takers, by_parts, by_patches, by_put
from tests.benchmarks.whole_path import OURS

PIECE_BYTES = 256 * 1024
PATCH_MIB = 64
PARTS = 4
MEASURE_SECONDS = 60.0
RECEIPT, IN_PLACE, CPU = "MiB/s to the receipt", "MiB/s in place", "server CPU s per GiB"
TAKEN = {200, 201, 204}
PEER_ERRORS = (AssertionError, OSError, TimeoutError, asyncio.IncompleteReadError, KeyError)


@dataclass(frozen=True)
class Task:
    """So many bytes over so many connections."""

    case: str
    connections: int
    size: int


async def large_upload(ground: Alone) -> list[Measured]:
    """Upload one body to everybody there is, each in every way that it knows."""
    found = []
    for task, takers in _tasks(ground):
        for who in random.sample(sorted(takers), len(takers)):
            found += [await _tried(ground, task, who, takers[who])]
    return found


def _tasks(ground: Alone) -> Sequence[tuple[Task, Takers]]:
    mib = ground.sizes.large_mib
    patch_mib = min(PATCH_MIB, max(1, mib // PARTS))
    body = a_body(mib)
    patches, parts = body.cut(patch_mib * MIB // PIECE_BYTES), body.cut(body.times // PARTS)
    return [
        (Task(f"upload {mib} MiB, one PUT", 1, body.size), by_put(ground, body)),
        (Task(f"upload {mib} MiB, PATCHes of {patch_mib} MiB", 1, body.size), by_patches(ground, body, patches)),
        (Task(f"upload {mib} MiB, {PARTS} parallel parts", PARTS, body.size), by_parts(ground, body, parts)),
    ]


def a_body(mib: int) -> Body:
    """Return one that an agent takes."""
    return Body(random_body(PIECE_BYTES), mib * MIB // PIECE_BYTES)


async def _tried(ground: Alone, task: Task, who: str, opened: Opened | None) -> Measured:
    """Measure; somebody else's program that is absent, or fails, has no values and is told about."""
    if opened is None:
        return Measured(task.case, who, {}, absent="not on this machine")
    try:
        with tempfile.TemporaryDirectory(dir=ground.folder) as folder:
            return await _measured(ground, task, who, opened(Path(folder)))
    except PEER_ERRORS as error:
        if who in {OURS, RAW}:
            raise
        return Measured(task.case, who, {}, absent=f"failed: {error!r}"[:300])
    finally:
        # What others left to the system is not to be written in the time of the next.
        await asyncio.to_thread(os.sync)


async def _measured(ground: Alone, task: Task, who: str, opened: AbstractAsyncContextManager[Receiver]) -> Measured:
    async with opened as receiver:
        # Joined parts are written once more.
        await asyncio.to_thread(touch_cache, ground.folder, 2 * task.size // MIB)
        target = Target(ground.programs / "load", ground.folder, receiver.port, task.connections)
        before, clock = await asyncio.to_thread(Reading.of, receiver.processes), asyncio.get_running_loop().time
        answers = await load(target, receiver.requests, within=MEASURE_SECONDS)
        begun = answers.ended_at - answers.seconds
        refused = [status for status in answers.statuses if status not in TAKEN]
        assert not refused, f"{who}: {refused}"
        async with asyncio.timeout(MEASURE_SECONDS):
            await receiver.joined()
            receipt = clock() - begun
            await receiver.drained()
            in_place = clock() - begun
        spent = (await asyncio.to_thread(Reading.of, receiver.processes)).since(before)
        faults = await asyncio.to_thread(receiver.faults, range(len(receiver.requests)))
        assert not faults, f"{who}: {faults[:3]}"
    mib = task.size / MIB
    values = {RECEIPT: mib / receipt, IN_PLACE: mib / in_place, CPU: sum(spent.values()) * 1024 / mib}
    return Measured(task.case, who, values, {**spent, "client": answers.cpu_seconds})
