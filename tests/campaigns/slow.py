"""The campaign of slow connections: a thousand of them at one agent, and what fast clients notice of it.

Run as `python -m tests.campaigns.slow --connections 1000 --seconds 60`.
"""

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.ticket import UploadTicket
from tests.agents import path_of, some_bytes
from tests.answers import HEAD_BYTES_MAX, NotAnAnswerError, read_answer
from tests.benchmarks.lone_agent import a_lone_agent
from tests.campaigns.crowd import Kind, Slow
from tests.campaigns.ledger import commit, note, said
from tests.campaigns.seeds import downloading
from tests.integration.agent_program import ROOT, Agent

CONNECTIONS = 1000
SECONDS = 60.0
LARGE_BYTES = 64 * 1024 * 1024
BODY_BYTES = 1024 * 1024
SMALL_BYTES = 4096
FAST = 4
ALONE_SECONDS = 10.0
ANSWER_SECONDS = 20.0
KINDS: tuple[Kind, ...] = ("head", "body", "reader")
TABLE = "Slow connections"
QUIET = {"ARTSTORE_TELEMETRY__LOG_LEVEL": "warning"}


@dataclass
class Fast:
    """What fast clients got: times of right answers in seconds, and everything else by its name."""

    seconds: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)

    def quantile(self, share: float) -> float:
        """Return the time within which this share of the answers came, in milliseconds; 0 without answers."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass(frozen=True)
class Figures:
    """What one run has measured. Memory in bytes."""

    alone: Fast
    beside: Fast
    rss_before: int
    rss_most: int
    slow: Sequence[Slow]

    @property
    def ratio(self) -> float:
        """Return how many times longer the slowest hundredth takes beside slow clients."""
        return self.beside.quantile(0.99) / max(self.alone.quantile(0.99), 1e-9)

    def ends(self, kind: Kind) -> Counter[str]:
        """Return what became of the connections of a kind, with the status that they were told."""
        return Counter(f"{one.end} {one.status or ''}".strip() for one in self.slow if one.kind == kind)


def rss(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096


async def asked(agent: Agent, ticket: UploadTicket, seconds: float, fast: Fast) -> None:
    """Get a small document over one kept connection, again and again for so long."""
    request = f"GET {path_of(ticket)}?ticket={downloading(ticket)} HTTP/1.1\r\nHost: agent\r\n\r\n".encode()
    until, kept = time.monotonic() + seconds, None
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                kept = kept or await asyncio.open_connection("127.0.0.1", agent.port, limit=HEAD_BYTES_MAX)
                kept[1].write(request)
                answer = await read_answer(kept[0], "GET")
        except (TimeoutError, OSError, asyncio.IncompleteReadError, NotAnAnswerError) as error:
            answer = None
            fast.wrong[type(error).__name__] += 1
        if answer is not None and (answer.status, len(answer.body)) == (200, SMALL_BYTES):
            fast.seconds.append(time.monotonic() - began)
        elif answer is not None:
            fast.wrong[str(answer.status)] += 1
        if answer is None or answer.closing:
            if kept is not None:
                kept[1].transport.abort()
            kept = None
            await asyncio.sleep(0.01)
    if kept is not None:
        kept[1].transport.abort()


async def measured(agent: Agent, ticket: UploadTicket, seconds: float) -> Fast:
    """Return what some fast clients get within so many seconds."""
    fast = Fast()
    await asyncio.gather(*(asked(agent, ticket, seconds, fast) for _ in range(FAST)))
    return fast


def plan(agent: Agent, large: UploadTicket, connections: int) -> list[Slow]:
    """Return slow connections of every kind in turn, all of them with right tickets."""
    read = f"GET {path_of(large)}?ticket={downloading(large)} HTTP/1.1\r\nHost: agent\r\n"
    body = some_bytes(BODY_BYTES)
    # One ticket for twenty: they take milliseconds to sign, and each body would be taken all the same.
    heads = list[str]()
    for _ in range(max(1, connections // 20)):
        ticket = agent.ticket(body, "медленно.bin")
        bearer = agent.bearer(ticket)["Authorization"]
        heads.append(
            f"PUT {path_of(ticket)} HTTP/1.1\r\nHost: agent\r\nAuthorization: {bearer}\r\n"
            f"Content-Length: {BODY_BYTES}\r\n\r\n"
        )
    every = list[Slow]()
    for number, kind in zip(range(connections), itertools.cycle(KINDS), strict=False):
        match kind:
            case "head":
                every.append(Slow(kind, "", read + "X-Slow: " + "x" * 10_000))
            case "body":
                every.append(Slow(kind, heads[number % len(heads)], "x" * 10_000))
            case "reader":
                every.append(Slow(kind, read + "\r\n", ""))
    return every


async def run(agent: Agent, folder: Path, connections: int, seconds: float) -> Figures:
    """Measure fast clients alone, then beside a crowd that stays for so many seconds."""
    small, large = agent.ticket(some_bytes(SMALL_BYTES), "a.bin"), agent.ticket(some_bytes(LARGE_BYTES), "b.bin")
    for ticket in (small, large):
        assert (await agent.put(ticket, some_bytes(ticket.size))).status_code == 200
    assert agent.process is not None
    await measured(agent, small, 1)
    alone, before = await measured(agent, small, min(ALONE_SECONDS, seconds)), rss(agent.process.pid)
    every = plan(agent, large, connections)
    lines = (json.dumps({"kind": one.kind, "request": one.request, "after": one.after}) for one in every)
    await asyncio.to_thread((folder / "plan").write_text, "\n".join(lines), encoding="utf-8")
    words = ("-m", "tests.campaigns.crowd", str(agent.port), str(folder / "plan"))
    pipe = asyncio.subprocess.PIPE
    crowd = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, stdin=pipe, stdout=pipe)
    most = [before]
    watching = asyncio.create_task(_watched(agent.process.pid, most))
    try:
        assert crowd.stdout is not None
        assert await crowd.stdout.readline() == b"started\n"
        beside = await measured(agent, small, seconds)
        told, _ = await crowd.communicate(b"")
    finally:
        watching.cancel()
        if crowd.returncode is None:
            crowd.kill()
    slow = [Slow(**json.loads(line)) for line in told.splitlines()]
    assert agent.process.poll() is None
    return Figures(alone, beside, before, max(most), slow)


async def _watched(pid: int, most: list[int]) -> None:
    while True:
        most.append(rss(pid))
        await asyncio.sleep(0.2)


async def one(folder: Path, connections: int, seconds: float) -> Figures:
    """Run one campaign against an agent of its own."""
    async with a_lone_agent(folder, None, **QUIET) as agent:
        return await run(agent, folder, connections, seconds)


def main() -> int:
    """Run one campaign in a folder of its own."""
    parser = argparse.ArgumentParser(description="slow connections at an agent")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    under_test = commit()
    with tempfile.TemporaryDirectory(prefix="artstore-slow-") as scratch:
        found = asyncio.run(one(Path(scratch), given.connections, given.seconds))
    for name, fast in (("alone", found.alone), ("beside the slow", found.beside)):
        said(f"{name}: {len(fast.seconds)} answers, p50 {fast.quantile(0.5):.1f} ms, p99 {fast.quantile(0.99):.1f} ms")
        said(f"  otherwise: {dict(fast.wrong)}")
    for kind in KINDS:
        said(f"{kind}: {dict(found.ends(kind))}")
    mebibytes = [size // 1024 // 1024 for size in (found.rss_before, found.rss_most)]
    said(f"memory {mebibytes[0]} MiB before, {mebibytes[1]} MiB at most; p99 ratio {found.ratio:.2f}")
    cut = sum(one.end == "cut" for one in found.slow)
    times = [f"{fast.quantile(0.99):.1f}" for fast in (found.alone, found.beside)]
    wrong = found.beside.wrong.total()
    if given.connections >= CONNECTIONS:
        note(TABLE, under_test, (len(found.slow), cut, *mebibytes, *times, f"{found.ratio:.2f}", wrong))
    return 0 if found.beside.seconds and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
