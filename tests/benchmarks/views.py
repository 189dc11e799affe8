"""Cases of the read side: search over HTTP beside the same SQL, a rebuild beside COPY, an empty request beside none."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib.resources import files
from urllib.parse import quote
from uuid import uuid4

import asyncpg

from infra.runtime.kafka import open_producer
from infra.runtime.postgres import open_pool
from projections.catalogue import DOCUMENTS, VIEWS
from projections.documents.snippets import plain_words
from projections.log import ends
from projections.position import positions
from projections.rebuild import Plan, rebuild
from projections.words import CONFIGURATION, normal_query
from schemas.registry import encode
from tests.benchmarks.figures import RAW, Measured, percentile
from tests.benchmarks.ground import Ground, raw_receiver, timed
from tests.benchmarks.path import WORDS, require
from tests.benchmarks.whole_path import OURS
from tests.benchmarks.wire import Connection, connected
from tests.builders import NOW, a_document_committed
from tests.projecting import a_document

SENT_AT_ONCE = 500
FOLD_SECONDS = 900.0
PAGE = 20
COPIED = "copied"


async def fill(ground: Ground) -> Measured:
    """Put made-up documents on the log and wait until the views hold them."""
    count = ground.sizes.corpus

    async def work() -> Mapping[str, float]:
        begun = time.perf_counter()
        await _publish(ground, count)
        await _folded(ground)
        return {"folded/s": count / (time.perf_counter() - begun)}

    return await timed(f"log to views, {count} documents", OURS, ground.processes, work)


async def _publish(ground: Ground, count: int) -> None:
    async with open_producer(ground.stack.settings.kafka, "artstore-benchmark") as producer:
        for start in range(0, count, SENT_AT_ONCE):
            sent = []
            for number in range(start, min(start + SENT_AT_ONCE, count)):
                words = " ".join(WORDS[(number // 10**place) % 10] for place in range(6))
                made = a_document(f"{words} {number}", f"дело-{number}.txt", now=NOW + timedelta(milliseconds=number))
                record = encode(a_document_committed(made))
                headers = [(name, value.encode()) for name, value in record.headers.items()]
                sent.append(await producer.send(record.topic, record.value, record.key, headers=headers))
            await asyncio.gather(*sent)


async def _folded(ground: Ground) -> None:
    until = await ends(ground.stack.settings.kafka, DOCUMENTS.partitions)
    async with asyncio.timeout(FOLD_SECONDS), open_pool(ground.stack.settings.postgres, "artstore-benchmark") as pool:
        while True:
            held = await positions(pool, "views", DOCUMENTS.name)
            if all(held.get(place, 0) >= end for place, end in until.items()):
                return
            await asyncio.sleep(0.2)


async def search(ground: Ground) -> list[Measured]:
    """Search for words that one in a hundred documents holds: over HTTP, and the ranking SQL alone."""
    asked = [f"дело-{random.randrange(ground.sizes.corpus)}" for _ in range(ground.sizes.searches)]  # noqa: S311
    case = f"search, {ground.sizes.corpus} documents"
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(connected(ground.visitor.url))
        pool = await stack.enter_async_context(open_pool(ground.stack.settings.postgres, "artstore-benchmark"))
        tasks = [
            timed(case, OURS, ground.processes, lambda: _searched(ground, gateway, asked)),
            timed(case, RAW, ground.processes, lambda: _selected(pool, asked)),
        ]
        random.shuffle(tasks)
        return [await each for each in tasks]


async def _searched(ground: Ground, gateway: Connection, asked: list[str]) -> Mapping[str, float]:
    seconds = []
    for words in asked:
        url = f"{ground.visitor.url}/api/v1/search?limit={PAGE}&q={quote(words)}"
        begun = time.perf_counter()
        found = require(await gateway.ask("GET", url, ground.visitor.headers), 200)
        seconds.append(time.perf_counter() - begun)
        assert found["items"], words
    return _latency(seconds)


async def _selected(pool: asyncpg.Pool, asked: list[str]) -> Mapping[str, float]:
    statement = files("projections.documents").joinpath("search.sql").read_text(encoding="utf-8")
    seconds = []
    async with pool.acquire() as connection:
        for words in asked:
            begun = time.perf_counter()
            query = await connection.fetchval(
                "SELECT websearch_to_tsquery($1::text::regconfig, $2)::text", CONFIGURATION, normal_query(words)
            )
            assert await connection.fetch(statement, query, plain_words(query), None, None, PAGE + 1), words
            seconds.append(time.perf_counter() - begun)
    return _latency(seconds)


def _latency(seconds: list[float]) -> dict[str, float]:
    return {"p50 ms": percentile(seconds, 0.5) * 1000, "p99 ms": percentile(seconds, 0.99) * 1000}


async def rebuilt(ground: Ground) -> list[Measured]:
    """Rebuild all views from the log, and copy the rows of the views, ready in binary, into tables of the same form.

    Raw is COPY alone, into the same columns (those computed from others too), keys and indexes, committed as durably;
    `raw, indexes after` makes keys and indexes behind it, as the rebuild does. Ours reads, decodes, folds, compares and
    swaps besides.
    """
    case = "rebuild from the log"
    settings = ground.stack.settings
    async with open_pool(settings.postgres, "artstore-benchmark") as pool:
        rows = await _rows(pool)

        async def ours() -> Mapping[str, float]:
            begun = time.perf_counter()
            await rebuild(settings, Plan("log", text_seconds=0.0), lambda _: None)
            return {"rows/s": rows / (time.perf_counter() - begun)}

        async def raw() -> Mapping[str, float]:
            return {"rows/s": rows / await _copied(pool)}

        async def raw_after() -> Mapping[str, float]:
            return {"rows/s": rows / await _copied(pool, indexes_after=True)}

        tasks = [
            timed(case, OURS, ground.processes, ours),
            timed(case, RAW, ground.processes, raw),
            timed(case, f"{RAW}, indexes after", ground.processes, raw_after),
        ]
        random.shuffle(tasks)
        return [await each for each in tasks]


def _tables() -> list[str]:
    return [table.name for view in VIEWS for table in view.tables]


async def _rows(pool: asyncpg.Pool) -> int:
    return sum([await pool.fetchval(f"SELECT count(*) FROM views.{name}") for name in _tables()])  # noqa: S608


async def _copied(pool: asyncpg.Pool, *, indexes_after: bool = False) -> float:
    """Return the seconds of COPY in, binary, into tables with the same keys and indexes, or of both one by one."""
    seconds = 0.0
    async with pool.acquire() as connection:
        await connection.execute(f"DROP SCHEMA IF EXISTS {COPIED} CASCADE; CREATE SCHEMA {COPIED}")
        for name in _tables():
            plain = await _plain_columns(connection, name)
            data = bytearray()

            async def keep(piece: bytes, data: bytearray = data) -> None:
                data += piece

            await connection.copy_from_table(
                name, schema_name="views", columns=plain, output=keep, format="binary", timeout=FOLD_SECONDS
            )
            like = "INCLUDING ALL EXCLUDING INDEXES" if indexes_after else "INCLUDING ALL"
            await connection.execute(f"CREATE TABLE {COPIED}.{name} (LIKE views.{name} {like})")
            indexes = await _indexes(connection, name) if indexes_after else []
            begun = time.perf_counter()
            await connection.copy_to_table(
                name, schema_name=COPIED, columns=plain, source=_pieces(data), format="binary", timeout=FOLD_SECONDS
            )
            for index in indexes:
                await connection.execute(index)
            seconds += time.perf_counter() - begun
        await connection.execute(f"DROP SCHEMA {COPIED} CASCADE")
    return seconds


async def _indexes(connection: asyncpg.Connection, name: str) -> list[str]:
    statement = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'views' AND tablename = $1"
    found = await connection.fetch(statement, name)
    return [row["indexdef"].replace(f" ON views.{name} ", f" ON {COPIED}.{name} ") for row in found]


async def _pieces(data: bytearray) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1 << 20):
        yield bytes(data[start : start + (1 << 20)])


async def _plain_columns(connection: asyncpg.Connection, name: str) -> list[str]:
    """Return the columns that are not computed from others."""
    found = await connection.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'views' AND table_name = $1"
        " AND is_generated = 'NEVER' ORDER BY ordinal_position",
        name,
    )
    return [row["column_name"] for row in found]


async def empty_requests(ground: Ground) -> list[Measured]:
    """Ask the gateway whether it lives, and a bare application for nothing, over one connection."""
    count = ground.sizes.empties

    async def asked(url: str) -> Mapping[str, float]:
        async with connected(url) as connection:
            begun = time.perf_counter()
            for _ in range(count):
                assert (await connection.ask("GET", url)).status == 200
            return {"us per request": (time.perf_counter() - begun) / count * 1e6}

    async with raw_receiver(ground.folder / uuid4().hex) as (url, pid):
        ours = f"{ground.visitor.url}/health/live"
        tasks = [
            timed("empty request", OURS, {"gateway": ground.processes["gateway"]}, lambda: asked(ours)),
            timed("empty request", RAW, {RAW: pid}, lambda: asked(f"{url}/")),
        ]
        random.shuffle(tasks)
        return [await each for each in tasks]
