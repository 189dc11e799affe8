"""The processor as a program of its own in front of real servers, and a reader of what it sends."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.runtime.installation import ensure_installation
from infra.runtime.kafka import open_reader
from infra.runtime.settings import Settings
from schemas.envelope import Message
from schemas.errors import Malformed
from schemas.registry import decode
from schemas.topics import BY_NAME
from tests.stacks import free_ports


@dataclass
class Program:
    """One processor: started, killed, started again in the same home."""

    home: Path
    environment: dict[str, str]
    running: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.home / "processor.log"

    @property
    def port(self) -> str:
        return self.environment["ARTSTORE_PROCESSOR__PORT"]

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "infra.cli.app", "processor"]
            self.running = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def end(self, seconds: float = 15, *, kill: bool = False) -> int:
        """Send SIGTERM (or SIGKILL) and return the exit code."""
        assert self.running is not None
        self.running.kill() if kill else self.running.terminate()
        return self.running.wait(seconds)

    def checks(self) -> dict[str, str]:
        """Return what its readiness page says, empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=5) as answer:
                return dict(json.load(answer)["checks"])
        except urllib.error.HTTPError as error:
            return dict(json.load(error)["checks"])
        except OSError:
            return {}

    async def await_ready(self, seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while set((await asyncio.to_thread(self.checks)).values()) != {"ok"}:
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8")[-4000:]
            await asyncio.sleep(0.1)


@contextlib.contextmanager
def processor(settings: Settings, home: Path, dsn: str | None = None, **extra: str) -> Iterator[Program]:
    """Start a processor in front of the servers of `settings`, and end it whatever happens."""
    ensure_installation(home / "keys")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ARTSTORE_")}  # noqa: TID251 - tests
    environment = {
        **kept,
        "ARTSTORE_HOME": str(home),
        "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.required_servers(),
        "ARTSTORE_POSTGRES__DSN": dsn or settings.postgres.required_dsn(),
        "ARTSTORE_PROCESSOR__PORT": str(free_ports(1)[0]),
        "ARTSTORE_PROCESSOR__DEADLINE_SCAN_SECONDS": "0.2",
        # Nobody extracts texts here: on a busy machine the deadline of a text would pass meanwhile.
        "ARTSTORE_PROCESSOR__TEXT_DEADLINE_SECONDS": "3600",
        **extra,
    }
    program = Program(home, environment)
    program.start()
    try:
        yield program
    finally:
        if program.running is not None and program.running.poll() is None:
            program.end(kill=True)


@dataclass
class Tail:
    """Everything that was put on some topics since it was opened."""

    reader: AIOKafkaConsumer
    values: list[tuple[str, bytes, dict[str, bytes]]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    async def read(self, milliseconds: int = 200) -> None:
        for records in (await self.reader.getmany(timeout_ms=milliseconds)).values():
            for record in records:
                self.values.append((record.topic, record.value, dict(record.headers)))
                with contextlib.suppress(Malformed):
                    self.messages.append(decode(record.value))

    async def until(self, done: Callable[[Sequence[Message]], bool], seconds: float = 30) -> None:
        """Read on until `done` with what was read; fail after `seconds`."""
        deadline = time.monotonic() + seconds
        while not done(self.messages):
            assert time.monotonic() < deadline, [message.meta.type for message in self.messages]
            await self.read()

    def of(self, *saga_ids: str) -> list[Message]:
        return [message for message in self.messages if message.meta.correlation_id in saga_ids]


@contextlib.asynccontextmanager
async def tail_of(settings: Settings, *topics: str) -> AsyncIterator[Tail]:
    """Open a tail at the present end of `topics`."""
    places = [TopicPartition(topic, n) for topic in topics for n in range(BY_NAME[topic].partitions)]
    async with open_reader(settings.kafka, "test", places) as reader:
        await reader.seek_to_end()
        for place in places:
            await reader.position(place)
        yield Tail(reader)


@dataclass
class Gate:
    """A door in front of a server that can be shut: connections break, and none is taken."""

    host: str
    port: int
    is_open: bool = True
    address: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def shut(self) -> None:
        self.is_open = False
        for writer in self.writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_open:
            writer.transport.abort()
            return
        there, to_there = await asyncio.open_connection(self.host, self.port)
        self.writers |= {writer, to_there}
        await asyncio.gather(self._pump(reader, to_there), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def gate_to(host: str, port: int) -> AsyncIterator[Gate]:
    """Open a gate on a free port of loopback."""
    gate = Gate(host, port)
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
    gate.address = server.sockets[0].getsockname()[1]
    yield gate
    gate.shut()
    server.close()
