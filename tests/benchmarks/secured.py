"""B3 over TLS 1.3: one large body by way of nginx, which sends the agent's file or passes the agent's bytes on.

The peer is nginx with the same certificate and the same file. Each connection is a curl of its own, which takes as much
of a processor as the server does: where there are no more of them than connections and servers, all wait for it.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from storage_agent.proofs import TICK_SECONDS
from tests.agents import path_of
from tests.benchmarks import lone_agent, peers
from tests.benchmarks.downloading import PARALLEL, RANGE_BYTES, RATE, Stored, made
from tests.benchmarks.figures import RAW, Measured
from tests.benchmarks.ground import MIB, Alone, touch_memory
from tests.benchmarks.load import a_large
from tests.benchmarks.processors import Reading
from tests.benchmarks.uploading import CPU, MEASURE_SECONDS, Task, a_body
from tests.benchmarks.whole_path import OURS
from tests.hostile.proxies import AGENT, settings_of, settings_of_sender
from tests.integration.agent_program import Agent
from tests.stacks import free_ports

PASSED_ON = "ours, passed on"
LOCATION = "/artstore-element/"
LISTENING = "listen 443 ssl;"
CERTIFICATE, KEY = "/etc/ssl/archive/hot.pem", "/etc/ssl/archive/hot.key"
ALONE = f"{LISTENING} ssl_certificate {CERTIFICATE}; ssl_certificate_key {KEY}; ssl_protocols TLSv1.3;"
LOGGED = "access_log /var/log/nginx/archive.log without_query;"
CURL = ("curl", "--silent", "--insecure", "--tlsv1.3", "--http1.1", "--output", os.devnull)


@dataclass(frozen=True)
class Secured:
    """Who is asked for a body at an address, and the processes that pay for it."""

    url: str
    pids: Mapping[str, int]


async def secured_download(ground: Alone) -> list[Measured]:
    """GET one body whole, read before, and most of it by Range: over TLS 1.3, over one connection and over four."""
    body = a_body(ground.sizes.large_mib)
    found = []
    async with AsyncExitStack() as stack:
        handing = lone_agent.a_lone_agent(ground.folder, ground.kafka, ARTSTORE_AGENT__ACCEL_LOCATION=LOCATION)
        agent = await stack.enter_async_context(handing)
        ticket = agent.ticket(b"", "body.bin").model_copy(update={"size": body.size})
        put = a_large("PUT", agent.port, path_of(ticket), body.pieces, agent.bearer(ticket))
        [stored] = await made(ground, agent, [ticket], [put])
        servers = await _servers(stack, ground, agent, stored)
        ours = servers[OURS]
        if ours is not None:
            # From then on it goes out unread; what the first read of a body costs is measured without TLS.
            await asyncio.sleep(TICK_SECONDS + 0.1)
            await _taken(ours.url, ())
        for task, headers in _tasks(ground.sizes.large_mib, body.size):
            for who in random.sample(sorted(servers), len(servers)):
                found += [await _measured(ground, task, who, servers[who], headers)]
    return found


def _tasks(mib: int, size: int) -> list[tuple[Task, Sequence[str]]]:
    wanted = min(RANGE_BYTES, size * 3 // 4)
    part = ("--range", f"{size // 10}-{size // 10 + wanted - 1}")
    return [
        (Task(f"download {what} over TLS 1.3, {connections} connections", connections, length), headers)
        for what, headers, length in (
            (f"{mib} MiB, read again,", (), size),
            (f"{wanted / 1e6:.3g} MB by Range of {mib} MiB", part, wanted),
        )
        for connections in (1, PARALLEL)
    ]


async def _servers(stack: AsyncExitStack, ground: Alone, agent: Agent, stored: Stored) -> dict[str, Secured | None]:
    binary, curl = ground.peer("nginx"), ground.peer("curl")
    if binary is None or curl is None:
        return dict.fromkeys((OURS, PASSED_ON, RAW))
    assert agent.process is not None
    folder = ground.folder / uuid4().hex
    await asyncio.to_thread(write_certificate, folder)
    found: dict[str, Secured | None] = {}
    static = f"{' '.join(peers.STATIC)} server {{ {ALONE} root {agent.root}; }}"
    printed = {OURS: settings_of_sender(agent.root), PASSED_ON: settings_of("nginx"), RAW: static}
    for who, settings in printed.items():
        port, pid = await stack.enter_async_context(_nginx(binary, folder, who, settings, agent.port))
        path = stored.file if who == RAW else f"{stored.path}?ticket={stored.ticket}"
        paying = {} if who == RAW else {"agent": agent.process.pid}
        found[who] = Secured(f"https://127.0.0.1:{port}{path}", {"nginx": pid, **paying})
    return found


@asynccontextmanager
async def _nginx(
    binary: str, certificate: Path, who: str, settings: str, agent_port: int
) -> AsyncIterator[tuple[int, int]]:
    """Run it by such settings as are printed for an agent, with the certificate in a folder."""
    [port] = free_ports(1)
    printed = {
        LISTENING: f"listen 127.0.0.1:{port} ssl;",
        CERTIFICATE: f"{certificate}/hot.pem",
        KEY: f"{certificate}/hot.key",
        LOGGED: "",
        AGENT: f"127.0.0.1:{agent_port}",
    }
    for line, own in printed.items():
        settings = settings.replace(line, own)
    async with peers.nginx_of(binary, certificate / who.replace(" ", "-"), port, settings) as pid:
        yield port, pid


def write_certificate(folder: Path) -> None:
    """Write a certificate that lives for a day, `hot.pem`, and its key, `hot.key`, into a new folder."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "hot.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "hot.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


async def _measured(ground: Alone, task: Task, who: str, server: Secured | None, headers: Sequence[str]) -> Measured:
    if server is None:
        return Measured(task.case, who, {}, absent="no nginx, or no curl, on this machine")
    await asyncio.to_thread(touch_memory, ground.sizes.touched_mib)
    clock, client = asyncio.get_running_loop().time, os.times()
    before, begun = await asyncio.to_thread(Reading.of, server.pids), clock()
    async with asyncio.timeout(MEASURE_SECONDS):
        took = await asyncio.gather(*(_taken(server.url, headers) for _ in range(task.connections)))
    seconds = clock() - begun
    spent = (await asyncio.to_thread(Reading.of, server.pids)).since(before)
    after = os.times()
    assert set(took) <= {f"200 {task.size}", f"206 {task.size}"}, f"{who}: {took}"
    mib = task.connections * task.size / MIB
    values = {RATE: mib / seconds, CPU: sum(spent.values()) * 1024 / mib}
    paid = after.children_user + after.children_system - client.children_user - client.children_system
    return Measured(task.case, who, values, {**spent, "client": paid})


async def _taken(url: str, headers: Sequence[str]) -> str:
    """Take one answer; return status and size."""
    words = (*CURL, "--write-out", "%{http_code} %{size_download}", *headers, url)
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"curl ended with {process.returncode}"
    return told.decode()
