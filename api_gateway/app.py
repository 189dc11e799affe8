"""Assembly of the gateway: doors, parts, routes, health, and the first start."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version

import asyncpg
from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from api_gateway.accounts import AccountDesk
from api_gateway.attempts import Attempts
from api_gateway.bodies import BoundedBodies
from api_gateway.bootstrap import Bootstrap
from api_gateway.dependencies import Parts
from api_gateway.discovery import RedisDiscovery
from api_gateway.keyholder import FollowedKeys, Keyholder, Keys
from api_gateway.keys import KeyDesk
from api_gateway.passwords import Passwords
from api_gateway.rotation import Rotation
from api_gateway.routes import (
    accounts,
    auth,
    damages,
    documents,
    elements,
    events,
    keys,
    limits,
    operations,
    search,
    uploads,
)
from api_gateway.sessions import Sessions
from api_gateway.ui import Ui, built_ui
from api_gateway.views import PostgresViews
from infra.runtime import kafka, postgres
from infra.runtime.clock import Clock, SystemClock
from infra.runtime.http import Check, operational_routes, traced
from infra.runtime.installation import Installation
from infra.runtime.keys import KeyFollower
from infra.runtime.lifecycle import Process, Task
from infra.runtime.metrics import Metrics
from infra.runtime.places import AtMost
from infra.runtime.problems import install_problem_handlers
from infra.runtime.redis import open_redis
from infra.runtime.security import ACCESS_LIFE_MAX, LINK_LIFE_MAX, UPLOAD_LIFE_MAX
from infra.runtime.settings import Settings
from infra.runtime.telemetry import setup_telemetry
from producers.publisher import Publisher, open_publisher
from projections.shape import missing_views
from schemas.api.body import Problem
from schemas.errors import ConfigurationInvalid

NAME = "gateway"
# Waiting ones among them; a body of 64 KiB each at the most.
REQUESTS_AT_ONCE = 512
ROOMS = (auth, limits, uploads, documents, search, operations, elements, damages, events, accounts, keys)


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Process]:
    """Open the doors and build the gateway; ConfigurationInvalid for wrong topics or a missing installation key."""
    _refuse_lives_beyond_caps(settings)
    setup_telemetry(NAME, settings.telemetry)
    installation = Installation.load(settings.installation_key_path)
    await kafka.require_topics(settings.kafka)
    metrics = Metrics()
    async with (
        postgres.open_pool(settings.postgres, f"artstore-{NAME}") as pool,
        open_redis(settings.redis) as redis,
        open_publisher(settings.kafka, f"artstore-{NAME}", metrics) as publisher,
    ):
        ground = _Ground(settings, installation, SystemClock(), metrics, pool, redis, publisher)
        yield _process(ground)


def make_app(parts: Parts, metrics: Metrics, operational: Sequence[BaseRoute] = (), ui: Ui | None = None) -> ASGIApp:
    """Return the HTTP interface over `parts`, and the user interface beside it."""
    app = bare_app()
    app.state.parts = parts
    install_problem_handlers(app)
    app.router.routes.extend(operational)
    if ui is not None:
        ui.install(app)
    app.add_middleware(BoundedBodies)
    return traced(AtMost(app, REQUESTS_AT_ONCE), metrics)


def bare_app() -> FastAPI:
    """Return the routes with nothing behind them: what the OpenAPI document is made of."""
    app = FastAPI(
        title="ArtStore",
        summary="An archive that keeps documents for decades.",
        version=version("artstore"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"default": {"model": Problem, "description": "A problem (RFC 9457)."}},
        # `traced` puts one span around each request in every program: the framework's own would tell it twice.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for room in ROOMS:
        app.include_router(room.router)
    return app


@dataclass(frozen=True)
class _Ground:
    """What the gateway stands on: settings, the installation's key, time, numbers, and the open doors."""

    settings: Settings
    installation: Installation
    clock: Clock
    metrics: Metrics
    pool: asyncpg.Pool
    redis: Redis
    publisher: Publisher


def _process(ground: _Ground) -> Process:
    settings = ground.settings
    keyholder = Keyholder(ground.installation)
    follower = KeyFollower(settings.kafka, settings.home / "keys" / f"ring-{NAME}.json", keyholder.take)
    begun = asyncio.Event()
    parts = _parts(ground, FollowedKeys(follower, keyholder), begun)
    bootstrap = Bootstrap(
        views=parts.views,
        publisher=ground.publisher,
        accounts=parts.accounts,
        installation=ground.installation,
        keyholder=keyholder,
        keys_known=follower.caught_up,
        clock=ground.clock,
        password_file=settings.home / "admin-password",
        given_password=settings.bootstrap.admin_password,
        done=begun,
    )
    rotation = Rotation(
        publisher=ground.publisher,
        installation=ground.installation,
        clock=ground.clock,
        keys=parts.keys,
        desk=parts.key_desk,
        begun=begun,
        life=timedelta(seconds=settings.gateway.signing_key_seconds),
    )
    checks = _checks(ground, keyholder, bootstrap)
    # Without the log nothing can be announced; whatever is known is read, found and fetched all the same.
    notes = {"kafka": lambda: kafka.ping(settings.kafka)}
    folder = built_ui()
    ui = Ui(folder, parts.discovery) if folder else None
    return Process(
        name=NAME,
        app=make_app(parts, ground.metrics, operational_routes(NAME, checks, ground.metrics, notes), ui),
        host=settings.gateway.host,
        port=settings.gateway.port,
        tasks=(Task("keys", follower.run), Task("bootstrap", bootstrap.run), Task("rotation", rotation.run)),
        stop_seconds=settings.gateway.stop_seconds,
    )


def _parts(ground: _Ground, keys: Keys, begun: asyncio.Event) -> Parts:
    settings, clock = ground.settings, ground.clock
    views = PostgresViews(ground.pool)
    passwords = Passwords()
    return Parts(
        clock=clock,
        views=views,
        discovery=RedisDiscovery(ground.redis, views),
        publisher=ground.publisher,
        keys=keys,
        key_desk=KeyDesk(ground.publisher, ground.installation, clock, keys),
        sessions=Sessions(
            views=views,
            keys=keys,
            passwords=passwords,
            installation=ground.installation,
            clock=clock,
            metrics=ground.metrics,
            attempts=Attempts(clock),
            token_seconds=settings.gateway.access_token_seconds,
            issuer=settings.security.issuer,
            begun=begun,
        ),
        accounts=AccountDesk(ground.publisher, passwords, ground.installation, clock),
        issuer=settings.security.issuer,
        link_life_max=timedelta(seconds=settings.gateway.link_seconds_max),
        upload_deadline=timedelta(seconds=settings.gateway.upload_deadline_seconds),
        upload_deadline_max=timedelta(seconds=settings.gateway.upload_deadline_seconds_max),
    )


def _checks(ground: _Ground, keyholder: Keyholder, bootstrap: Bootstrap) -> Mapping[str, Check]:
    """Redis is not among them: without it the views tell where the elements are."""

    async def key() -> str | None:
        return None if keyholder.active(ground.clock.now()) else "no signing key is in force yet"

    async def first_start() -> str | None:
        return None if bootstrap.done.is_set() else "waiting for the first key and the first administrator"

    return {
        "postgres": lambda: postgres.ping(ground.pool),
        "views": lambda: missing_views(ground.pool),
        "signing_key": key,
        "bootstrap": first_start,
    }


def _refuse_lives_beyond_caps(settings: Settings) -> None:
    """Refuse settings that would make this gateway sign what no verifier believes."""
    for name, seconds, cap in (
        ("ACCESS_TOKEN_SECONDS", settings.gateway.access_token_seconds, ACCESS_LIFE_MAX),
        ("LINK_SECONDS_MAX", settings.gateway.link_seconds_max, LINK_LIFE_MAX),
        ("UPLOAD_DEADLINE_SECONDS_MAX", settings.gateway.upload_deadline_seconds_max, UPLOAD_LIFE_MAX),
    ):
        if seconds > cap.total_seconds():
            message = f"ARTSTORE_GATEWAY__{name} is {seconds:g}; verifiers believe at most {cap.total_seconds():g}."
            raise ConfigurationInvalid(message)
