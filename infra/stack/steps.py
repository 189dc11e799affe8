"""Start steps between servers and programs: the database, the topics, the installation's keys."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from infra.runtime.installation import ensure_installation
from infra.runtime.kafka import apply_topics
from infra.runtime.settings import Settings
from infra.stack.model import COMPONENTS
from infra.stack.plan import Planned, plan
from schemas.errors import ConfigurationInvalid, DatabaseUnavailable, DependencyUnavailable

_DATABASE_SECONDS = 30.0
_TOPICS_SECONDS = 60.0
_POLL_SECONDS = 0.3


def _database(settings: Settings) -> str:
    return asyncio.run(make_database(settings.postgres.required_dsn()))


async def make_database(dsn: str) -> str:
    """Make the database that the address names unless it exists; return a sentence for people."""
    name = urlsplit(dsn).path.lstrip("/")
    if not name:
        message = "ARTSTORE_POSTGRES__DSN names no database: end it with /artstore, for example."
        raise ConfigurationInvalid(message)
    try:
        async with asyncio.timeout(_DATABASE_SECONDS):
            if await _exists(dsn):
                return f"database {name} exists"
            await _create(urlunsplit(urlsplit(dsn)._replace(path="/postgres")), name)
    except asyncpg.InsufficientPrivilegeError as error:
        message = f"Database {name!r} does not exist and this account may not make it. Let an administrator create it."
        raise ConfigurationInvalid(message) from error
    except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        message = f"Database {name!r} could not be made: {error or type(error).__name__}."
        raise DatabaseUnavailable(message) from error
    return f"database {name} made"


async def _exists(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn)
    except asyncpg.InvalidCatalogNameError:
        return False
    await connection.close()
    return True


async def _create(maintenance_dsn: str, name: str) -> None:
    connection = await asyncpg.connect(maintenance_dsn)
    try:
        await connection.execute('CREATE DATABASE "{}"'.format(name.replace('"', '""')))
    except asyncpg.DuplicateDatabaseError:
        return
    finally:
        await connection.close()


def _topics(settings: Settings) -> str:
    made = asyncio.run(_applied(settings))
    return f"topics made: {len(made)}" if made else "topics exist"


async def _applied(settings: Settings) -> list[str]:
    async with asyncio.timeout(_TOPICS_SECONDS):
        return list(await apply_topics(settings.kafka))


def _keys(settings: Settings) -> str:
    ensure_installation(settings.home / "keys")
    return f"installation keys in {settings.home / 'keys'}"


STEPS: Mapping[str, Callable[[Settings], str]] = {"database": _database, "topics": _topics, "keys": _keys}
"""What each step does with the complete settings; it returns a sentence for people."""


def await_needs(name: str, settings: Settings) -> None:
    """Return when the servers that a step needs answer as their users need; `DependencyUnavailable` with the reason."""
    [step] = [component for component in COMPONENTS if component.name == name]
    needed = tuple(component for component in COMPONENTS if component.name in step.needs)
    asyncio.run(_all_answer(plan(needed, settings), settings.stack.ready_seconds))


async def _all_answer(parts: Sequence[Planned], seconds: float) -> None:
    until = time.monotonic() + seconds
    for part in parts:
        while reason := await part.probe():
            if time.monotonic() >= until:
                message = f"{part.name} at {part.address} does not answer: {reason}."
                raise DependencyUnavailable(message)
            await asyncio.sleep(_POLL_SECONDS)
