"""The load generator: requests made ready in a file, sent by a C program of its own, its answers read back."""

import asyncio
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

LOAD_SECONDS = 300.0


@dataclass(frozen=True)
class Target:
    """Who sends, by way of files in `folder`, and where to: a port of this machine, over so many kept connections."""

    generator: Path
    folder: Path
    port: int
    connections: int


@dataclass(frozen=True)
class Request:
    """The bytes of a request; behind them the same piece so many times, for a body that is too large to be made."""

    head: bytes
    piece: bytes = b""
    times: int = 0


@dataclass(frozen=True)
class Answers:
    """What came back. `statuses` in the order of the plan, 0 where no answer came; `times` in seconds, answers only.

    `sizes` of the answers' bodies, in bytes, in the order of the plan. `seconds` from the first request to the last
    answer, which came at `ended_at` on the loop's clock; `cpu_seconds` of the generator.
    """

    statuses: Sequence[int]
    times: Sequence[float]
    sizes: Sequence[int]
    seconds: float
    ended_at: float
    cpu_seconds: float

    @property
    def acknowledged(self) -> list[int]:
        """Return the numbers of the requests that were answered 200 or 201."""
        return [number for number, status in enumerate(self.statuses) if status in {200, 201}]


def a_put(port: int, path: str, body: bytes, headers: str = "") -> Request:
    """Return a PUT; each line of `headers` ends with CR LF."""
    head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return Request(head.encode("latin-1") + body)


def a_large(method: str, port: int, path: str, body: tuple[bytes, int], headers: Mapping[str, str]) -> Request:
    """Return a request whose body is one piece so many times."""
    piece, times = body
    told = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(piece) * times), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    return Request(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), piece, times)


def a_get(port: int, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> Request:
    """Return a GET."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{name}: {headers[name]}" for name in headers)]
    return Request(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def _unasked() -> None:
    """Nobody wants to know."""


async def load(
    target: Target, requests: Sequence[Request], half: Callable[[], None] = _unasked, within: float = LOAD_SECONDS
) -> Answers:
    """Send all requests; `half` is called when half of the answers are there. TimeoutError after `within` seconds."""
    told = target.folder / f"{uuid4().hex}.answers"
    # In memory: what a run writes to the disk besides is no part of what is measured.
    plan = os.memfd_create("plan")
    try:
        await asyncio.to_thread(_write, plan, requests)
        words = (str(target.port), str(target.connections), f"/proc/{os.getpid()}/fd/{plan}", str(told))
        seconds, ended_at, cpu_seconds = await _sent(target.generator, words, half, within)
    finally:
        os.close(plan)
    rows = [text.split() for text in (await asyncio.to_thread(told.read_text)).splitlines()]
    return Answers(
        statuses=[int(status) for status, _, _ in rows],
        times=[int(microseconds) / 1e6 for status, microseconds, _ in rows if status != "0"],
        sizes=[int(size) for _, _, size in rows],
        seconds=seconds,
        ended_at=ended_at,
        cpu_seconds=cpu_seconds,
    )


async def _sent(
    generator: Path, words: Sequence[str], half: Callable[[], None], within: float
) -> tuple[float, float, float]:
    """Run the generator; return the seconds it took, the loop's clock at its last answer, its processor seconds."""
    process = await asyncio.create_subprocess_exec(str(generator), *words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    before = os.times()
    try:
        async with asyncio.timeout(within):
            while (line := (await process.stdout.readline()).decode().strip()) == "half":
                half()
            ended_at = asyncio.get_running_loop().time()
            assert await process.wait() == 0, f"the load generator ended with {process.returncode}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    after = os.times()
    # No other child of this process ends meanwhile, but one that is killed half-way.
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return float(line), ended_at, max(spent, 0.0)


def _write(plan: int, requests: Sequence[Request]) -> None:
    with os.fdopen(os.dup(plan), "wb") as file:
        for request in requests:
            file.write(struct.pack("=III", len(request.head), len(request.piece), request.times))
            file.write(request.head)
            file.write(request.piece)
