"""Discovery in Redis: the newest heartbeat of each element, forgotten when it stays away. Never a fact."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from redis.asyncio import Redis

from infra.runtime.clock import Clock
from infra.runtime.redis import translated_errors
from projections.elements.fold import StatusRow
from projections.tables import Row
from schemas.errors import ConfigurationInvalid, DependencyUnavailable
from schemas.events import ScrubProgress

PREFIX = "artstore:discovery:"
HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Discovered:
    """An element that was heard of within the last fifteen seconds. Sizes in bytes; `damaged` versions.

    What an earlier release did not write there is None.
    """

    element_id: str
    name: str
    mode: str
    mode_epoch: int
    url: str
    total_bytes: int
    used_bytes: int
    free_bytes: int
    last_seen_at: datetime
    damaged: int | None
    scrub: ScrubProgress | None


async def discovered(redis: Redis) -> tuple[Discovered, ...]:
    """Return the elements that are there, by name. DependencyUnavailable while Redis is away: ask the view then.

    ConfigurationInvalid when it refuses this program's password.
    """
    async with translated_errors():
        keys = [key async for key in redis.scan_iter(match=f"{PREFIX}*", count=100)]
        values = await redis.mget(keys) if keys else []
    return tuple(sorted((_discovered(str(value)) for value in values if value), key=lambda found: found.name))


class DiscoveryWriter:
    """Writes heartbeats to Redis after the view has them. While Redis is away they are left out, which it says once."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._away = False

    async def tell(self, rows: Sequence[Row]) -> None:
        """Write the heartbeats among `rows` for the rest of their fifteen seconds; older ones are history."""
        now = self._clock.now()
        fresh = [(row, HEARTBEAT_SECONDS - (now - row.last_seen_at).total_seconds()) for row in _beats(rows)]
        alive = [(row, seconds) for row, seconds in fresh if seconds > 0]
        if not alive:
            return
        try:
            await self._write(alive)
        except (DependencyUnavailable, ConfigurationInvalid) as error:
            self._noticed(reason=error.detail)
        else:
            self._noticed(reason=None)

    async def _write(self, alive: Sequence[tuple[StatusRow, float]]) -> None:
        async with translated_errors():
            for row, seconds in alive:
                # A clock that is ahead must not make a dead element live longer.
                milliseconds = round(min(seconds, HEARTBEAT_SECONDS) * 1000)
                await self._redis.set(PREFIX + row.element_id, _as_text(row), px=max(1, milliseconds))

    def _noticed(self, *, reason: str | None) -> None:
        away = reason is not None
        if away != self._away:
            log = structlog.get_logger("artstore.views")
            (log.warning if away else log.info)("discovery_away" if away else "discovery_back", reason=reason)
        self._away = away


def _beats(rows: Sequence[Row]) -> list[StatusRow]:
    return [row for row in rows if isinstance(row, StatusRow)]


def _as_text(row: StatusRow) -> str:
    capacity = {"total": row.total_bytes, "used": row.used_bytes, "free": row.free_bytes}
    return json.dumps(
        {
            "element_id": row.element_id,
            "name": row.name,
            "mode": row.mode,
            "mode_epoch": row.mode_epoch,
            "url": row.url,
            "capacity": capacity,
            "at": row.last_seen_at.isoformat(),
            "damaged": row.damaged,
            "scrub": _scrub(row),
        },
        ensure_ascii=False,
    )


def _discovered(text: str) -> Discovered:
    found = json.loads(text)
    return Discovered(
        element_id=found["element_id"],
        name=found["name"],
        mode=found["mode"],
        mode_epoch=found["mode_epoch"],
        url=found["url"],
        total_bytes=found["capacity"]["total"],
        used_bytes=found["capacity"]["used"],
        free_bytes=found["capacity"]["free"],
        last_seen_at=datetime.fromisoformat(found["at"]),
        damaged=found.get("damaged"),
        scrub=None if found.get("scrub") is None else ScrubProgress.model_validate(found["scrub"]),
    )


def _scrub(row: StatusRow) -> dict[str, Any] | None:
    if row.scrub_pass is None:
        return None
    finished_at = None if row.scrub_finished_at is None else row.scrub_finished_at.isoformat()
    told = {"share": row.scrub_share, "documents": row.scrub_documents, "finished_at": finished_at}
    return {"pass_number": row.scrub_pass, **told}
