"""Gaps in the sequence of a document's attributes: a number that was never seen means a lost event."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg
import structlog

from projections.documents.fold import DocumentRow
from projections.tables import Row


@dataclass(frozen=True)
class Gap:
    """After `held` came `arrived`, which is not the next number."""

    document_id: str
    held: int
    arrived: int


def gaps(held: Mapping[str, int], arrivals: Iterable[tuple[str, int]]) -> tuple[Gap, ...]:
    """Return the gaps that (document, attr_seq) pairs, in order, leave after what is held (0 where nothing is)."""
    newest = dict(held)
    found = []
    for document_id, sequence in arrivals:
        last = newest.get(document_id, 0)
        if sequence > last + 1:
            found.append(Gap(document_id, last, sequence))
        newest[document_id] = max(last, sequence)
    return tuple(found)


async def watch_gaps(connection: asyncpg.Connection, schema: str, rows: Sequence[Row]) -> int:
    """Warn of each gap and return their number. The newer state is taken all the same: it is whole in itself."""
    arrivals = [(row.document_id, row.attr_seq) for row in rows if isinstance(row, DocumentRow)]
    later = sorted({document_id for document_id, sequence in arrivals if sequence > 1})
    if not later:
        return 0
    statement = f"SELECT document_id, attr_seq FROM {schema}.documents WHERE document_id = ANY($1::text[])"  # noqa: S608
    held = {row["document_id"]: row["attr_seq"] for row in await connection.fetch(statement, later)}
    found = gaps(held, arrivals)
    return _told(found)


async def find_gaps(connection: asyncpg.Connection, schema: str) -> int:
    """Warn of each gap in a table that holds every state, and return their number."""
    statement = f"""
        SELECT document_id, held, attr_seq FROM (
            SELECT document_id, attr_seq, lag(attr_seq, 1, 0::bigint) OVER (
                PARTITION BY document_id ORDER BY attr_seq
            ) AS held
            FROM {schema}.documents
            WHERE document_id IN (SELECT document_id FROM {schema}.documents WHERE attr_seq > 1)
        ) AS states
        WHERE attr_seq > held + 1
    """  # noqa: S608
    records = await connection.fetch(statement)
    return _told([Gap(row["document_id"], row["held"], row["attr_seq"]) for row in records])


def _told(found: Sequence[Gap]) -> int:
    log = structlog.get_logger("artstore.views")
    for gap in found:
        log.warning("attributes_gap", document_id=gap.document_id, held=gap.held, arrived=gap.arrived)
    return len(found)
