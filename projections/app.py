"""The projector: one loop per view, the worker that fetches texts, and the pages that say how far it all is."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

import httpx2
from starlette.applications import Starlette

from infra.runtime import postgres
from infra.runtime.clock import SystemClock
from infra.runtime.http import Check, operational_routes, traced
from infra.runtime.installation import load_programs_key, program_secret
from infra.runtime.kafka import require_topics
from infra.runtime.lifecycle import Process, Task
from infra.runtime.metrics import Metrics
from infra.runtime.problems import install_problem_handlers
from infra.runtime.redis import open_redis
from infra.runtime.settings import Settings
from infra.runtime.telemetry import setup_telemetry
from projections.catalogue import ELEMENTS, TEXTS, VIEWS
from projections.dead_letters import KafkaDeadLetters
from projections.elements.discovery import DiscoveryWriter
from projections.projector import Ground, Projector, nothing_after
from projections.shape import ensure_views
from projections.texts.fetch import FETCH_SECONDS, AgentTexts
from projections.texts.queries import TextStore
from projections.texts.worker import TextWorker

NAME = "projector"


@contextlib.asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Process]:
    """Build the projector. ConfigurationInvalid when topics or views are not of this release."""
    setup_telemetry(NAME, settings.telemetry)
    metrics, clock = Metrics(), SystemClock()
    await require_topics(settings.kafka)
    async with contextlib.AsyncExitStack() as stack:
        pool = await stack.enter_async_context(postgres.open_pool(settings.postgres, f"artstore-{NAME}"))
        redis = await stack.enter_async_context(open_redis(settings.redis))
        client = await stack.enter_async_context(open_text_client())
        await ensure_views(pool)
        source = agent_texts(settings, client)
        worker = TextWorker(TextStore(pool), source, clock, metrics, settings.projector.text_unavailable_seconds)
        after = {TEXTS.name: worker.wake, ELEMENTS.name: DiscoveryWriter(redis, clock).tell}
        ground = Ground(pool, settings.kafka, KafkaDeadLetters(settings.kafka, metrics), metrics)
        projectors = [Projector(view, ground, after.get(view.name, nothing_after)) for view in VIEWS]
        checks: dict[str, Check] = {"postgres": partial(postgres.ping, pool), **_checks(projectors)}
        tasks = [Task(f"view-{each.view.name}", each.run) for each in projectors]
        yield _process(settings, metrics, checks, [*tasks, Task("texts", worker.run)])


def open_text_client() -> httpx2.AsyncClient:
    """Open the HTTP client that fetches texts from agents, directly and not through a proxy."""
    return httpx2.AsyncClient(timeout=FETCH_SECONDS, trust_env=False, follow_redirects=False)


def agent_texts(settings: Settings, client: httpx2.AsyncClient) -> AgentTexts:
    """Return the agents as a source of texts. ConfigurationInvalid when the key between programs is missing."""
    secret_for = partial(program_secret, load_programs_key(settings.programs_key_path))
    return AgentTexts(client, secret_for, settings.projector.inner_urls)


def _checks(projectors: Sequence[Projector]) -> dict[str, Check]:
    return {f"view-{each.view.name}": each.progress.unready for each in projectors}


def _process(settings: Settings, metrics: Metrics, checks: Mapping[str, Check], tasks: Sequence[Task]) -> Process:
    app = Starlette(routes=operational_routes(NAME, checks, metrics))
    install_problem_handlers(app)
    section = settings.projector
    return Process(
        NAME,
        traced(app, metrics),
        section.host,
        section.port,
        tasks=tasks,
        stop_seconds=section.stop_seconds,
    )
