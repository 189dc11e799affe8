"""The door to PostgreSQL: one pool per program, JSON as Python objects, bounded waits, and errors in our words."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from functools import partial

import asyncpg

from infra.runtime.cancellation import yield_to_cancellation
from infra.runtime.settings_sections import PostgresSettings
from schemas.errors import ConfigurationInvalid, DatabaseUnavailable

PING_SECONDS = 1.5
CLOSE_SECONDS = 5.0
# The server ends a statement first and says so; the client's own limit is for a server that has gone silent.
SILENCE_SECONDS = 5.0

_ENCODER = json.JSONEncoder(ensure_ascii=False)


class JsonText(bytes):
    """JSON that is encoded already: where a column or an argument is JSON, it goes to the server as it is."""

    __slots__ = ()


_MAY_PASS = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
)
_WRONG_ADDRESS = (
    asyncpg.ClientConfigurationError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


@contextlib.asynccontextmanager
async def open_pool(settings: PostgresSettings, name: str) -> AsyncIterator[asyncpg.Pool]:
    """Open a pool that shows itself to the server as `name`; json and jsonb come and go as Python objects.

    DatabaseUnavailable when the server does not answer, ConfigurationInvalid when it refuses user, password or name.
    """
    async with translated_errors():
        pool = await asyncpg.create_pool(
            settings.required_dsn(),
            min_size=1,
            max_size=settings.pool_size,
            timeout=settings.connect_timeout_seconds,
            command_timeout=settings.statement_timeout_seconds + SILENCE_SECONDS,
            server_settings={
                "application_name": name,
                "statement_timeout": str(int(settings.statement_timeout_seconds * 1000)),
            },
            init=_json_as_objects,
            reset=_left_as_it_is,
        )
    try:
        yield pool
    finally:
        await _close(pool)


async def ping(pool: asyncpg.Pool) -> str | None:
    """Return None when the database answers within 1.5 seconds, else the reason in words."""
    try:
        async with translated_errors(), asyncio.timeout(PING_SECONDS):
            await pool.fetchval("SELECT 1")
    except (DatabaseUnavailable, ConfigurationInvalid) as error:
        return error.detail
    return None


@contextlib.asynccontextmanager
async def translated_errors() -> AsyncIterator[None]:
    """Turn the driver's errors into ours.

    What may pass (connection, time-out, deadlock, full disk) is DatabaseUnavailable; a wrong address, user or password
    ConfigurationInvalid. All else is a mistake in a statement and goes through as it is.
    """
    try:
        yield
    except _WRONG_ADDRESS as error:
        message = f"PostgreSQL refuses: {error}. Check ARTSTORE_POSTGRES__DSN."
        raise ConfigurationInvalid(message) from error
    except _MAY_PASS as error:
        yield_to_cancellation(error)
        raise DatabaseUnavailable(f"PostgreSQL does not answer: {type(error).__name__} {error}".rstrip()) from error
    except asyncpg.InterfaceError as error:
        if not _is_about_the_connection(error):
            raise
        yield_to_cancellation(error)
        message = f"PostgreSQL does not answer: {error}"
        raise DatabaseUnavailable(message) from error


def _is_about_the_connection(error: Exception) -> bool:
    # The driver has no class of its own for a connection or pool that was closed under its user; a ValueError among
    # these is about an argument, whose text may hold any word.
    return not isinstance(error, ValueError) and "clos" in str(error)


async def _left_as_it_is(_connection: asyncpg.Connection) -> None:
    """Spare the four statements with which the driver cleans a session after every use.

    An open transaction is rolled back before this is called; the few who change a session reset it themselves.
    """


async def _json_as_objects(connection: asyncpg.Connection) -> None:
    # In the binary form, the only one that COPY takes: json is its text, jsonb that behind the number of its version.
    for kind, version in (("json", b""), ("jsonb", b"\1")):
        await connection.set_type_codec(
            kind,
            schema="pg_catalog",
            encoder=partial(_to_json, version),
            decoder=partial(_from_json, len(version)),
            format="binary",
        )


def _to_json(version: bytes, value: object) -> bytes:
    return version + (value if type(value) is JsonText else _ENCODER.encode(value).encode())


def _from_json(start: int, data: bytes) -> object:
    return json.loads(data[start:].decode())


async def _close(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        # Somebody still holds a connection: whatever it does is rolled back by the server.
        pool.terminate()
