"""The campaign of broken uploads: one large document through disconnects, hanging requests and kills of the agent.

Run as `python -m tests.campaigns.resumed --mib 1024 --seed 7`. The seed draws where the upload breaks, and how.
"""

import argparse
import asyncio
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from infra.runtime.settings_sections import KafkaSettings
from schemas.ticket import UploadTicket
from storage_agent.resumable import whole_id
from tests.agents import path_of, until
from tests.builders import a_ticket, an_upload_request
from tests.campaigns.ledger import commit, note, said
from tests.integration.agent_program import Agent, prepare_home
from tests.stacks import free_ports

MEBIBYTE = 1024 * 1024
BREAKS, KILLS = 20, 3
SECONDS = 1800.0
ASK_SECONDS = 60.0
TRIES = 10


class Source:
    """Bytes that anybody can make again from their place; no two mebibytes are alike."""

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        # No executable's first bytes: the policy would refuse it.
        self._block = random.Random(seed).randbytes(MEBIBYTE - 16)  # noqa: S311 - to be drawn again

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `begin` up to `end`, a mebibyte at most at a time."""
        while begin < end:
            number, inside = divmod(begin, MEBIBYTE)
            piece = (f"{number:<16}".encode() + self._block)[inside : inside + end - begin]
            yield piece
            begin += len(piece)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for piece in self.pieces(0, self.size):
            digest.update(piece)
        return digest.hexdigest()


@dataclass(frozen=True)
class Break:
    """Where an upload breaks, in bytes from its beginning, and how: `abort`, `hang` or `kill`."""

    at: int
    how: str


def drawn(size: int, dice: random.Random) -> list[Break]:
    """Return the breaks in order, each at a place of its own."""
    places = sorted(dice.sample(range(1, size), BREAKS + KILLS))
    kinds = ["kill"] * KILLS + ["hang"] * (BREAKS // 4) + ["abort"] * (BREAKS - BREAKS // 4)
    dice.shuffle(kinds)
    return [Break(at, how) for at, how in zip(places, kinds, strict=True)]


@dataclass
class Tally:
    """What came of it. `again`: bytes sent more than once; `faults`: promises that were broken."""

    size: int = 0
    breaks: dict[str, int] = field(default_factory=dict)
    again: int = 0
    documents: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0

    def cells(self) -> tuple[object, ...]:
        """Return the cells of a row of the ledger behind the seed."""
        kinds = (self.breaks.get(how, 0) for how in ("abort", "hang", "kill"))
        return (self.size // MEBIBYTE, *kinds, round(self.again / MEBIBYTE, 1), self.documents, len(self.faults))


class Campaign:
    """One document of `size` bytes on its way into an agent in `home`."""

    def __init__(self, home: Path, size: int, seed: int) -> None:
        nobody = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
        self.agent = Agent(home, nobody, start_seconds=ASK_SECONDS * 2)
        self.source = Source(size, seed)
        self.dice = random.Random(seed)  # noqa: S311 - a seed, not a secret
        self.tally = Tally(size)
        self.told = self.sent = 0
        self._hanging: list[asyncio.StreamWriter] = []

    async def run(self) -> Tally:
        """Send it, break by break, and examine what there is in the end."""
        began = time.monotonic()
        prepare_home(self.agent.home)
        await self.agent.start()
        try:
            self.ticket = self._a_ticket()
            await self._ask("POST", path_of(self.ticket, "uploads"), {"Upload-Length": str(self.source.size)})
            for each in drawn(self.source.size, self.dice):
                await self._until(each)
                self.tally.breaks[each.how] = self.tally.breaks.get(each.how, 0) + 1
            await self._finish()
            await self._examine()
        finally:
            for writer in self._hanging:
                writer.transport.abort()
            self.agent.end()
        self.tally.seconds = time.monotonic() - began
        return self.tally

    async def _until(self, each: Break) -> None:
        writer = await self._brought(each.at)
        await asyncio.sleep(self.dice.random() * 0.2)
        if each.how == "hang":
            self._hanging.append(writer)
            return
        if each.how == "kill":
            self.agent.end(signal.SIGKILL)
            writer.transport.abort()
            await self.agent.start()
            return
        writer.transport.abort()

    async def _brought(self, end: int) -> asyncio.StreamWriter:
        """Go on up to `end` in a request that wants more; one that is refused is begun again, as any client would.

        What an earlier connection had brought may still be taken in behind HEAD: then the offset is another by now.
        """
        for _ in range(TRIES):
            offset = await self._offset()
            self.tally.again += max(0, self.sent - offset)
            self.sent = max(offset, end)
            try:
                return await self._patch(offset, self.sent)
            except ConnectionError:
                continue
        msg = f"no request came up to {end}"
        raise AssertionError(msg)

    async def _patch(self, offset: int, sent: int) -> asyncio.StreamWriter:
        """Begin a PATCH of all that is left, and bring no more than up to `sent` of it."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.agent.port)
        head = {
            **self.agent.bearer(self.ticket),
            "Host": "agent",
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(self.source.size - offset),
            "Upload-Offset": str(offset),
        }
        lines = [f"PATCH {self._path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        async with asyncio.timeout(ASK_SECONDS * 5):
            for piece in self.source.pieces(offset, sent):
                writer.write(piece)
                await writer.drain()
        return writer

    async def _finish(self) -> None:
        for _ in range(TRIES):
            offset = await self._offset()
            body = b"".join(self.source.pieces(offset, self.source.size))
            headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
            answer = await self._ask("PATCH", self._path, headers, body)
            if answer.status_code != 409:
                break
        self.tally.again += max(0, self.sent - offset)
        if (answer.status_code, answer.headers.get("Upload-Offset")) != (204, str(self.source.size)):
            self.tally.faults.append(f"the last PATCH was answered {answer.status_code} {answer.text}")
        if await self._offset() != self.source.size:
            self.tally.faults.append("HEAD does not tell the end")

    async def _offset(self) -> int:
        answer = await self._ask("HEAD", self._path, {})
        offset = int(answer.headers.get("Upload-Offset", "-1"))
        if answer.status_code != 200 or offset < self.told:
            self.tally.faults.append(f"{answer.status_code}: at {offset} after {self.told} was told")
        self.told = max(self.told, offset)
        return max(offset, 0)

    async def _examine(self) -> None:
        digest = hashlib.sha256()
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=ASK_SECONDS) as client,
            client.stream("GET", self.agent.content_url(self.ticket)) as answer,
        ):
            async for piece in answer.aiter_bytes():
                digest.update(piece)
        if digest.hexdigest() != self.source.sha256():
            self.tally.faults.append(f"other bytes are served: {answer.status_code}")
        # The answer goes out before the files are in their place.
        with suppress(TimeoutError):
            await until(lambda: not self._left())
        self.tally.documents = len(list(self.agent.root.glob("2*/**/*.attr.json")))
        if self.tally.documents != 1:
            self.tally.faults.append(f"{self.tally.documents} documents")
        self.tally.faults += [f"left over: {name}" for name in self._left()]

    def _left(self) -> list[str]:
        return [path.name for name in ("staging", "uploads") for path in (self.agent.root / name).iterdir()]

    def _a_ticket(self) -> UploadTicket:
        request = an_upload_request(filename="Запись.bin", size=self.source.size, now=datetime.now(UTC))
        return a_ticket(request).model_copy(update={"element_id": self.agent.element_id})

    @property
    def _path(self) -> str:
        return f"{path_of(self.ticket, 'uploads')}/{whole_id(self.ticket)}"

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> httpx2.Response:
        given = {**self.agent.bearer(self.ticket), "Tus-Resumable": "1.0.0", **headers}
        async with httpx2.AsyncClient(trust_env=False, timeout=ASK_SECONDS) as client:
            return await client.request(method, self.agent.url + path, headers=given, content=body)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one campaign."""
    parser = argparse.ArgumentParser(description="one upload through disconnects and kills")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--folder", type=Path, default=None, help="where the element is to lie")
    given = parser.parse_args(arguments)
    said(f"seed {given.seed}, {given.mib} MiB, {BREAKS} disconnects and {KILLS} kills, process {os.getpid()}")
    under_fire = commit()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="artstore-resumed-") as home:
        campaign = Campaign(Path(home) / "home", given.mib * MEBIBYTE, given.seed)
        tally = asyncio.run(asyncio.wait_for(campaign.run(), SECONDS))
    note("Broken uploads", under_fire, (given.seed, *tally.cells()))
    said(f"{tally.cells()} in {tally.seconds:.0f} s; {tally.faults}")
    return 0 if not tally.faults else 1


if __name__ == "__main__":
    sys.exit(main())
