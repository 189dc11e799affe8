"""Programs of others beside ours: nginx, tusd, MinIO and versitygw, each on a folder of its own, for one measurement.

None of them is installed for a run: one that is neither in the folder given nor on PATH is absent, and a row says so.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.ground import answering, program
from tests.benchmarks.s3 import Signer
from tests.benchmarks.wire import connected
from tests.stacks import free_ports

READY_SECONDS = 30.0
ACCESS_KEY, SECRET_KEY = "artstore-bench", "artstore-bench-secret"  # of a server that lives for a minute
BUCKET = "/bodies"
STATIC = ("sendfile on;", "open_file_cache max=200000 inactive=600s;", "open_file_cache_valid 600s;")
DAV = ("dav_methods PUT;", "client_max_body_size 0;")


@asynccontextmanager
async def nginx(binary: str, folder: Path, root: Path, lines: Sequence[str]) -> AsyncIterator[tuple[int, int]]:
    """Serve `root` by one worker; `lines` are of its configuration. Yields port and process id."""
    [port] = free_ports(1)
    text = f"{' '.join(lines)}\nserver {{ listen 127.0.0.1:{port}; root {root}; }}"
    async with nginx_of(binary, folder, port, text) as pid:
        yield port, pid


@asynccontextmanager
async def nginx_of(binary: str, folder: Path, port: int, text: str) -> AsyncIterator[int]:
    """Run one worker by the lines of `http` given, which listens at a port; yields the process id."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before the clock runs
    # As root its workers would be nobody, who may not look into our folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/arriving;\n"
        f"{text} }}\n",
        encoding="utf-8",
    )
    words = ("-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log"))
    with program(binary, *words, log=folder / "log") as pid:
        await answering(f"http://127.0.0.1:{port}")
        yield pid


@asynccontextmanager
async def tusd(binary: str, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """Run tusd with its files in `folder`, uploads at /files/; yields port and process id."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - before the clock runs
    [port] = free_ports(1)
    words = ("-host=127.0.0.1", f"-port={port}", f"-upload-dir={folder}", "-base-path=/files/", "-verbose=false")
    with program(binary, *words, log=folder.with_suffix(".log")) as pid:
        await answering(f"http://127.0.0.1:{port}")
        yield port, pid


@asynccontextmanager
async def minio(binary: str, folder: Path) -> AsyncIterator[tuple[int, int, Signer]]:
    """Run MinIO on one drive with a bucket; yields port, process id, and who signs."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - before the clock runs
    port, console = free_ports(2)
    words = ("server", "--address", f"127.0.0.1:{port}", "--console-address", f"127.0.0.1:{console}", str(folder))
    account = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_BROWSER": "off"}
    with program(binary, *words, log=folder.with_suffix(".log"), **account) as pid:
        yield port, pid, await _with_bucket(port)


@asynccontextmanager
async def versitygw(binary: str, folder: Path) -> AsyncIterator[tuple[int, int, Signer]]:
    """Run versitygw over a folder with a bucket; yields port, process id, and who signs."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - before the clock runs
    [port] = free_ports(1)
    account = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    words = ("--port", f"127.0.0.1:{port}", "posix", str(folder))
    with program(binary, *words, log=folder.with_suffix(".log"), **account) as pid:
        yield port, pid, await _with_bucket(port)


async def _with_bucket(port: int) -> Signer:
    """Wait until the server makes the bucket."""
    url, nothing = f"http://127.0.0.1:{port}", hashlib.sha256(b"").hexdigest()
    signer = Signer(ACCESS_KEY, SECRET_KEY, f"127.0.0.1:{port}")
    end = time.monotonic() + READY_SECONDS
    await answering(url, READY_SECONDS)
    while True:
        async with connected(url) as connection:
            headers = signer.headers("PUT", BUCKET, nothing, datetime.now(UTC))
            answer = await connection.ask("PUT", f"{url}{BUCKET}", headers)
        if answer.status == 200:
            return signer
        assert time.monotonic() < end, (answer.status, answer.body[:300])
        await asyncio.sleep(0.2)
