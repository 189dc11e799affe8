"""One storage agent alone, as a program of its own behind HTTP: tickets made ready, and what it holds verified."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.runtime.settings_sections import KafkaSettings
from schemas.attributes import Attributes
from schemas.events import DocumentCommitted
from schemas.ticket import UploadTicket
from schemas.topics import BY_NAME
from storage_agent.layout import attr_name, directory_of
from tests.agents import path_of
from tests.benchmarks.load import Request, a_put
from tests.integration.agent_program import Agent, an_agent
from tests.stacks import free_ports

DRAIN_SECONDS = 120.0
LOOK_SECONDS = 0.02
EVENTS = [TopicPartition(DocumentCommitted.topic, n) for n in range(BY_NAME[DocumentCommitted.topic].partitions)]
ENVIRONMENT = {
    # While the log is away everything waits in the outbox: its bound is no part of what is measured.
    "ARTSTORE_AGENT__OUTBOX_ENTRIES_MAX": "1000000",
    "ARTSTORE_AGENT__HEARTBEAT_SECONDS": "2",
    "ARTSTORE_TELEMETRY__SPANS_PATH": "",
}


@dataclass(frozen=True)
class Promised:
    """Documents that are to be put: tickets, their bodies, and the requests that bring them."""

    tickets: Sequence[UploadTicket]
    bodies: Sequence[bytes]
    requests: Sequence[Request]


@asynccontextmanager
async def a_lone_agent(folder: Path, kafka: KafkaSettings | None, name: str = "", **extra: str) -> AsyncIterator[Agent]:
    """Start an agent on an element of its own, with more variables if given; without `kafka` its log is away.

    One with a `name` finds its element again under the same name.
    """
    away = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
    home = folder / (name or uuid4().hex)
    async with an_agent(home, kafka or away, 0, log_is_there=kafka is not None, **{**ENVIRONMENT, **extra}) as agent:
        yield agent


def promised(agent: Agent, bodies: Sequence[bytes]) -> Promised:
    """Sign a ticket for each body."""
    tickets = [agent.ticket(body, f"тело-{number}.bin") for number, body in enumerate(bodies)]
    headers = (f"Authorization: {agent.bearer(ticket)['Authorization']}\r\n" for ticket in tickets)
    requests = [
        a_put(agent.port, path_of(ticket), body, header)
        for ticket, body, header in zip(tickets, bodies, headers, strict=True)
    ]
    return Promised(tickets, bodies, requests)


async def in_place(agent: Agent, tickets: Iterable[UploadTicket]) -> None:
    """Wait until the documents lie in place: every `attr.json` under its name, nothing in staging, directories synced.

    The agent gives the attributes their name after the body has its own, and both only after their bytes are synced.
    """
    wanted = {(directory_of(ticket.document_id), attr_name(ticket.document_id, 1)) for ticket in tickets}
    directories = {agent.root / directory for directory, _ in wanted}
    async with asyncio.timeout(DRAIN_SECONDS):
        while missing(agent, wanted) or _names(agent.root / "staging"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_SECONDS)
    for directory in directories:
        await asyncio.to_thread(_sync, directory)


def missing(agent: Agent, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which of these attribute files, by directory and name, are not there."""
    directories = {directory for directory, _ in wanted if (agent.root / directory).is_dir()}
    return wanted - {(directory, name) for directory in directories for name in _names(agent.root / directory)}


def _names(folder: Path) -> list[str]:
    return os.listdir(folder)  # noqa: PTH208 - thousands of names, many times: no path is made of each


def backlog(agent: Agent, tickets: Iterable[UploadTicket]) -> int:
    """Return how many of these documents are not in place."""
    return len(missing(agent, {(directory_of(t.document_id), attr_name(t.document_id, 1)) for t in tickets}))


def lost(agent: Agent, documents: Promised, numbers: Iterable[int]) -> list[str]:
    """Return what is wrong with these documents; SealBroken when attributes are damaged."""
    return [
        fault for number in numbers for fault in _faults(agent, documents.tickets[number], documents.bodies[number])
    ]


def _faults(agent: Agent, ticket: UploadTicket, body: bytes) -> list[str]:
    directory = agent.root / directory_of(ticket.document_id)
    path = directory / attr_name(ticket.document_id, 1)
    if not path.exists():
        return [f"{ticket.document_id}: no attributes"]
    content = Attributes.from_sealed(path.read_bytes()).content
    found = (directory / content.stored_name).read_bytes()
    right = found == body and content.sha256 == hashlib.sha256(body).hexdigest()
    return [] if right else [f"{ticket.document_id}: other bytes"]


async def events(reader: AIOKafkaConsumer) -> int:
    """Return how many records the topic of documents' events has ever had."""
    return sum((await reader.end_offsets(EVENTS)).values())


async def told(reader: AIOKafkaConsumer, count: int) -> None:
    """Wait until the log has so many events of documents."""
    async with asyncio.timeout(DRAIN_SECONDS):
        while await events(reader) < count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_SECONDS)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
