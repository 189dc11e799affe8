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
        s.url, s.total_bytes, s.used_bytes, s.free_bytes, s.last_seen_at
    FROM {LIVE}.elements AS e FULL JOIN {LIVE}.element_status AS s USING (element_id)
    ORDER BY name, element_id
"""


@dataclass(frozen=True)
class ElementView:
    """An element. Sizes in bytes; address, sizes and time are None for one that never sent a heartbeat."""

    element_id: str
    name: str
    mode: str
    mode_epoch: int
    url: str | None
    total_bytes: int | None
    used_bytes: int | None
    free_bytes: int | None
    last_seen_at: datetime | None


async def elements(pool: asyncpg.Pool) -> tuple[ElementView, ...]:
    """Return all elements by name. DatabaseUnavailable, ViewsBehind."""
    async with reading():
        return tuple(ElementView(**record) for record in await pool.fetch(_ALL))
