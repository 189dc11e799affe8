"""What benchmarks stand on: a live stack, its processes by name, folders, sizes, and memory that was touched before."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.runtime.settings_sections import KafkaSettings
from tests.benchmarks.figures import Measured
from tests.benchmarks.path import Visitor
from tests.benchmarks.processors import Reading
from tests.benchmarks.wire import connected
from tests.stacks import Stack, free_ports

MIB = 1024 * 1024
START_SECONDS = 20.0
INSTALL_SECONDS = 180


@dataclass(frozen=True)
class Sizes:
    """How much work one round does."""

    documents: int = 40
    """Uploads followed one by one, per client."""
    stream: int = 200
    small_puts: int = 200
    large_mib: int = 256
    corpus: int = 100_000
    searches: int = 60
    empties: int = 2000
    touched_mib: int = 1024
    ingested: int = 6000
    """Bodies of 4 KiB that are put at one agent alone."""
    ingested_larger: int = 1500
    """Bodies of 64 KiB."""
    read_files: int = 10_000
    """Bodies of 4 KiB that lie there to be read. Each is announced and linked to by a signature of its own."""
    reads: int = 20_000


SMALLEST = Sizes(
    documents=1,
    stream=2,
    small_puts=4,
    large_mib=1,
    corpus=50,
    searches=2,
    empties=4,
    touched_mib=1,
    ingested=70,
    ingested_larger=8,
    read_files=8,
    reads=70,
)


@dataclass(frozen=True)
class Ground:
    """Handed to every case. `folder` is on the file system that the elements lie on."""

    stack: Stack
    visitor: Visitor
    folder: Path
    sizes: Sizes
    weed: Path | None = None
    """The binary of SeaweedFS, when it was asked for."""

    @property
    def processes(self) -> dict[str, int]:
        return {name: int(row["pid"]) for name, row in self.stack.status().items() if row.get("pid")}


@dataclass(frozen=True)
class Alone:
    """What cases of one program alone stand on: no stack runs, at most a log."""

    folder: Path
    sizes: Sizes
    programs: Path
    """The folder of the raw programs."""
    kafka: KafkaSettings | None = None
    kafka_pid: int | None = None
    weed: Path | None = None
    peers: Path | None = None
    """A folder that programs of others are looked for in, before PATH."""

    def peer(self, name: str) -> str | None:
        """Return the path of somebody else's program; None when it is absent."""
        own = None if self.peers is None else shutil.which(name, path=str(self.peers))
        return own or shutil.which(name)


Work = Callable[[], Awaitable[Mapping[str, float]]]


async def timed(case: str, who: str, servers: Mapping[str, int], work: Work) -> Measured:
    """Do the work and say what it reached and who paid for it."""
    roots = {**servers, "client": os.getpid()}
    before = await asyncio.to_thread(Reading.of, roots)
    values = await work()
    after = await asyncio.to_thread(Reading.of, roots)
    return Measured(case, who, values, after.since(before))


def installed(folder: Path, package: str) -> Path:
    """Install a package into a virtual environment of its own, for this run; return the folder of its programs."""
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "pip"), "install", "-q", "--only-binary", ":all:", package],
    ):
        subprocess.run(command, check=True, timeout=INSTALL_SECONDS)
    return folder / "bin"


def random_body(size: int) -> bytes:
    """Return so many bytes, two at least, that begin as no program does: of random ones some do, and are refused."""
    return b"\x00\x01" + os.urandom(size - 2)


def touch_memory(mib: int) -> None:
    """Touch memory and give it back: a guest's first touch of a page may be a call to its host."""
    held = bytearray(mib * MIB)
    held[::4096] = b"\1" * len(range(0, len(held), 4096))


def touch_cache(folder: Path, mib: int) -> None:
    """Write so much to a file and remove it: what is written next gets the same pages, and none from the host.

    That holds for about a second, then the host has them back; memory that was touched in another way is no help.
    """
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(mib):
            file.write(bytes(MIB))


@contextmanager
def program(*command: str, log: Path, **variables: str) -> Iterator[int]:
    """Run a program, with more variables if given, for the length of the block; yields its process id."""
    with log.open("wb") as output:
        environment = {**os.environ, **variables}  # noqa: TID251 - it is handed on, not read
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def raw_receiver(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """Run the raw program; yields its URL and process id."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - before the clock runs
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "tests.benchmarks.raw_receiver", str(folder), str(port))
    with program(*command, log=folder.with_suffix(".log")) as pid:
        await answering(url)
        yield url, pid


async def answering(url: str, seconds: float = START_SECONDS) -> None:
    """Wait until something listens at `url`."""
    end = time.monotonic() + seconds
    while True:
        try:
            async with connected(url):
                return
        except OSError:
            assert time.monotonic() < end, f"nothing listens at {url} after {seconds:g} s"
            await asyncio.sleep(0.05)
