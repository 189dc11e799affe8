"""The door to Redis or Valkey, which holds discovery and never a fact: bounded waits, errors in our words."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from redis.asyncio import BlockingConnectionPool, Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from infra.runtime.cancellation import yield_to_cancellation
from infra.runtime.names import LookUp, OneLookup, look_up
from infra.runtime.settings_sections import RedisSettings
from schemas.errors import ArtStoreError, ConfigurationInvalid, DependencyUnavailable

PING_SECONDS = 1.5
CLOSE_SECONDS = 2.0
HEALTH_SECONDS = 30
RETRIES = 1


@contextlib.asynccontextmanager
async def open_redis(settings: RedisSettings, look_up: LookUp = look_up) -> AsyncIterator[Redis]:
    """Open a client whose answers are `str`. A server that is away is no obstacle: it may come.

    ConfigurationInvalid when the address is none, or the server there refuses the password.
    """
    pool = _pool(settings)
    if issubclass(pool.connection_class, Connection):  # the other kind goes by the path of a socket
        pool.connection_class = _after_lookup(pool.connection_class, OneLookup(look_up))
    client = Redis.from_pool(pool)
    try:
        with contextlib.suppress(DependencyUnavailable):
            await _asked(client)
        yield client
    finally:
        with contextlib.suppress(TimeoutError, RedisError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await client.aclose()


async def ping(client: Redis) -> str | None:
    """Return None when the server answers within 1.5 seconds, else the reason in words."""
    try:
        await _asked(client)
    except ArtStoreError as error:
        return error.detail
    return None


async def _asked(client: Redis) -> None:
    async with translated_errors(), asyncio.timeout(PING_SECONDS):
        await client.ping()


@contextlib.asynccontextmanager
async def translated_errors() -> AsyncIterator[None]:
    """Turn the driver's errors into ours: DependencyUnavailable, or ConfigurationInvalid for a wrong password.

    An answer that refuses a command is a mistake in the command and goes through as it is.
    """
    try:
        yield
    except AuthenticationError as error:
        message = f"Redis refuses this program ({error}). Check ARTSTORE_REDIS__URL."
        raise ConfigurationInvalid(message) from error
    except ResponseError:
        raise
    except (RedisError, OSError) as error:
        yield_to_cancellation(error)
        raise DependencyUnavailable(f"Redis does not answer: {type(error).__name__} {error}".rstrip()) from error


def _after_lookup(kind: type[Connection], names: OneLookup) -> type[Connection]:
    """Return connections of the same kind that find the server's name together before each goes its way."""

    async def connect(self: Connection) -> None:
        async with asyncio.timeout(self.socket_connect_timeout):
            await names.found(self.host, self.port)
        await kind._connect(self)  # type: ignore[no-untyped-call]  # noqa: SLF001 - the driver has no other place for it

    return type(kind.__name__, (kind,), {"_connect": connect})


def _pool(settings: RedisSettings) -> BlockingConnectionPool:
    try:
        return BlockingConnectionPool.from_url(
            settings.required_url(),
            decode_responses=True,
            max_connections=settings.pool_size,
            timeout=settings.command_timeout_seconds,
            socket_timeout=settings.command_timeout_seconds,
            socket_connect_timeout=settings.command_timeout_seconds,
            health_check_interval=HEALTH_SECONDS,
            retry=Retry(NoBackoff(), RETRIES),
        )
    except ValueError as error:
        message = f"ARTSTORE_REDIS__URL is no address of a Redis: {error}."
        raise ConfigurationInvalid(message) from error
