"""Hidden requests, sent to an agent directly and through proxies: who saw which, and what the client was told.

`python -m tests.hostile.smuggling` writes the table of `SMUGGLING.md` anew.
"""

import asyncio
import contextlib
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.agents import path_of
from tests.answers import HEAD_BYTES_MAX, NotAnAnswerError, read_answer
from tests.benchmarks.lone_agent import a_lone_agent
from tests.hostile.proxies import Proxy, a_proxy, is_there
from tests.hostile.shapes import LARGE_BYTES, Shape, shapes
from tests.integration.agent_program import Agent

PROXIES = ("nginx", "haproxy")
TABLE = Path(__file__).with_name("SMUGGLING.md")
AT_ONCE = 16
VICTIMS = 40
# Where nothing more comes the other side waits for the rest, and is left; later where all that is said is written down.
QUIET_SECONDS = 0.5
PATIENT_SECONDS = 4.0
ANSWER_SECONDS = 20.0
_SEEN = re.compile(r"/(outer|smuggled|victim)(?:/versions)?/(\d+)")
Seen = Counter[tuple[str, int]]


@dataclass(frozen=True)
class Outcome:
    """What came of one shape on one way: the statuses that the client got, and what the agent saw of it."""

    shape: Shape
    statuses: Sequence[int]
    closed: bool
    outer: int
    inner: int

    def __str__(self) -> str:
        told = ", ".join(map(str, self.statuses)) or ("closed" if self.closed else "waits for more")
        seen = {(0, 0): "nothing", (1, 0): "it", (1, 1): "both", (0, 1): "the inner one"}
        return f"{told}; {seen.get((min(self.outer, 1), min(self.inner, 1)))}"


@dataclass(frozen=True)
class Way:
    """All shapes on one way. `faults`: what the agent saw and the proxy did not, and victims that were hurt."""

    outcomes: Sequence[Outcome]
    faults: Sequence[str]


def written(shape: Shape, number: int, agent: Agent) -> bytes:
    """Return a shape with its addresses, and a ticket of its own where it names one."""
    ticket = agent.ticket(b"x" * LARGE_BYTES, "тело.bin")
    words = {
        b"{outer}": b"/outer/%03d" % number,
        b"{inner}": b"/smuggled/%03d" % number,
        b"{uploads}": b"/documents/outer/versions/%03d/uploads" % number,
        b"{document}": path_of(ticket, "").rstrip("/").encode(),
        b"{ticket}": agent.bearer(ticket)["Authorization"].removeprefix("Bearer ").encode(),
    }
    data = shape.data
    for place, word in words.items():
        data = data.replace(place, word)
    return data


async def sent(port: int, data: bytes, quiet_seconds: float) -> tuple[list[int], bool]:
    """Send a shape over a connection of its own; return the statuses of what is answered, and whether it was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=HEAD_BYTES_MAX)
    statuses, method = list[int](), data.split(b" ", 1)[0].decode("latin-1")
    try:
        with contextlib.suppress(TimeoutError, OSError):
            writer.write(data)
            while True:
                async with asyncio.timeout(quiet_seconds if not statuses else quiet_seconds / 2):
                    answer = await read_answer(reader, "GET" if statuses else method)
                if answer is None:
                    return statuses, True
                statuses.append(answer.status)
    except (asyncio.IncompleteReadError, NotAnAnswerError):
        return [*statuses, 0], True
    finally:
        writer.transport.abort()
    return statuses, reader.at_eof()


async def harmed(port: int, number: int) -> str | None:
    """Ask for what is not there, as somebody else; return what is wrong with the answer."""
    path = f"/victim/{number:03}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=HEAD_BYTES_MAX)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: agent\r\n\r\n".encode())
            answer = await read_answer(reader, "GET")
    except (TimeoutError, OSError, asyncio.IncompleteReadError, NotAnAnswerError) as error:
        return f"{path}: {error!r}"
    finally:
        writer.transport.abort()
    if answer is None or answer.status != 404 or json.loads(answer.body)["instance"] != path:
        return f"{path}: {answer}"
    return None


def seen_by_agent(log: Path, position: int) -> Seen:
    """Return what the agent's access lines name, from a place in its log on."""
    lines = log.read_bytes()[position:].decode(errors="replace").splitlines()
    paths = (json.loads(line)["path"] for line in lines if '"logger": "artstore.access"' in line)
    return _named(paths)


def seen_by_proxy(log: Path) -> Seen:
    """Return what the lines of a proxy name."""
    return _named(log.read_text(errors="replace").splitlines())


def _named(texts: Iterator[str] | Sequence[str]) -> Seen:
    found = (_SEEN.search(text) for text in texts)
    return Counter((each[1], int(each[2])) for each in found if each)


def unseen(agent: Seen, proxy: Seen) -> list[str]:
    """Return what the agent saw more often than the proxy."""
    return [f"the agent saw /{kind}/{number:03} and the proxy did not" for kind, number in (agent - proxy)]


def undue(agent: Seen, tried: Sequence[Shape]) -> list[str]:
    """Return the hidden requests that an agent saw although nothing that may be read so was sent to it."""
    return [
        f"{shape.name}: the inner request was seen"
        for number, shape in enumerate(tried)
        if agent["smuggled", number] and not shape.open
    ]


async def tried(agent: Agent, proxy: Proxy | None, every: Sequence[Shape], quiet_seconds: float) -> Way:
    """Send all shapes on one way, then ask as others do, and compare who saw what."""
    log, port = agent.home / "agent.log", agent.port if proxy is None else proxy.port
    position, gate = log.stat().st_size, asyncio.Semaphore(AT_ONCE)

    async def one(number: int, shape: Shape) -> tuple[list[int], bool]:
        async with gate:
            return await sent(port, written(shape, number, agent), quiet_seconds)

    told = await asyncio.gather(*(one(number, shape) for number, shape in enumerate(every)))
    victims = [await harmed(port, number) for number in range(VICTIMS)]
    # Once the agent has answered this, it has told of all that came before.
    await agent.get(f"{agent.url}/last/{position}")
    agent_saw = await _until_told(log, position)
    faults = undue(agent_saw, every) if proxy is None else unseen(agent_saw, await _until_logged(proxy, agent_saw))
    outcomes = [
        Outcome(shape, statuses, closed, agent_saw["outer", number], agent_saw["smuggled", number])
        for number, (shape, (statuses, closed)) in enumerate(zip(every, told, strict=True))
    ]
    return Way(outcomes, [*faults, *filter(None, victims)])


async def _until_told(log: Path, position: int) -> Seen:
    async with asyncio.timeout(ANSWER_SECONDS):
        while f"/last/{position}".encode() not in log.read_bytes()[position:]:  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)
    return seen_by_agent(log, position)


async def _until_logged(proxy: Proxy, agent_saw: Seen) -> Seen:
    """Wait a moment: a proxy writes its line after the answer has gone."""
    for _ in range(100):
        seen = seen_by_proxy(proxy.log)
        if not agent_saw - seen:
            break
        await asyncio.sleep(0.02)
    return seen


async def every_way(folder: Path, quiet_seconds: float = QUIET_SECONDS) -> dict[str, Way]:
    """Try all shapes directly and through each proxy that is installed."""
    ways, every = dict[str, Way](), shapes()
    async with a_lone_agent(folder / "agents", None) as agent:
        ways["directly"] = await tried(agent, None, every, quiet_seconds)
        for name in filter(is_there, PROXIES):
            with a_proxy(name, folder / name, agent.port) as proxy:
                ways[name] = await tried(agent, proxy, every, quiet_seconds)
    return ways


def table(ways: Mapping[str, Way]) -> str:
    """Return the outcomes as lines of Markdown."""
    head = ["shape", *ways]
    rows = [
        [outcomes[0].shape.name, *map(str, outcomes)]
        for outcomes in zip(*(way.outcomes for way in ways.values()), strict=True)
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main() -> int:
    """Try everything and write the table below the words of the page."""
    with tempfile.TemporaryDirectory(prefix="artstore-smuggling-") as scratch:
        folder = Path(scratch)
        (folder / "agents").mkdir()
        folder.chmod(0o755)
        ways = asyncio.run(every_way(folder, PATIENT_SECONDS))
    for name, way in ways.items():
        for fault in way.faults:
            sys.stdout.write(f"{name}: {fault}\n")
    words = TABLE.read_text(encoding="utf-8").partition("| shape")[0]
    TABLE.write_text(words + table(ways), encoding="utf-8")
    return int(any(way.faults for way in ways.values()))


if __name__ == "__main__":
    sys.exit(main())
