"""A real agent in a process of its own, on the real log: tickets signed, records read back."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx2
from aiokafka import TopicPartition

from infra.runtime.files import read_json, write_json_atomic
from infra.runtime.installation import ensure_installation, load_programs_key, program_secret
from infra.runtime.kafka import apply_topics, open_reader
from infra.runtime.keys import stored
from infra.runtime.security import sign_ticket
from infra.runtime.settings_sections import KafkaSettings
from producers.publisher import open_publisher
from schemas.envelope import Message
from schemas.identifiers import TicketId, new_id
from schemas.registry import decode, encode
from schemas.ticket import DownloadTicket, TicketUse, UploadTicket
from schemas.topics import BY_NAME
from tests.agents import a_key, a_ring, path_of
from tests.builders import a_ticket, an_upload_request
from tests.stacks import free_ports

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0

Kind = TypeVar("Kind", bound=Message)


@dataclass
class Agent:
    """One agent's home, its process, and a client.

    `tmpfs_bytes`: its element lies in memory and has no more room. `under`: a command that runs it and has its pid.
    """

    home: Path
    kafka: KafkaSettings
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None
    tmpfs_bytes: int = 0
    under: tuple[str, ...] = ()
    look_seconds: float = 0.1
    start_seconds: float = START_SECONDS

    @property
    def root(self) -> Path:
        folder = self.home / "elements" / "hot"
        if not self.tmpfs_bytes or self.process is None:
            return folder
        # Only the agent itself sees what is mounted for it.
        return Path(f"/proc/{self.process.pid}/root", *folder.parts[1:])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def element_id(self) -> str:
        identity = read_json(self.root / "element.json") or {}
        return str(identity["element_id"])

    @property
    def secret(self) -> str:
        return program_secret(load_programs_key(self.home / "keys" / "programs.key"), self.element_id)

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables that the program is started with."""
        return {
            "ARTSTORE_HOME": str(self.home),
            "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS": str(self.kafka.bootstrap_servers),
            "ARTSTORE_AGENT__PORT": str(self.port),
            "ARTSTORE_AGENT__RESERVE_BYTES": "65536",
            "ARTSTORE_AGENT__HEARTBEAT_SECONDS": "0.5",
            "ARTSTORE_TELEMETRY__SPANS_PATH": str(self.home / "spans.jsonl"),
        }

    async def start(self, **extra: str) -> None:
        """Start the program and wait until it is ready."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ARTSTORE_")}  # noqa: TID251
        self.home.mkdir(exist_ok=True)
        with (self.home / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                [*self.under, *self._mounted(), sys.executable, "-m", "infra.cli.programs", "agent"],
                cwd=ROOT,
                env={**kept, **self.variables, **extra},
                stdout=log,
                stderr=log,
            )
        await self._ready()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def ticket(self, data: bytes, filename: str) -> UploadTicket:
        request = an_upload_request(filename=filename, size=len(data), now=datetime.now(UTC))
        ticket = a_ticket(request)
        return ticket.model_copy(update={"element_id": self.element_id})

    def bearer(self, ticket: UploadTicket) -> dict[str, str]:
        text = sign_ticket(a_key(), ticket, datetime.now(UTC), ticket.deadline_at_max)
        return {"Authorization": f"Bearer {text}"}

    def content_url(self, ticket: UploadTicket, what: str = "content") -> str:
        """Return the address of a stored version, with a download ticket."""
        return f"{self.url}{path_of(ticket, what)}?ticket={self.download_ticket(ticket)}"

    def download_ticket(
        self, ticket: UploadTicket, use: TicketUse = TicketUse.DOWNLOAD, life: timedelta = timedelta(minutes=1)
    ) -> str:
        """Return a signed ticket for a stored version."""
        now = datetime.now(UTC)
        download = DownloadTicket(
            use=use,
            ticket_id=TicketId(new_id(now)),
            document_id=ticket.document_id,
            document_version=1,
            element_id=ticket.element_id,
            subject="reader",
        )
        return sign_ticket(a_key(), download, now, now + life)

    async def put(self, ticket: UploadTicket, data: bytes) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
            return await client.put(f"{self.url}{path_of(ticket)}", content=data, headers=self.bearer(ticket))

    async def get(self, url: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
            return await client.get(url, headers=headers)

    async def publish(self, message: Message, traceparent: str | None = None) -> None:
        async with open_publisher(self.kafka, "test") as publisher:
            await publisher.publish(encode(message, traceparent))

    async def await_told(
        self, kind: type[Kind], wanted: Callable[[Kind], bool] = lambda _: True, seconds: float = 20
    ) -> tuple[Kind, str | None]:
        """Return the first record of a kind that is wanted, with its traceparent."""
        partitions = [TopicPartition(kind.topic, n) for n in range(BY_NAME[kind.topic].partitions)]
        async with asyncio.timeout(seconds), open_reader(self.kafka, "test", partitions) as reader:
            while True:
                batches = await reader.getmany(timeout_ms=200)
                for record in (record for batch in batches.values() for record in batch):
                    message = decode(record.value)
                    if isinstance(message, kind) and wanted(message):
                        headers = dict(record.headers)
                        return message, headers["traceparent"].decode() if "traceparent" in headers else None

    def _mounted(self) -> list[str]:
        """Return the command that gives the agent a small file system of its own and becomes the agent."""
        if not self.tmpfs_bytes:
            return []
        folder = self.home / "elements" / "hot"
        folder.mkdir(parents=True, exist_ok=True)
        mount = f'mount -t tmpfs -o size={self.tmpfs_bytes} tmpfs "$0" && exec "$@"'
        return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(folder)]

    async def _ready(self) -> None:
        async with asyncio.timeout(self.start_seconds), httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            while True:
                assert self.process is not None
                assert self.process.poll() is None, (self.home / "agent.log").read_text()[-3000:]
                with contextlib.suppress(httpx2.HTTPError):
                    if (await client.get(f"{self.url}/health/ready")).status_code == 200:
                        return
                await asyncio.sleep(self.look_seconds)


def prepare_home(home: Path) -> None:
    """Make the keys that a program needs.

    The agent believes the test's key from the set that its last run would have kept: on the log, which all tests of
    a session share, no gateway could open it.
    """
    ensure_installation(home / "keys")
    write_json_atomic(home / "run" / "keys-hot.json", stored(a_ring()))


@contextlib.asynccontextmanager
async def an_agent(
    home: Path, kafka: KafkaSettings, tmpfs_bytes: int = 0, *, log_is_there: bool = True, **extra: str
) -> AsyncIterator[Agent]:
    """Prepare the log unless it is away, start an agent with more variables if given, and end it whatever happened."""
    prepare_home(home)
    if log_is_there:
        await apply_topics(kafka)
    agent = Agent(home, kafka, tmpfs_bytes=tmpfs_bytes)
    await agent.start(**extra)
    try:
        yield agent
    finally:
        if agent.process is not None and agent.process.poll() is None:
            agent.end()


def about(ticket: UploadTicket) -> Callable[[Message], bool]:
    """Return what tells whether an event is about the ticket's document."""
    return lambda fact: fact.meta.aggregate_id == ticket.document_id
