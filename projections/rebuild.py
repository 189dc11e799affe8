"""Rebuilding the views beside the live ones, from the log or from the disks, and swapping them in one moment."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

import asyncpg

from infra.runtime.clock import SystemClock
from infra.runtime.kafka import require_topics
from infra.runtime.metrics import Metrics
from infra.runtime.postgres import open_pool, translated_errors
from infra.runtime.settings import Settings
from infra.runtime.settings_sections import PostgresSettings
from projections.app import agent_texts, open_text_client
from projections.catalogue import DOCUMENTS, ELEMENTS, VIEWS
from projections.compare import Comparison, compared
from projections.dead_letters import ToldDeadLetters
from projections.disk import Broken, roots_in, scan
from projections.log import ends
from projections.position import place
from projections.projector import Ground, Projector
from projections.shape import NEXT, PREVIOUS, REBUILD_LOCK, drop, make_indexes, make_tables, swap
from projections.tables import Row
from projections.texts.queries import TextStore
from projections.texts.worker import TextWorker
from projections.view import View
from schemas.errors import Busy, PreconditionFailed
from schemas.topics import DOCUMENT_EVENT, ELEMENT_EVENT

Source = Literal["log", "attributes"]
Tell = Callable[[str], None]

RECORDS_AT_ONCE = 2000
ROWS_AT_ONCE = 2000
TELL_SECONDS = 2.0
PASSES_MAX = 5
SMALL_LAG_RECORDS = 100
STATEMENT_SECONDS = 6 * 3600.0  # an index over millions of texts takes its time
TEXT_PAUSE_SECONDS = 0.2
# What was stored so short before the start may have reached only the live views when they are compared.
UNSETTLED = timedelta(minutes=1)

# The views whose tables lie on the disks too, and the topic from whose noted end each of them goes on.
FROM_DISK = ((DOCUMENTS, DOCUMENT_EVENT), (ELEMENTS, ELEMENT_EVENT))


@dataclass(frozen=True)
class Report:
    """What a rebuild came to. `letters` counts records given up, once per view; `waiting` texts not fetched yet."""

    broken: tuple[Broken, ...]
    letters: int
    waiting: int
    comparison: Comparison | None
    seconds: float

    @property
    def whole(self) -> bool:
        """Tell whether nothing was left out."""
        missing = self.comparison.missing if self.comparison else 0
        return not self.broken and not self.letters and not missing


@dataclass(frozen=True)
class Plan:
    """What to build from. `roots`: element folders for `attributes` (none: all below the home).

    `text_seconds`: longest wait for texts; the projector fetches the rest. `allow_missing`: swap even if documents of
    the live views are missing from the rebuilt ones.
    """

    source: Source
    roots: tuple[Path, ...] = ()
    text_seconds: float = 60.0
    allow_missing: bool = False


@dataclass(frozen=True)
class Work:
    """What the steps of one rebuild share."""

    settings: Settings
    pool: asyncpg.Pool
    tell: Tell
    letters: ToldDeadLetters
    metrics: Metrics = field(default_factory=Metrics)


async def rebuild(settings: Settings, plan: Plan, tell: Tell) -> Report:
    """Fill fresh views, compare them with the live ones, and swap. Questions and projectors go on meanwhile.

    Busy while another rebuild runs; PreconditionFailed, and no swap, when documents would be missing;
    ConfigurationInvalid; Transient.
    """
    started, clock = time.monotonic(), SystemClock()
    settled = clock.now() - UNSETTLED
    roots = roots_in(settings.home, plan.roots) if plan.source == "attributes" else ()
    await require_topics(settings.kafka)
    async with open_pool(_patient(settings.postgres), "artstore-rebuild") as pool, _alone(pool):
        work = Work(settings, pool, tell, ToldDeadLetters(tell))
        await _begin(pool, plan.source)
        broken = await _from_disk(work, roots) if roots else ()
        await _from_log(work)
        await _index(work)
        waiting = await _texts(work, plan.text_seconds)
        await _catch_up(work)
        async with translated_errors(), pool.acquire() as connection:
            comparison = await compared(connection, settled)
        if comparison and comparison.missing and not plan.allow_missing:
            raise PreconditionFailed(_missing(comparison))
        await _swap(pool)
    return Report(broken, work.letters.count, waiting, comparison, time.monotonic() - started)


def _patient(settings: PostgresSettings) -> PostgresSettings:
    return settings.model_copy(update={"statement_timeout_seconds": STATEMENT_SECONDS})


@contextlib.asynccontextmanager
async def _alone(pool: asyncpg.Pool) -> AsyncIterator[None]:
    """Hold the lock of rebuilds as long as this connection lives."""
    async with translated_errors(), pool.acquire() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", REBUILD_LOCK):
            raise Busy("Another rebuild is running. Wait for its end.")
        yield


async def _begin(pool: asyncpg.Pool, source: Source) -> None:
    async with translated_errors(), pool.acquire() as connection, connection.transaction():
        await drop(connection, NEXT)
        await make_tables(connection, NEXT, source)


async def _from_disk(work: Work, roots: Sequence[Path]) -> tuple[Broken, ...]:
    """Put what the disks say. The ends of the log are noted before: what is committed meanwhile is read from there."""
    noted = {view: await ends(work.settings.kafka, _partitions(view, topic)) for view, topic in FROM_DISK}
    broken: list[Broken] = []
    rows: list[Row] = []
    count, started = 0, time.monotonic()
    for found in scan(roots):
        if isinstance(found, Broken):
            broken.append(found)
            work.tell(f"broken: {found}")
            continue
        rows += found
        count += 1
        if len(rows) >= ROWS_AT_ONCE:
            await _put(work.pool, rows)
            rows = []
            work.tell(f"disks: {count} files, {_rate(count, started)}")
    await _put(work.pool, rows)
    async with translated_errors(), work.pool.acquire() as connection, connection.transaction():
        for view, offsets in noted.items():
            await place(connection, NEXT, view.name, offsets)
    work.tell(f"disks: {count} files, {_rate(count, started)}, {len(broken)} broken")
    return tuple(broken)


async def _put(pool: asyncpg.Pool, rows: Sequence[Row]) -> None:
    async with translated_errors(), pool.acquire() as connection, connection.transaction():
        for view, _ in FROM_DISK:
            await view.put(connection, NEXT, rows)


def _missing(comparison: Comparison) -> str:
    return (
        f"{comparison.missing} documents of the live views are missing from the rebuilt ones, so these did not take "
        "their place. Name the root of every element with --root, or pass --allow-missing."
    )


async def _from_log(work: Work) -> int:
    """Bring every view to the present end of the log; return how many records that were."""
    ground = Ground(work.pool, work.settings.kafka, work.letters, work.metrics, NEXT)
    return sum([await _one_view(work, Projector(view, ground, records_at_once=RECORDS_AT_ONCE)) for view in VIEWS])


async def _one_view(work: Work, projector: Projector) -> int:
    until = await ends(work.settings.kafka, projector.view.partitions)
    async with _told(work.tell, projector):
        await projector.catch_up(until)
    return projector.progress.moved


async def _index(work: Work) -> None:
    started = time.monotonic()
    async with translated_errors(), work.pool.acquire() as connection, connection.transaction():
        await make_indexes(connection, NEXT)
    async with translated_errors(), work.pool.acquire() as connection:
        for view in VIEWS:
            for table in view.tables:
                await connection.execute(f"ANALYZE {NEXT}.{table.name}")
    work.tell(f"indexes: {time.monotonic() - started:.1f} s")


async def _catch_up(work: Work) -> None:
    """Read what came meanwhile, until little is left for the projector to read after the swap."""
    for _ in range(PASSES_MAX):
        if await _from_log(work) <= SMALL_LAG_RECORDS:
            return


async def _texts(work: Work, seconds: float) -> int:
    """Fetch texts from the agents for at most `seconds`; return how many are still to come."""
    store = TextStore(work.pool, NEXT)
    started, waiting = time.monotonic(), await store.waiting()
    if not waiting:
        return 0
    work.tell(f"texts: {waiting} to fetch")
    silence = work.settings.projector.text_unavailable_seconds
    async with open_text_client() as client:
        source = agent_texts(work.settings, client)
        worker = TextWorker(store, source, SystemClock(), work.metrics, silence)
        while waiting and time.monotonic() - started < seconds:
            if not await worker.round():
                await asyncio.sleep(TEXT_PAUSE_SECONDS)
            waiting = await store.waiting()
    work.tell(f"texts: {waiting} left for the projector")
    return waiting


async def _swap(pool: asyncpg.Pool) -> None:
    async with translated_errors(), pool.acquire() as connection:
        async with connection.transaction():
            await swap(connection)
        # Apart from the swap: it waits for questions that still read the old views.
        await drop(connection, PREVIOUS)


@contextlib.asynccontextmanager
async def _told(tell: Tell, projector: Projector) -> AsyncIterator[None]:
    """Tell how far a view is, now and then, and at its end."""
    started = time.monotonic()

    def line() -> str:
        progress = projector.progress
        left = f", {progress.behind} left" if progress.behind else ""
        return f"{projector.view.name}: {progress.moved} records, {_rate(progress.moved, started)}{left}"

    async def now_and_then() -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            tell(line())

    telling = asyncio.create_task(now_and_then())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait({telling})
    if projector.progress.moved:
        tell(line())


def _partitions(view: View, topic: str) -> list[tuple[str, int]]:
    return [partition for partition in view.partitions if partition[0] == topic]


def _rate(count: int, started: float) -> str:
    return f"{count / max(time.monotonic() - started, 0.001):.0f}/s"
