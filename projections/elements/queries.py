"""Questions to the view `elements`: which storage elements there are, and when each was last heard of."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from projections.reading import LIVE, reading

# Mode and epoch come from whichever is newer: a heartbeat may overtake the event, or an element be silent since.
_ALL = f"""
    SELECT
        element_id,
        COALESCE(s.name, e.name) AS name,
        CASE WHEN COALESCE(s.mode_epoch, -1) >= COALESCE(e.mode_epoch, -1) THEN s.mode ELSE e.mode END AS mode,
        GREATEST(s.mode_epoch, e.mode_epoch) AS mode_epoch,
        s.url, s.total_bytes, s.used_bytes, s.free_bytes, s.last_seen_at,
        s.damaged, s.scrub_pass, s.scrub_share, s.scrub_documents, s.scrub_finished_at,
        p.pass_number, p.started_at AS pass_started_at, p.finished_at AS pass_finished_at,
        p.documents AS pass_documents, p.bytes AS pass_bytes, p.damaged AS pass_damaged
    FROM {LIVE}.elements AS e
    FULL JOIN {LIVE}.element_status AS s USING (element_id)
    LEFT JOIN {LIVE}.scrubs AS p USING (element_id)
    ORDER BY name, element_id
"""


@dataclass(frozen=True)
class ElementView:
    """An element. Sizes in bytes; all that its heartbeats tell is None for one that never sent any.

    What begins with `scrub_` is its scrub at work, with `pass_` its last whole pass; None where there was none.
    """

    element_id: str
    name: str
    mode: str
    mode_epoch: int
    url: str | None
    total_bytes: int | None
    used_bytes: int | None
    free_bytes: int | None
    last_seen_at: datetime | None
    damaged: int | None
    scrub_pass: int | None
    scrub_share: float | None
    scrub_documents: int | None
    scrub_finished_at: datetime | None
    pass_number: int | None
    pass_started_at: datetime | None
    pass_finished_at: datetime | None
    pass_documents: int | None
    pass_bytes: int | None
    pass_damaged: int | None


async def elements(pool: asyncpg.Pool) -> tuple[ElementView, ...]:
    """Return all elements by name. DatabaseUnavailable, ViewsBehind."""
    async with reading():
        return tuple(ElementView(**record) for record in await pool.fetch(_ALL))
