"""Real readiness: each server and program is asked for what its users will ask, not for an open port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import asyncpg
import httpx2
import redis.asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import BaseModel, ValidationError
from redis.exceptions import RedisError

Probe = Callable[[], Awaitable[str | None]]
"""Returns None when ready, else the reason in words."""

ASK_SECONDS = 5.0
_PROBE_GROUP = "artstore-readiness"
_READY = 200
_FINE = "ok"
_LETTERS = 300


async def ask_kafka(servers: str) -> str | None:
    """Ask the cluster who it is and a coordinator for a group: consumers need both."""
    try:
        async with asyncio.timeout(ASK_SECONDS), _admin(servers) as admin:
            cluster = await admin.describe_cluster()
            if not cluster.get("brokers"):
                return "no broker in the cluster"
            await admin.list_consumer_group_offsets(_PROBE_GROUP)
    except (TimeoutError, KafkaError, OSError) as error:
        return _said(error)
    return None


@contextlib.asynccontextmanager
async def _admin(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=int(ASK_SECONDS * 1000))
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def ask_postgres(dsn: str) -> str | None:
    """Sign in with the password and run a statement; a database that does not exist yet is no reason."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            connection = await asyncpg.connect(dsn, timeout=ASK_SECONDS)
            try:
                await connection.fetchval("SELECT 1")
            finally:
                await connection.close()
    except asyncpg.InvalidCatalogNameError:
        return None
    except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        return _said(error)
    return None


async def ask_redis(url: str) -> str | None:
    """Sign in with the password and ping."""
    try:
        async with asyncio.timeout(ASK_SECONDS), redis.asyncio.from_url(url, socket_timeout=ASK_SECONDS) as client:
            await client.ping()
    except (TimeoutError, RedisError, OSError) as error:
        return _said(error)
    return None


async def ask_program(url: str) -> str | None:
    """Ask a program of ours whether it is ready; its own words when it is not."""
    answer = await _readiness(url)
    if isinstance(answer, str):
        return answer
    return None if answer.status_code == _READY else _unfinished(answer)


async def ask_notes(url: str) -> str | None:
    """Ask a program of ours that is ready what is amiss all the same; None when nothing is."""
    answer = await _readiness(url)
    return None if isinstance(answer, str) or answer.status_code != _READY else _unfinished(answer) or None


async def _readiness(url: str) -> httpx2.Response | str:
    try:
        async with asyncio.timeout(ASK_SECONDS), httpx2.AsyncClient(trust_env=False, timeout=ASK_SECONDS) as client:
            return await client.get(f"{url}/health/ready")
    except (TimeoutError, httpx2.HTTPError) as error:
        return _said(error)


def _unfinished(answer: httpx2.Response) -> str:
    """Return the checks that are not fine, as `name: reason`; the bare answer when it is none of ours."""
    try:
        checks = _Readiness.model_validate_json(answer.content).checks
    except ValidationError:
        return f"{answer.status_code} {answer.text[:_LETTERS].strip()}"
    return "; ".join(f"{name}: {reason}" for name, reason in checks.items() if reason != _FINE)[:_LETTERS]


class _Readiness(BaseModel):
    """The body of /health/ready."""

    checks: dict[str, str]


def shown(address: str) -> str:
    """Return an address without its password."""
    parts = urlsplit(address)
    if not parts.scheme or not parts.hostname:
        return address
    return f"{parts.hostname}:{parts.port}{parts.path}" if parts.port else f"{parts.hostname}{parts.path}"


def _said(error: Exception) -> str:
    kind, text = type(error).__name__, str(error)
    return f"{kind}: {text.removeprefix(f'{kind}: ')}" if text else kind
