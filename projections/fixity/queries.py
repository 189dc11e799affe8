"""Questions to the view `fixity`: the versions that are damaged now, the newest damage first."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from projections.reading import LIVE, Page, page_of, place_of, reading, text_part, time_part, whole_part

_NEWEST = f"""
    SELECT f.document_id, f.version, f.part, f.reason, f.found_by, f.found_at, f.quarantined,
        f.element_id, COALESCE(s.name, e.name) AS element_name, v.filename, d.title
    FROM {LIVE}.damages AS f
    LEFT JOIN {LIVE}.elements AS e USING (element_id)
    LEFT JOIN {LIVE}.element_status AS s USING (element_id)
    LEFT JOIN {LIVE}.versions AS v ON v.document_id = f.document_id AND v.version = f.version
    LEFT JOIN {LIVE}.documents AS d ON d.document_id = f.document_id
    WHERE f.state = 'damaged'
        AND ($1::timestamptz IS NULL OR (f.found_at, f.document_id, f.version) < ($1, $2, $3))
    ORDER BY f.found_at DESC, f.document_id DESC, f.version DESC LIMIT $4
"""


@dataclass(frozen=True)
class DamageView:
    """A version that is damaged, and what it is of; names are None where no other view knows them (yet)."""

    document_id: str
    version: int
    part: str
    reason: str
    found_by: str
    found_at: datetime
    quarantined: tuple[str, ...]
    element_id: str
    element_name: str | None
    filename: str | None
    title: str | None


async def damages(pool: asyncpg.Pool, limit: int, cursor: str | None = None) -> Page[DamageView]:
    """Return the versions that are damaged now. InvalidCursor, DatabaseUnavailable, ViewsBehind."""
    place = place_of("damages", cursor, (time_part, text_part, whole_part))
    async with reading():
        records = await pool.fetch(_NEWEST, *place, limit + 1)
    found = [DamageView(**{**record, "quarantined": tuple(record["quarantined"])}) for record in records]
    return page_of(found, limit, "damages", lambda item: (item.found_at, item.document_id, item.version))
