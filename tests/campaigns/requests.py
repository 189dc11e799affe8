"""The campaign of requests: valid ones, mutated, thrown at a real agent's port by the million, and never a fault.

Run as `python -m tests.campaigns.requests --requests 1000000 --seed 7 --seconds 1500`. What is found is left as files
of bytes in `--findings`.
"""

import argparse
import asyncio
import itertools
import json
import random
import re
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import uvloop

from schemas.attributes import Attributes
from schemas.ticket import UploadTicket
from storage_agent.layout import ATTR, SUMS, Folders
from tests.agents import path_of, sha256
from tests.answers import REASONED
from tests.benchmarks.lone_agent import a_lone_agent
from tests.campaigns.fuzzing import Canary, Tally, batch, throw
from tests.campaigns.ledger import commit, note, said
from tests.campaigns.rests import Rests
from tests.campaigns.seeds import SIZES, World, begin, body_of, downloading, filled, seeds

REQUESTS = 1_000_000
SECONDS = 1500.0
CONNECTIONS = 16
# New tickets now and then: those of downloads live for minutes, those of uploads are soon spent. So many sets of them
# are asked with at once.
WORDS_SECONDS = 1.5
SETS = 4
TOLD_SECONDS = 60.0
SETTLED_SECONDS = 20.0
ASK_SECONDS = 30.0
TABLE = "Requests"
# A line for every request would be no news and most of the work.
QUIET = {"ARTSTORE_TELEMETRY__LOG_LEVEL": "warning"}
_FAULTS = re.compile(r'artstore_http_requests_total\{.*status="(5\d\d)"')
OWN_FILES = frozenset({"agent.log", "spans.jsonl"})


@dataclass(frozen=True)
class Bounds:
    """Where a campaign ends, whichever comes first."""

    requests: int
    seconds: float


def files(folder: Path) -> set[str]:
    """Return every file below a folder by its relative path, but what the journal and the log of the process keep."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return {str(path) for path in found if path.name not in OWN_FILES and "journal" not in path.parts}


def astray(world: World, before: set[str]) -> Iterator[str]:
    """Yield what lies in the agent's home that nobody with a ticket has brought, or with other bytes than announced."""
    root = world.agent.root
    for name in sorted(files(world.agent.home) - before):
        path = world.agent.home / name
        if path.name == SUMS or path.parent == Folders(root).uploads:
            continue
        document = path.name.partition(".")[0]
        if not path.is_relative_to(root) or document not in world.issued:
            yield f"made: {name}"
        elif path.name.endswith(ATTR):
            yield from _changed(path, world.issued[document])


def _changed(attr: Path, ticket: UploadTicket) -> Iterator[str]:
    content = Attributes.from_sealed(attr.read_bytes()).content
    if (content.sha256, content.size) != (ticket.sha256, ticket.size):
        yield f"committed with another content than announced: {attr.name}"
    if sha256((attr.parent / content.stored_name).read_bytes()) != ticket.sha256:
        yield f"stored with other bytes than announced: {attr.name}"


def complaints(log: Path) -> Iterator[str]:
    """Yield the lines of an agent's log that tell of a failure; of requests and of a log that is away it may tell."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                told = json.loads(line)
            except ValueError:
                yield line.strip()[:500]
                continue
            if told.get("logger") == "aiokafka":
                continue
            if told.get("level") in {"error", "critical"} or "exception" in told:
                yield f"{line.strip()[:200]} ... {line.strip()[-800:]}"


def failed(numbers: str) -> Iterator[str]:
    """Yield the lines of an agent's metrics that count requests answered by a fault, also where nobody heard it."""
    for line in numbers.splitlines():
        found = _FAULTS.match(line)
        if found and int(found[1]) not in REASONED:
            yield line


class Campaign:
    """One agent under mutated requests."""

    def __init__(self, world: World, seed: int, bounds: Bounds) -> None:
        self.world = world
        self.tally = Tally()
        self._seed = seed
        self._bounds = bounds
        self._numbers = itertools.count()
        self._seeds = seeds()
        self._sets = deque[tuple[frozenset[str], list[bytes]]](maxlen=SETS)
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return for how long it has run."""
        return time.monotonic() - self._began

    async def run(self, connections: int = CONNECTIONS) -> list[str]:
        """Throw until a bound is reached; return what lies or was said where nothing may."""
        async with httpx2.AsyncClient(trust_env=False, timeout=ASK_SECONDS) as client:
            return await self._run(connections, Rests(self.world.agent, client))

    async def _run(self, connections: int, rests: Rests) -> list[str]:
        agent = self.world.agent
        before = files(agent.home)
        await self._renew(rests)
        canary = asyncio.create_task(Canary(agent.port, self._canary, self.tally).run())
        others = [canary, asyncio.create_task(self._renewed(rests)), asyncio.create_task(self._told())]
        try:
            await asyncio.gather(*(self._throwing() for _ in range(connections)))
        finally:
            for task in others:
                task.cancel()
            await asyncio.wait(others)
        assert agent.process is not None
        if agent.process.poll() is not None:
            return [f"the agent has ended: {agent.process.returncode}", *complaints(agent.home / "agent.log")]
        await self._settled()
        try:
            numbers = (await agent.get(f"{agent.url}/metrics")).text
            resting = [*await rests.ended(), *rests.left(self.world.issued)]
        except httpx2.HTTPError as error:
            return [f"the agent answers no more: {error!r}", *complaints(agent.home / "agent.log")]
        said(f"{rests.most} files of uploads at most")
        return [*resting, *failed(numbers), *astray(self.world, before), *complaints(agent.home / "agent.log")]

    async def _throwing(self) -> None:
        agent = self.world.agent
        while self.tally.answered < self._bounds.requests and self.seconds < self._bounds.seconds:
            number = next(self._numbers)
            try:
                _, requests = self._sets[number % len(self._sets)]
                await throw(agent.port, number, batch(self._seed, number, requests), self.tally)
            except ConnectionRefusedError:
                self.tally.find(number, "nobody listens", b"")
                return

    async def _renew(self, rests: Rests) -> None:
        uploads = self.world.uploads()
        words = self.world.words(uploads) | await begin(rests, uploads)
        ids = frozenset[str](ticket.ticket_id for ticket in uploads.values())
        self._sets.append((ids, [filled(seed, words) for seed in self._seeds.values()]))

    async def _renewed(self, rests: Rests) -> None:
        while True:
            await asyncio.sleep(WORDS_SECONDS)
            try:
                await self._renew(rests)
                wrong = await rests.ended(frozenset[str]().union(*(ids for ids, _ in self._sets)))
            except (httpx2.HTTPError, AssertionError) as error:
                wrong = [f"the uploads that rest: {error!r}"]
            for what in wrong:
                self.tally.find(-1, what, b"")

    async def _told(self) -> None:
        while True:
            await asyncio.sleep(TOLD_SECONDS)
            said(f"{self.tally.answered} requests after {self.seconds:.0f} s, findings: {dict(self.tally.kinds)}")

    def _canary(self) -> tuple[bytes, bytes]:
        ticket = self.world.stored[""]
        path = f"{path_of(ticket)}?ticket={downloading(ticket)}"
        return f"GET {path} HTTP/1.1\r\nHost: agent\r\n\r\n".encode(), body_of(SIZES[""])

    async def _settled(self) -> None:
        """Wait until nothing is on its way: an answer that went out early lets its connection linger."""
        staging, until = self.world.agent.root / "staging", time.monotonic() + SETTLED_SECONDS
        while any(staging.iterdir()) and time.monotonic() < until:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.1)


def kept(tally: Tally, folder: Path) -> None:
    """Write what was found, a file of bytes each."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, finding in enumerate(tally.findings):
        (folder / f"{place:02}.bytes").write_bytes(finding.sent)
        (folder / f"{place:02}.txt").write_text(f"connection {finding.number}: {finding.what}\n", encoding="utf-8")


async def one(folder: Path, seed: int, bounds: Bounds) -> tuple[Campaign, list[str]]:
    """Run one campaign against an agent of its own in `folder`; the log of events is away."""
    async with a_lone_agent(folder, None, **QUIET) as agent:
        campaign = Campaign(await World.of(agent), seed, bounds)
        return campaign, await campaign.run()


def main() -> int:
    """Run one campaign in a folder of its own."""
    parser = argparse.ArgumentParser(description="mutated requests at an agent's port")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    given = parser.parse_args()
    under_test = commit()
    said(f"seed {given.seed}, {len(seeds())} seeds")
    with tempfile.TemporaryDirectory(prefix="artstore-requests-") as scratch:
        bounds = Bounds(given.requests, given.seconds)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            campaign, wrong = runner.run(one(Path(scratch), given.seed, bounds))
    tally = campaign.tally
    for line in (*(f"{kind}: {count}" for kind, count in tally.kinds.items()), *wrong):
        said(line)
    if tally.findings:
        kept(tally, given.findings)
    faults = tally.kinds.total() + len(wrong)
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items()))
    said(statuses)
    said(
        f"{tally.answered} requests over {tally.connections} connections, {tally.closed} closed, "
        f"{tally.resets} of them reset, {tally.canaries} canaries, slowest {tally.canary_worst_seconds:.2f} s; "
        f"{faults} faults, {campaign.seconds:.0f} s"
    )
    cells = (given.seed, tally.answered, tally.connections, tally.closed, tally.canaries, faults)
    if given.requests >= REQUESTS:
        note(TABLE, under_test, (*cells, round(campaign.seconds)))
    return 0 if not faults and tally.answered else 1


if __name__ == "__main__":
    sys.exit(main())
