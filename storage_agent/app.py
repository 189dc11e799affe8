"""Assembly of a storage agent: settings in, a process out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from infra.runtime import kafka
from infra.runtime.clock import SystemClock
from infra.runtime.installation import load_programs_key, program_secret
from infra.runtime.keys import KeyFollower
from infra.runtime.lifecycle import Process, Task
from infra.runtime.metrics import Metrics
from infra.runtime.settings import Settings
from infra.runtime.telemetry import setup_telemetry
from producers.publisher import Publisher, open_publisher
from schemas.errors import ArtStoreError, Transient
from storage_agent.accel import accel_of
from storage_agent.acceptance import Acceptance
from storage_agent.access import Access
from storage_agent.commands import Commands
from storage_agent.derived import on_disk
from storage_agent.documents import Documents
from storage_agent.downloads import Downloads
from storage_agent.inspection import Policy
from storage_agent.opening import RECOVERY_SECONDS, open_documents
from storage_agent.retelling import KafkaLog
from storage_agent.routes import agent_app
from storage_agent.scrub import Budget
from storage_agent.status import Heartbeat
from storage_agent.text import Texts
from storage_agent.tus import Tus
from storage_agent.uploads import Uploads

AGAIN_SECONDS = 2.0
# A start reads the bodies of interrupted commits from the drive, on a full disk twice: given up too early, it would
# begin anew for ever, and the element would never open.
RECOVERED_SECONDS = 2 * RECOVERY_SECONDS + 60


@contextlib.asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Process]:
    """Build an agent and open its element.

    ConfigurationInvalid for wrong topics, an unknown type in the policy or a missing key; ElementBusy when another
    agent holds the root. A log that is away does not keep it from starting: what it holds can be read all the same.
    """
    name = f"agent-{settings.agent.name}"
    setup_telemetry(name, settings.telemetry)
    policy = Policy.of(settings.agent.refused_types)
    programs_key = load_programs_key(settings.programs_key_path)
    reachable = await kafka.ping(settings.kafka) is None
    if reachable:
        await kafka.require_topics(settings.kafka)
    metrics = Metrics()
    async with (
        open_documents(settings.agent_root, settings.agent, SystemClock()) as documents,
        open_publisher(settings.kafka, f"artstore-{name}", metrics) as publisher,
    ):
        parts = _Parts(settings, documents, publisher, policy, metrics)
        secret = program_secret(programs_key, documents.identity.element_id)
        yield _process(parts, name, secret, topics_checked=reachable)


@dataclass(frozen=True)
class _Parts:
    settings: Settings
    documents: Documents
    publisher: Publisher
    policy: Policy
    metrics: Metrics


def _process(parts: _Parts, name: str, secret: str, *, topics_checked: bool) -> Process:
    settings, documents, metrics = parts.settings, parts.documents, parts.metrics
    clock, root, agent = SystemClock(), settings.agent_root, settings.agent
    follower = KeyFollower(settings.kafka, settings.home / "run" / f"keys-{agent.name}.json")
    access = Access(lambda: follower.ring, documents.identity.element_id, clock, settings.security.issuer, secret)
    texts = Texts(documents, root, clock, metrics)
    commands = Commands(documents, texts, parts.publisher, settings.kafka, metrics)
    heartbeat = Heartbeat(
        documents=documents,
        publisher=parts.publisher,
        clock=clock,
        metrics=metrics,
        root=root,
        url=settings.agent_public_url,
        reserve_bytes=agent.reserve_bytes,
        pause_seconds=agent.heartbeat_seconds,
    )
    budget = Budget(agent.scrub_bytes_per_second, agent.scrub_pause_seconds)
    log = KafkaLog(partial(kafka.open_reader, settings.kafka, f"artstore-{name}-back"))
    acceptance = Acceptance(documents, parts.policy, clock, metrics)
    app = agent_app(
        Uploads(acceptance, access),
        Tus(acceptance, access),
        Downloads(documents, access, root, metrics, accel_of(agent, root)),
        {"keys": lambda: _keys_known(follower), "disk": lambda: _disk_answers(root)},
        {"log": lambda: kafka.ping(settings.kafka), "documents": lambda: _all_whole(documents)},
        metrics,
    )
    tasks = [
        Task("disk", documents.watch),
        Task("keys", follower.run),
        Task("outbox", lambda: documents.tell(parts.publisher, log)),
        Task("manifests", documents.keep_manifests),
        Task("uploads", documents.resumables.run),
        Task("texts", texts.run),
        Task("commands", commands.run),
        Task("status", heartbeat.run),
        Task("scrub", documents.scrub(budget, metrics).run),
        *([] if topics_checked else [Task("topics", _topics_checked(settings))]),
    ]
    return Process(name=name, app=app, host=agent.host, port=agent.port, tasks=tasks, stop_seconds=agent.stop_seconds)


def _topics_checked(settings: Settings) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        """Check the topics as soon as the log answers; a difference ends the process, as it would have at its start."""
        while True:
            try:
                await kafka.require_topics(settings.kafka)
                await asyncio.Event().wait()
            except Transient as error:
                structlog.get_logger("artstore.agent").warning("topics_not_checked", reason=error.detail)
            await asyncio.sleep(AGAIN_SECONDS)

    return run


async def _all_whole(documents: Documents) -> str | None:
    count = documents.fixity.damaged
    return f"{count} damaged, see `artstore damages`" if count else None


async def _disk_answers(root: Path) -> str | None:
    try:
        await on_disk(root.stat)
    except (OSError, ArtStoreError) as error:
        return f"the element's folder cannot be read: {error}"
    return None


async def _keys_known(follower: KeyFollower) -> str | None:
    """Tickets can be verified with keys of the last run too; without any there is nothing this agent can answer."""
    known = follower.caught_up.is_set() or follower.ring.keys
    return None if known else "the signing keys are not known yet"
