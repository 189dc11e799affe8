"""Rebuilding the views beside the live ones, from the log or from the disks, and swapping them in one moment."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

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
from projections.copying import drop_keys, make_keys
from projections.dead_letters import ToldDeadLetters
from projections.disk import Broken, count_files, roots_in
from projections.loaders import Ears, all_or_none, few_collections, load_in_processes, pieces
from projections.loading import Stretch, load
from projections.log import ends
from projections.position import Partition, place, positions
from projections.projector import Ground, Projector
from projections.shape import NEXT, PREVIOUS, REBUILD_LOCK, analyze, drop, make_indexes, make_tables, swap
from projections.texts.queries import TextStore
from projections.texts.worker import TextWorker
from projections.view import View
from schemas.errors import Busy, PreconditionFailed, Transient
from schemas.topics import DOCUMENT_EVENT, ELEMENT_EVENT

Source = Literal["log", "attributes"]
Tell = Callable[[str], None]

RECORDS_AT_ONCE = 2000
TELL_SECONDS = 2.0
PASSES_MAX = 5
SMALL_LAG_RECORDS = 100
SORT_MEMORY = "256MB"  # of the database, for each index while it is made
STATEMENT_SECONDS = 6 * 3600.0  # an index over millions of texts takes its time
TEXT_PAUSE_SECONDS = 0.2
# What was stored so short before the start may have reached only the live views when they are compared.
UNSETTLED = timedelta(minutes=1)

LARGE = tuple(view for view in VIEWS if view.large)

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
    the live views are missing from the rebuilt ones. `processes`: how many load at once; None: as it is worth.
    """

    source: Source
    roots: tuple[Path, ...] = ()
    text_seconds: float = 60.0
    allow_missing: bool = False
    processes: int | None = None


@dataclass(frozen=True)
class Work:
    """What the steps of one rebuild share."""

    settings: Settings
    pool: asyncpg.Pool
    tell: Tell
    letters: ToldDeadLetters
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def ground(self) -> Ground:
        """Where the fresh views stand."""
        return Ground(self.pool, self.settings.kafka, self.letters, self.metrics, NEXT)


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
        broken = await _load(work, roots, plan.processes)
        await _index(work, plan.source)
        await _catch_up(work)
        waiting = await _texts(work, plan.text_seconds)
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
        try:
            yield
        finally:
            await connection.reset()


async def _begin(pool: asyncpg.Pool, source: Source) -> None:
    async with translated_errors(), pool.acquire() as connection, connection.transaction():
        await drop(connection, NEXT)
        await make_tables(connection, NEXT, source)
        for view in LARGE:
            await drop_keys(connection, NEXT, view)


async def _load(work: Work, roots: Sequence[Path], processes: int | None) -> tuple[Broken, ...]:
    """Fill the views from their beginning. What is committed while the disks are read is read from the log behind."""
    noted = {view: await ends(work.settings.kafka, _partitions(view, topic)) for view, topic in FROM_DISK if roots}
    stretches = await _stretches(work, frozenset(view.name for view in noted))
    files = count_files(roots)
    if roots:
        work.tell(f"disks: {files} files")
    shared, broken = pieces(stretches, roots, files, processes), list[Broken]()

    def tell_broken(found: Broken) -> None:
        broken.append(found)
        work.tell(f"broken: {found}")

    started = time.monotonic()
    here, *others = shared
    ears, postgres = Ears(tell_broken, work.letters.tell), _patient(work.settings.postgres)
    with few_collections():
        async with _loading_told(work, stretches):
            await all_or_none(
                load(work.ground, here, tell_broken),
                load_in_processes(work.settings.kafka, postgres, NEXT, others, ears),
            )
    async with translated_errors(), work.pool.acquire() as connection, connection.transaction():
        for view, offsets in noted.items():
            await place(connection, NEXT, view.name, offsets)
    work.tell(f"loaded in {time.monotonic() - started:.1f} s, {len(broken)} files broken")
    return tuple(broken)


async def _stretches(work: Work, from_disk: frozenset[str]) -> tuple[Stretch, ...]:
    """Return what is to be loaded from the log: all partitions of large views, unless they come from the disks."""
    views: dict[Partition, list[str]] = {}
    for view in LARGE:
        if view.name not in from_disk:
            for partition in view.partitions:
                views.setdefault(partition, []).append(view.name)
    until = await ends(work.settings.kafka, views)
    return tuple(Stretch(partition, until[partition], tuple(names)) for partition, names in views.items())


def _missing(comparison: Comparison) -> str:
    return (
        f"{comparison.missing} documents of the live views are missing from the rebuilt ones, so these did not take "
        "their place. Name the root of every element with --root, or pass --allow-missing."
    )


async def _from_log(work: Work) -> int:
    """Bring every view to the present end of the log; return how many records that were."""
    until = await ends(work.settings.kafka, {partition for view in VIEWS for partition in view.partitions})
    projectors = [Projector(view, work.ground, records_at_once=RECORDS_AT_ONCE) for view in VIEWS]
    await _all([_one_view(work, projector, until) for projector in projectors])
    return sum(projector.progress.moved for projector in projectors)


async def _one_view(work: Work, projector: Projector, until: Mapping[Partition, int]) -> None:
    async with _told(work.tell, projector):
        await projector.catch_up({partition: until[partition] for partition in projector.view.partitions})


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all at once. Every one ends before an error of one is told: nothing runs on behind."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if outcome is not None:
            raise outcome


async def _index(work: Work, source: Source) -> None:
    """Make keys and indexes, of several views at once: the database may have more than one processor."""
    started = time.monotonic()
    await _all([_index_view(work, view, source) for view in VIEWS])
    work.tell(f"indexes: {time.monotonic() - started:.1f} s")


async def _index_view(work: Work, view: View, source: Source) -> None:
    async with translated_errors(), work.pool.acquire() as connection:
        if view.find and source == "log":
            await view.find(connection, NEXT)
        await connection.execute(f"SET maintenance_work_mem TO '{SORT_MEMORY}'")
        if view.large:
            await make_keys(connection, NEXT, view)
        async with connection.transaction():
            await make_indexes(connection, NEXT, view)
        for table in view.tables:
            await analyze(connection, NEXT, table)
        await connection.reset()


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
    await _catch_up(work)
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

    async def line() -> str:
        progress = projector.progress
        left = f", {progress.behind} left" if progress.behind else ""
        return f"{projector.view.name}: {progress.moved} records, {_rate(progress.moved, started)}{left}"

    async with _now_and_then(tell, line):
        yield
    if projector.progress.moved:
        tell(await line())


@contextlib.asynccontextmanager
async def _loading_told(work: Work, stretches: Sequence[Stretch]) -> AsyncIterator[None]:
    """Tell now and then how far the load of the log is, as it stands in the database."""
    started, whole = time.monotonic(), sum(each.until * len(each.views) for each in stretches)

    async def line() -> str:
        done = 0
        for view in LARGE:
            held = await positions(work.pool, NEXT, view.name)
            done += sum(held[each.partition] for each in stretches if view.name in each.views)
        return f"log: {done} of {whole} records by view, {_rate(done, started)}"

    async with _now_and_then(work.tell, line):
        yield


@contextlib.asynccontextmanager
async def _now_and_then(tell: Tell, line: Callable[[], Awaitable[str]]) -> AsyncIterator[None]:
    async def telling() -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            # Progress that cannot be asked for now is no reason to fail: whoever works will say what is wrong.
            with contextlib.suppress(Transient):
                tell(await line())

    task = asyncio.create_task(telling())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _partitions(view: View, topic: str) -> list[tuple[str, int]]:
    return [partition for partition in view.partitions if partition[0] == topic]


def _rate(count: int, started: float) -> str:
    return f"{count / max(time.monotonic() - started, 0.001):.0f}/s"
