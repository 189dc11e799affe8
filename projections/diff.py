"""The audit between log, disks and views: the same documents, versions and elements, column by column."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg

from infra.runtime.postgres import open_pool, translated_errors
from infra.runtime.settings import Settings
from projections import log
from projections.catalogue import DOCUMENTS, ELEMENTS
from projections.dead_letters import letter_line
from projections.digests import Digests, Key
from projections.disk import Broken, roots_in, scan
from projections.reading import LIVE
from projections.tables import Row, Table, as_json, row_as_json
from schemas.errors import ViewsBehind
from schemas.topics import DOCUMENT_EVENT, ELEMENT_EVENT

LOOKS = 3
PAUSE_SECONDS = 1.5
ROWS_AT_ONCE = 1000
STATEMENT_SECONDS = 3600.0  # digests of millions of documents take their time
# How many things that differ are told one by one: their rows are held in memory.
KEYS_MAX = 10_000

Rows = Mapping[Key, Mapping[str, Any]]
SOURCES = ("log", "disk", "views")
TABLES: Sequence[Table] = (*DOCUMENTS.tables, ELEMENTS.tables[0])
# What tells two states of one thing apart before its columns are compared one by one.
SIGNIFICANT = ("attr_seq", "attr_sha256", "mode_epoch")


async def differences(settings: Settings, roots: Sequence[Path]) -> list[str]:
    """Return one line per difference, none when all three agree. ConfigurationInvalid, Transient.

    While documents are being stored the three are read at different moments, so what differs is looked at again:
    only what stays different counts.
    """
    found_roots = roots_in(settings.home, roots)
    lasting: list[str] | None = None
    patient = settings.postgres.model_copy(update={"statement_timeout_seconds": STATEMENT_SECONDS})
    async with open_pool(patient, "artstore-diff") as pool, translated_errors(), pool.acquire() as connection:
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(PAUSE_SECONDS)
            lines = await _look(settings, connection, found_roots)
            again = set(lines)
            lasting = lines if lasting is None else [line for line in lasting if line in again]
            if not lasting:
                return []
    return lasting or []


def compare(table: Table, sources: Mapping[str, Rows]) -> list[str]:
    """Return the differences between the sources, which all should hold the same rows of this table."""
    keys = sorted({key for rows in sources.values() for key in rows}, key=str)
    return [line for key in keys for line in _compare_one(table, key, sources)]


def _compare_one(table: Table, key: Key, sources: Mapping[str, Rows]) -> list[str]:
    name = f"{table.name} {' v'.join(str(part) for part in key)}"
    found = {source: rows.get(key) for source, rows in sources.items()}
    states = {source: _state(row) for source, row in found.items()}
    if len(set(states.values())) > 1:
        return [f"{name}: " + ", ".join(f"{source} has {state}" for source, state in states.items())]
    rows = {source: row for source, row in found.items() if row is not None}
    return [
        f"{name}: {column}: " + ", ".join(f"{source} has {row[column]!r}" for source, row in rows.items())
        for column in table.columns
        if any(row[column] != next(iter(rows.values()))[column] for row in rows.values())
    ]


def _state(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "nothing"
    return " ".join(f"{column} {row[column]}" for column in SIGNIFICANT if column in row)


async def _look(settings: Settings, connection: asyncpg.Connection, roots: Sequence[Path]) -> list[str]:
    """Look once: at the digests of all, then at the rows of what differs by them, of which there are few."""
    digests, lines = Digests(connection), list[str]()
    await digests.begin()
    async for source, rows in _said(settings, connection, roots, lines):
        for table in TABLES:
            mine = [(row.key, row.rank, row.json) for row in rows if row.table == table.name]
            await digests.say(source, table.name, mine)
    keys, whole = await digests.different(len(SOURCES), KEYS_MAX)
    if not keys:
        return lines
    found: dict[str, dict[str, dict[Key, Said]]] = {name: {source: {} for source in SOURCES} for name in keys}
    async for source, rows in _said(settings, connection, roots, []):
        for row in rows:
            if row.key in keys.get(row.table, ()):
                held = found[row.table][source].get(row.key)
                if held is None or row.rank > held.rank:
                    found[row.table][source][row.key] = row
    for table in TABLES:
        by_source = found.get(table.name, {})
        lines += compare(
            table, {source: {key: row.json for key, row in rows.items()} for source, rows in by_source.items()}
        )
    told = sum(map(len, keys.values()))
    return [*lines, f"and {whole - told} more that differ"] if whole > told else lines


@dataclass(frozen=True)
class Said:
    """What one source says about one thing."""

    table: str
    key: Key
    rank: int
    json: Mapping[str, Any]


async def _said(
    settings: Settings, connection: asyncpg.Connection, roots: Sequence[Path], lines: list[str]
) -> AsyncIterator[tuple[str, list[Said]]]:
    """Yield what every source says, piece by piece; what cannot be read goes into `lines`."""
    pieces = scan(roots)
    while piece := await asyncio.to_thread(list, islice(pieces, ROWS_AT_ONCE)):
        lines += [f"disk {found}" for found in piece if isinstance(found, Broken)]
        yield "disk", _rows(row for found in piece if not isinstance(found, Broken) for row in found)
    for view, topic in ((DOCUMENTS, DOCUMENT_EVENT), (ELEMENTS, ELEMENT_EVENT)):
        async for folded in log.folded(settings.kafka, view, topic):
            lines += map(letter_line, folded.letters)
            yield "log", _rows(folded.rows)
    for table in TABLES:
        async for rows in _views(connection, table):
            yield "views", rows


def _rows(rows: Iterable[Row]) -> list[Said]:
    names = {table.row: table.name for table in TABLES}
    return [Said(names[type(row)], row.key, row.rank, row_as_json(row)) for row in rows if type(row) in names]


async def _views(connection: asyncpg.Connection, table: Table) -> AsyncIterator[list[Said]]:
    statement = f"SELECT {', '.join(table.columns)} FROM {LIVE}.{table.name}"  # noqa: S608 - names are ours
    try:
        async with translated_errors(), connection.transaction():
            cursor = await connection.cursor(statement)
            while records := await cursor.fetch(ROWS_AT_ONCE):
                rows = [{name: as_json(value) for name, value in record.items()} for record in records]
                yield [Said(table.name, tuple(row[name] for name in table.key), 0, row) for row in rows]
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        message = "The views do not exist in this shape: start the projector, or run `artstore rebuild`."
        raise ViewsBehind(message) from error
