"""The shape of the views in PostgreSQL: made in a fresh schema, recognised in an old one, swapped in one moment."""

import hashlib
from functools import cache
from importlib.resources import files

import asyncpg

from infra.runtime.postgres import translated_errors
from projections.catalogue import VIEWS
from projections.reading import LIVE
from projections.tables import Table
from projections.view import View
from schemas.errors import ArtStoreError, ConfigurationInvalid

NEXT, PREVIOUS = "views_next", "views_prev"

# Raise it when a fold makes other rows out of the same events; a change of the SQL files is noticed by itself.
FOLDS = 1

# Any number, as long as it is always the same: whoever makes or swaps a schema holds it.
_SHAPE_LOCK = 0x617274_73746F72
REBUILD_LOCK = _SHAPE_LOCK + 1


_INDEXED = """
    SELECT string_agg(DISTINCT quote_ident(attname), ', ') FROM pg_index JOIN pg_attribute ON attrelid = indrelid
    WHERE indrelid = $1::text::regclass AND attnum = ANY(indkey)
"""


@cache
def shape() -> str:
    """Return what tells this shape of the views from another: a digest over their SQL and the number of the folds."""
    text = "\0".join((str(FOLDS), *_tables(), *_indexes()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


async def ensure_views(pool: asyncpg.Pool) -> bool:
    """Make the views where there are none, and return whether that was so.

    ConfigurationInvalid when those that exist have another shape. DatabaseUnavailable.
    """
    async with translated_errors(), pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _SHAPE_LOCK)
        if await _exists(connection, LIVE):
            await _require_this_shape(connection)
            return False
        await make_tables(connection, LIVE, "log")
        await make_indexes(connection, LIVE)
        return True


async def missing_views(pool: asyncpg.Pool) -> str | None:
    """Return None when the views exist in this shape, else the reason in words: a readiness check."""
    try:
        async with translated_errors(), pool.acquire(timeout=1) as connection:
            if not await _exists(connection, LIVE):
                return "the views do not exist yet"
            await _require_this_shape(connection)
    except ArtStoreError as error:
        return error.detail
    return None


async def make_tables(connection: asyncpg.Connection, schema: str, built_from: str) -> None:
    """Make the schema and its tables, every view at the beginning of its topics. Inside the caller's transaction."""
    await connection.execute(f"CREATE SCHEMA {schema}")
    await _run(connection, schema, _tables())
    await connection.execute(
        f"INSERT INTO {schema}.generation (shape, built_from) VALUES ($1, $2)",  # noqa: S608 - schema names are ours
        shape(),
        built_from,
    )
    places = [(view.name, topic, partition, 0) for view in VIEWS for topic, partition in view.partitions]
    await connection.executemany(f"INSERT INTO {schema}.position VALUES ($1, $2, $3, $4)", places)  # noqa: S608


async def make_indexes(connection: asyncpg.Connection, schema: str, *views: View) -> None:
    """Make the indexes, of all views or of these, that only questions need: faster after a rebuild than during it."""
    await _run(connection, schema, _indexes(views or VIEWS))


async def analyze(connection: asyncpg.Connection, schema: str, table: Table) -> None:
    """Let the planner know the columns that stand in keys and indexes, between which it chooses.

    To look at every value of all the others costs as much as to make the indexes.
    """
    columns = await connection.fetchval(_INDEXED, f"{schema}.{table.name}")
    await connection.execute(f"ANALYZE {schema}.{table.name} ({columns})")


async def drop(connection: asyncpg.Connection, schema: str) -> None:
    """Drop a schema with all that is in it, if it exists."""
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


async def swap(connection: asyncpg.Connection) -> None:
    """Put the rebuilt views in the place of the live ones, in one moment, inside the caller's transaction.

    The lock on `position` waits for transactions of a projector that are under way and holds back those that follow:
    none of them can write half into the old views and half into the new ones.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _SHAPE_LOCK)
    await drop(connection, PREVIOUS)
    if await _exists(connection, LIVE):
        await connection.execute(f"LOCK TABLE {LIVE}.position IN ACCESS EXCLUSIVE MODE")
        await connection.execute(f"ALTER SCHEMA {LIVE} RENAME TO {PREVIOUS}")
    await connection.execute(f"ALTER SCHEMA {NEXT} RENAME TO {LIVE}")


async def exists(connection: asyncpg.Connection, schema: str, table: str) -> bool:
    """Tell whether there is such a table."""
    found: bool = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{schema}.{table}")
    return found


async def _exists(connection: asyncpg.Connection, schema: str) -> bool:
    found: bool = await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", schema)
    return found


async def _require_this_shape(connection: asyncpg.Connection) -> None:
    known = await exists(connection, LIVE, "generation")
    held = await connection.fetchval(f"SELECT shape FROM {LIVE}.generation") if known else None  # noqa: S608
    if held != shape():
        message = (
            f"The views in the database have the shape {held}, this release needs {shape()}: run `artstore rebuild`."
        )
        raise ConfigurationInvalid(message)


async def _run(connection: asyncpg.Connection, schema: str, scripts: tuple[str, ...]) -> None:
    # The files name their tables alone; here is said where these lie.
    await connection.execute(f"SET LOCAL search_path TO {schema}")
    for script in scripts:
        await connection.execute(script)
    await connection.execute("SET LOCAL search_path TO DEFAULT")


@cache
def _tables() -> tuple[str, ...]:
    folder = files("projections")
    own = folder.joinpath("schema.sql").read_text(encoding="utf-8")
    return (own, *(folder.joinpath(view.name, "schema.sql").read_text(encoding="utf-8") for view in VIEWS))


@cache
def _indexes(views: tuple[View, ...] = VIEWS) -> tuple[str, ...]:
    found = (files("projections").joinpath(view.name, "indexes.sql") for view in views)
    return tuple(file.read_text(encoding="utf-8") for file in found if file.is_file())
