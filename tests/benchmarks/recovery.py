"""B13, recovery: SIGKILL in the middle of an ingest, a start, and how long until it is ready; nothing may be lost."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from uuid import uuid4

from tests.benchmarks import lone_agent
from tests.benchmarks.figures import RAW, Measured
from tests.benchmarks.ground import Alone, random_body
from tests.benchmarks.ingest import CONNECTIONS, KIB, raw_faults
from tests.benchmarks.load import Answers, Request, Target, a_put, load
from tests.benchmarks.raw_programs import raw_program
from tests.benchmarks.whole_path import OURS
from tests.integration.agent_program import Agent
from tests.stacks import free_ports

CASE = "kill in the middle of ingest 4 KiB, start"
READY = "ready s"
BODY_BYTES = 4 * KIB
AIM_SECONDS, AIM_PER_SECOND = 2.0, 10_000
LOOK_SECONDS = 0.005


async def recovery(ground: Alone) -> list[Measured]:
    """Kill ours and the raw program, start them again, verify all that they had acknowledged."""
    return [await case(ground) for case in random.sample([_ours, _raw], 2)]


async def _ours(ground: Alone) -> Measured:
    bodies = _bodies(ground)
    async with lone_agent.a_lone_agent(ground.folder, ground.kafka) as agent:
        documents = await asyncio.to_thread(lone_agent.promised, agent, bodies)
        assert agent.process is not None
        answers = await _killed(ground, agent.process.pid, agent.port, documents.requests)
        agent.process.wait()
        behind = lone_agent.backlog(agent, [documents.tickets[number] for number in answers.acknowledged])
        ready = await _start(agent)
        left = lone_agent.backlog(agent, [documents.tickets[number] for number in answers.acknowledged])
        faults = lone_agent.lost(agent, documents, answers.acknowledged)
        assert not left, f"{left} acknowledged documents are not in place after the start"
        assert not faults, faults[:3]
    async with lone_agent.a_lone_agent(ground.folder, ground.kafka) as fresh:
        fresh.end()
        alone = await _start(fresh)
    values = {
        READY: ready,
        "ready s with nothing to recover": alone,
        "interpreter and imports s": await asyncio.to_thread(_imports),
        "acknowledged": len(answers.acknowledged),
        "of these not in place": behind,
        "lost": len(faults),
        "ready to the aim": ready / (AIM_SECONDS + behind / AIM_PER_SECOND),
    }
    return Measured(CASE, OURS, values, {"client": answers.cpu_seconds})


async def _raw(ground: Alone) -> Measured:
    bodies, folder, [port] = _bodies(ground), ground.folder / uuid4().hex, free_ports(1)
    requests = [a_put(port, f"/{number:08d}", body) for number, body in enumerate(bodies)]
    async with raw_program(ground.programs / "wal_first", folder, port=port) as (_, pid):
        answers = await _killed(ground, pid, port, requests)
    behind = len(raw_faults(folder, bodies, answers.acknowledged))
    begun = time.monotonic()
    async with raw_program(ground.programs / "wal_first", folder, port=port):
        ready = time.monotonic() - begun
    faults = raw_faults(folder, bodies, answers.acknowledged)
    assert not faults, faults[:3]
    values = {READY: ready, "acknowledged": len(answers.acknowledged), "of these not in place": behind, "lost": 0}
    return Measured(CASE, RAW, values, {"client": answers.cpu_seconds})


def _bodies(ground: Alone) -> list[bytes]:
    return [random_body(BODY_BYTES) for _ in range(ground.sizes.ingested)]


async def _killed(ground: Alone, pid: int, port: int, requests: Sequence[Request]) -> Answers:
    """Kill the program as soon as half of the requests are answered."""
    target = Target(ground.programs / "load", ground.folder, port, CONNECTIONS)
    answers = await load(target, requests, lambda: os.kill(pid, signal.SIGKILL))
    assert answers.acknowledged, "nothing was acknowledged before the kill"
    return answers


async def _start(agent: Agent) -> float:
    """Start the program again; return the seconds until it says that it is ready."""
    agent.look_seconds = LOOK_SECONDS
    begun = time.monotonic()
    await agent.start(**lone_agent.ENVIRONMENT)
    return time.monotonic() - begun


def _imports() -> float:
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "import infra.cli.programs, storage_agent.app"], check=True, timeout=60)
    return time.monotonic() - begun
