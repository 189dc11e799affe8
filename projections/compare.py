"""Comparing freshly built views with the live ones before they take their place."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from projections.reading import LIVE
from projections.shape import NEXT, exists

_COUNTS = f"""
    SELECT
        count(*) FILTER (WHERE fresh.document_id IS NULL AND live.updated_at < $1) AS missing,
        count(*) FILTER (WHERE live.document_id IS NULL) AS added,
        count(*) FILTER (
            WHERE (fresh.attr_seq, fresh.attr_sha256) IS DISTINCT FROM (live.attr_seq, live.attr_sha256)
                AND fresh.document_id IS NOT NULL AND live.document_id IS NOT NULL
        ) AS changed,
        count(fresh.document_id) AS documents
    FROM {NEXT}.documents AS fresh FULL JOIN {LIVE}.documents AS live USING (document_id)
"""  # noqa: S608 - schema names are ours


@dataclass(frozen=True)
class Comparison:
    """Documents: how many are rebuilt, and how many of the live views are missing, added or changed among them."""

    documents: int
    missing: int
    added: int
    changed: int


async def compared(connection: asyncpg.Connection, before: datetime) -> Comparison | None:
    """Compare by (document, attr_seq, attr_sha256); None when there are no live views to compare with.

    What the live views have seen since `before` may be ahead of the rebuilt ones and is not called missing.
    """
    if not await exists(connection, LIVE, "documents"):
        return None
    record = await connection.fetchrow(_COUNTS, before)
    return Comparison(**record)
