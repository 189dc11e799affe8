"""Questions to the view `documents`: one document, the newest ones, the versions of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from projections.reading import LIVE, Page, page_of, place_of, reading, storable, text_part, time_part

_COLUMNS = """
    d.document_id, d.version, d.attr_seq, d.attr_sha256, d.filename, d.stored_name, d.relative_path, d.size,
    d.media_type, d.sha256, d.title, d.document_class, d.tags, d.custom, d.retention_class, d.retention_until,
    d.element_id, d.created_at, d.created_by, d.updated_at, COALESCE(e.mode, s.mode) AS mode,
    f.part AS damaged_part, f.reason AS damage_reason, f.found_by AS damage_found_by, f.found_at AS damage_found_at,
    f.quarantined
"""
_FROM = f"""
    {LIVE}.documents AS d
    LEFT JOIN {LIVE}.elements AS e USING (element_id)
    LEFT JOIN {LIVE}.element_status AS s USING (element_id)
    LEFT JOIN {LIVE}.damages AS f
        ON f.document_id = d.document_id AND f.version = d.version AND f.state = 'damaged'
"""
_ONE = f"SELECT {_COLUMNS} FROM {_FROM} WHERE d.document_id = $1"
_NEWEST = f"""
    SELECT {_COLUMNS} FROM {_FROM}
    WHERE $1::timestamptz IS NULL OR (d.created_at, d.document_id) < ($1, $2)
    ORDER BY d.created_at DESC, d.document_id DESC LIMIT $3
"""
_VERSIONS = f"""
    SELECT document_id, version, attr_seq, attr_sha256, filename, size, media_type, sha256, element_id, updated_at
    FROM {LIVE}.versions WHERE document_id = $1 ORDER BY version
"""


@dataclass(frozen=True)
class DocumentView:
    """A document. Size in bytes; `mode` is its element's now (None: the element was never heard of).

    The last five tell of the damage of this version, and are None or empty while none is known.
    """

    document_id: str
    version: int
    attr_seq: int
    attr_sha256: str
    filename: str
    stored_name: str
    relative_path: str
    size: int
    media_type: str
    sha256: str
    title: str
    document_class: str
    tags: tuple[str, ...]
    custom: Mapping[str, str | bool | int | float]
    retention_class: str
    retention_until: datetime | None
    element_id: str
    created_at: datetime
    created_by: Mapping[str, Any]
    updated_at: datetime
    mode: str | None
    damaged_part: str | None
    damage_reason: str | None
    damage_found_by: str | None
    damage_found_at: datetime | None
    quarantined: tuple[str, ...]


@dataclass(frozen=True)
class VersionView:
    """One version of a document. Size in bytes."""

    document_id: str
    version: int
    attr_seq: int
    attr_sha256: str
    filename: str
    size: int
    media_type: str
    sha256: str
    element_id: str
    updated_at: datetime


async def document(pool: asyncpg.Pool, document_id: str) -> DocumentView | None:
    """Return the document, None when the view does not hold it. DatabaseUnavailable, ViewsBehind."""
    async with reading():
        record = await pool.fetchrow(_ONE, storable(document_id))
    return None if record is None else _document(record)


async def newest_documents(pool: asyncpg.Pool, limit: int, cursor: str | None = None) -> Page[DocumentView]:
    """Return documents, newest first. InvalidCursor, DatabaseUnavailable, ViewsBehind."""
    created_at, document_id = place_of("documents", cursor, (time_part, text_part))
    async with reading():
        records = await pool.fetch(_NEWEST, created_at, document_id, limit + 1)
    found = [_document(record) for record in records]
    return page_of(found, limit, "documents", lambda item: (item.created_at, item.document_id))


async def versions(pool: asyncpg.Pool, document_id: str) -> tuple[VersionView, ...]:
    """Return the versions of a document, oldest first; empty when there is none. DatabaseUnavailable, ViewsBehind."""
    async with reading():
        records = await pool.fetch(_VERSIONS, storable(document_id))
    return tuple(VersionView(**record) for record in records)


def _document(record: asyncpg.Record) -> DocumentView:
    lists = {"tags": tuple(record["tags"]), "quarantined": tuple(record["quarantined"] or ())}
    return DocumentView(**{**record, **lists})
