"""Assembly of the processor: settings in, a process out."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
from starlette.applications import Starlette

from infra.runtime import kafka, postgres
from infra.runtime.clock import SystemClock
from infra.runtime.http import Check, operational_routes, traced
from infra.runtime.installation import load_public, verify_signature
from infra.runtime.lifecycle import Process, Task
from infra.runtime.metrics import Metrics
from infra.runtime.problems import install_problem_handlers
from infra.runtime.settings import Settings
from infra.runtime.telemetry import setup_telemetry
from producers.publisher import Publisher, open_publisher
from schemas.signing import SignedRequest, signable
from stream_processors.deadlines import Scanner
from stream_processors.decider import Decider, Verify
from stream_processors.fold import Folder, FoldGate, reader_of
from stream_processors.postgres_store import PostgresSagaStore
from stream_processors.runtime.guard import Guard
from stream_processors.runtime.worker import Worker
from stream_processors.sagas.saga import Given

NAME = "processor"


@contextlib.asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Process]:
    """Build the processor; ConfigurationInvalid for wrong topics or a missing public key."""
    setup_telemetry(NAME, settings.telemetry)
    await kafka.require_topics(settings.kafka)
    verify = verifier(settings.installation_public_path)
    metrics = Metrics()
    async with (
        postgres.open_pool(settings.postgres, f"artstore-{NAME}") as pool,
        open_publisher(settings.kafka, f"artstore-{NAME}", metrics) as publisher,
    ):
        store = PostgresSagaStore(pool)
        await store.create_schema()
        yield _process(settings, pool, _Parts(store, publisher, verify, metrics))


def verifier(path: Path) -> Verify:
    """Return the check of the installation's signature, with the public key in `path`."""
    public = load_public(path)

    def verify(request: SignedRequest) -> bool:
        return verify_signature(public, signable(request), request.signature)

    return verify


@dataclass(frozen=True)
class _Parts:
    store: PostgresSagaStore
    publisher: Publisher
    verify: Verify
    metrics: Metrics


def _process(settings: Settings, pool: asyncpg.Pool, parts: _Parts) -> Process:
    given = Given(text_deadline=timedelta(seconds=settings.processor.text_deadline_seconds))
    decider = Decider(parts.store, parts.publisher, parts.verify, given, parts.metrics)
    gate = FoldGate(Folder(parts.store, parts.publisher, reader_of(settings.kafka)))
    guard = Guard(decider.handle, gate, parts.publisher, parts.metrics)
    worker = Worker(settings.kafka, settings.home / "run" / "faust", guard, gate)
    pause_seconds = settings.processor.deadline_scan_seconds
    scanner = Scanner(parts.store, parts.publisher, SystemClock(), pause_seconds, parts.metrics)
    checks: dict[str, Check] = {
        "kafka": lambda: kafka.ping(settings.kafka),
        "postgres": lambda: postgres.ping(pool),
        "group": lambda: _grouped(worker),
    }
    app = Starlette(routes=operational_routes(NAME, checks, parts.metrics))
    install_problem_handlers(app)
    return Process(
        name=NAME,
        app=traced(app, parts.metrics),
        host=settings.processor.host,
        port=settings.processor.port,
        tasks=(Task("sagas", worker.run), Task("deadlines", scanner.run)),
        stop_seconds=settings.processor.stop_seconds,
    )


async def _grouped(worker: Worker) -> str | None:
    return None if worker.is_assigned else "the group has not given this member its share yet"
