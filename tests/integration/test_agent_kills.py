"""SIGKILL, for real: an agent killed twenty times in the middle of its work loses nothing that it acknowledged."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from producers.publisher import MemoryPublisher
from schemas.events import DocumentCommitted
from schemas.registry import decode
from storage_agent.files import LocalDisk
from tests.elements import an_element, faults, hours, relay_all
from tests.killed_agent import body_of

KILLS = 20
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.killed_agent", str(tmp_path / "element")],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        yield process.stdin, process.stdout
        process.stdin.close()
        process.wait(20)


def one_life(nursery: tuple[IO[bytes], IO[bytes]], seconds: float) -> list[str]:
    """Let an agent work for so long, kill it, and return the documents that it acknowledged."""
    orders, told = nursery
    orders.write(b"live\n")
    orders.flush()
    lines, pid = list[str](), 0
    while not pid or "ready" not in lines:
        lines.append(told.readline().decode().strip())
        pid = int(lines[-1].removeprefix("pid ")) if lines[-1].startswith("pid ") else pid
        assert lines[-1], "the agent ended before it was ready"
        assert not lines[-1].startswith("failed"), lines[-1]
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    while lines[-1] != "dead":
        lines.append(told.readline().decode().strip())
    return [json.loads(line)["document_id"] for line in lines if line.startswith("{")]


async def test_twenty_kills_lose_nothing_acknowledged_and_leave_nothing_half_done(
    nursery: tuple[IO[bytes], IO[bytes]], tmp_path: Path
) -> None:
    root, chance, acknowledged = tmp_path / "element", random.Random(7), list[str]()  # noqa: S311 - a seed
    for _ in range(KILLS):
        acknowledged += await asyncio.to_thread(one_life, nursery, chance.uniform(0.001, 0.15))
        async with an_element(None, root) as documents:
            assert faults(LocalDisk(), root) == []
            for document_id in acknowledged:
                found = documents.find(document_id, 1)
                assert found is not None
                assert found.body.read_bytes() == body_of(document_id)
    publisher = MemoryPublisher()
    async with an_element(None, root) as documents:
        await relay_all(documents, publisher)
    facts = [decode(record.value) for record in publisher.records]
    told = [fact.meta.aggregate_id for fact in facts if isinstance(fact, DocumentCommitted)]
    stored = [name.split(".")[0] for hour in hours(LocalDisk(), root) for name in LocalDisk().names(hour)]
    assert acknowledged, "every kill came before the first acknowledgement: nothing was tried"
    assert sorted(told) == sorted(set(stored))
