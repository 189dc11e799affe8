"""The audit between log, disks and views: the same documents, versions and elements, column by column."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from infra.runtime.postgres import open_pool, translated_errors
from infra.runtime.settings import Settings
from projections import log
from projections.catalogue import DOCUMENTS, ELEMENTS
from projections.dead_letters import letter_line
from projections.disk import Broken, roots_in, scan
from projections.reading import LIVE
from projections.tables import Row, Table, as_json, kept, row_as_json
from schemas.errors import ViewsBehind
from schemas.topics import DOCUMENT_EVENT, ELEMENT_EVENT

LOOKS = 3
PAUSE_SECONDS = 1.5

Key = tuple[object, ...]
Rows = Mapping[Key, Mapping[str, Any]]
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
    async with open_pool(settings.postgres, "artstore-diff") as pool:
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(PAUSE_SECONDS)
            lines = await _look(settings, pool, found_roots)
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


async def _look(settings: Settings, pool: asyncpg.Pool, roots: Sequence[Path]) -> list[str]:
    on_disk, broken = await asyncio.to_thread(_disk, roots)
    documents, letters = await log.folded(settings.kafka, DOCUMENTS, DOCUMENT_EVENT)
    elements, more_letters = await log.folded(settings.kafka, ELEMENTS, ELEMENT_EVENT)
    lines = [f"disk {each}" for each in broken] + [letter_line(each) for each in (*letters, *more_letters)]
    for table in TABLES:
        in_views = await _views(pool, table)
        sources = {"log": _keyed([*documents, *elements], table), "disk": _keyed(on_disk, table), "views": in_views}
        lines += compare(table, sources)
    return lines


def _disk(roots: Sequence[Path]) -> tuple[list[Row], list[Broken]]:
    rows: list[Row] = []
    broken: list[Broken] = []
    for found in scan(roots):
        if isinstance(found, Broken):
            broken.append(found)
        else:
            rows += found
    return rows, broken


def _keyed(rows: Iterable[Row], table: Table) -> Rows:
    return {row.key: row_as_json(row) for row in kept(row for row in rows if type(row) is table.row)}


async def _views(pool: asyncpg.Pool, table: Table) -> Rows:
    statement = f"SELECT {', '.join(table.columns)} FROM {LIVE}.{table.name}"  # noqa: S608 - names are ours
    try:
        async with translated_errors():
            records = await pool.fetch(statement)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        message = "The views do not exist in this shape: start the projector, or run `artstore rebuild`."
        raise ViewsBehind(message) from error
    rows = [{name: as_json(value) for name, value in record.items()} for record in records]
    return {tuple(row[name] for name in table.key): row for row in rows}
