"""Loading by COPY on real servers: the rows that putting makes, by several processes, of which any may be killed."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from infra.runtime.installation import ensure_installation
from infra.runtime.metrics import Metrics
from infra.runtime.settings import Settings
from projections.batch import Batch
from projections.catalogue import DOCUMENTS, VIEWS
from projections.copying import copy_rows, drop_keys, make_keys
from projections.dead_letters import MemoryDeadLetters, ToldDeadLetters
from projections.documents.gaps import find_gaps
from projections.documents.queries import document
from projections.loaders import Ears, load_in_processes
from projections.loading import Piece, Stretch
from projections.log import ends
from projections.position import positions
from projections.rebuild import Plan, rebuild
from projections.shape import NEXT, make_indexes, make_tables
from projections.tables import Row
from projections.writing import BatchWriter, Ground
from schemas.envelope import Message
from schemas.errors import Busy, Transient
from schemas.identifiers import new_id
from schemas.registry import encode
from schemas.topics import DOCUMENT_EVENT
from tests.builders import NOW, a_document_committed, an_upload_request
from tests.projecting import (
    Bench,
    a_document,
    a_saga_step,
    a_text,
    an_identity,
    documents_view_refusing,
    flipped,
    next_state,
    no_text,
    open_bench,
    received,
    write_element,
)
from tests.records import raw

LARGE = [view for view in VIEWS if view.large]
SECONDS = 30


@pytest.fixture
async def bench(servers: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    ensure_installation(tmp_path / "keys")
    async with open_bench(servers, tmp_path) as bench:
        yield bench


async def make_next(bench: Bench) -> Ground:
    async with bench.pool.acquire() as connection, connection.transaction():
        await make_tables(connection, NEXT, "log")
        for view in LARGE:
            await drop_keys(connection, NEXT, view)
    return Ground(bench.pool, bench.settings.kafka, MemoryDeadLetters(), Metrics(), NEXT)


async def rows_in(bench: Bench, schema: str) -> dict[str, list[dict[str, object]]]:
    """All rows of large views, but for the moments at which texts were asked for."""
    found = {}
    for table in (table for view in LARGE for table in view.tables):
        records = await bench.pool.fetch(f"SELECT * FROM {schema}.{table.name}")  # noqa: S608
        rows = [{name: value for name, value in record.items() if not name.endswith("_at")} for record in records]
        found[table.name] = sorted(rows, key=str)
    return found


def states() -> list[list[Message]]:
    """What comes in several transactions: later states, repeats, equal ranks that differ, other orders, odd text."""
    first = a_document("Опись\0 дел", tags=("фонд\0",), custom={"лист\0": 5, "доля": 0.5, "да": True, "имя": "\0"})
    second, other = next_state(first, title="Опись 2"), next_state(first, title="Опись второй раз")
    fourth = next_state(next_state(second), title="Опись 4")
    request = an_upload_request()
    repeated = request.model_copy(update={"filename": "другое.txt"})
    committed = [a_document_committed(state) for state in (first, second, other, fourth)]
    return [
        [committed[0], a_text(first, "слово"), request, a_saga_step(request, 1)],
        [committed[1], no_text(first), repeated, a_saga_step(request, 1, step="другой"), a_saga_step(request, 2)],
        [committed[2], committed[0], a_text(first, "слова", text_version=2), a_saga_step(request, 3, problem="{}")],
        [committed[3], committed[1], a_saga_step(request, 2, problem='{"a": "\\u0000 \\ud800"}')],
    ]


async def test_copied_rows_are_those_that_are_put_one_by_one(bench: Bench) -> None:
    await make_next(bench)
    for number, messages in enumerate(states()):
        each = [received(message, 10 * number + place) for place, message in enumerate(messages)]
        for view in LARGE:
            rows = [row for one in each for row in view.fold(one)]
            async with bench.pool.acquire() as connection, connection.transaction():
                await view.put(connection, "views", rows)
                await copy_rows(connection, NEXT, view, rows)
    async with bench.pool.acquire() as connection:
        assert await find_gaps(connection, NEXT) == 1
        for view in LARGE:
            await make_keys(connection, NEXT, view)
    put, copied = await rows_in(bench, "views"), await rows_in(bench, NEXT)
    assert copied == put
    assert [len(copied[name]) for name in ("documents", "versions", "texts", "requests", "sagas")] == [1, 1, 1, 1, 1]
    assert copied["sagas"][0]["version"] == 3
    assert copied["documents"][0]["attr_seq"] == 4


async def test_rebuilt_tables_have_the_columns_keys_and_indexes_of_fresh_ones(bench: Bench) -> None:
    await make_next(bench)
    async with bench.pool.acquire() as connection:
        for view in VIEWS:
            if view.large:
                await make_keys(connection, NEXT, view)
            async with connection.transaction():
                await make_indexes(connection, NEXT, view)
    columns = """
        SELECT table_name, column_name, data_type, is_nullable, column_default, is_generated, collation_name
        FROM information_schema.columns WHERE table_schema = $1 ORDER BY 1, ordinal_position
    """
    assert await bench.pool.fetch(columns, "views") == await bench.pool.fetch(columns, NEXT)
    indexes = "SELECT replace(indexdef, $1 || '.', '') FROM pg_indexes WHERE schemaname = $1 ORDER BY indexname"
    assert await bench.pool.fetch(indexes, "views") == await bench.pool.fetch(indexes, NEXT)


async def test_a_row_that_copy_refuses_is_given_up_alone_and_the_position_moves_with_the_others(bench: Bench) -> None:
    ground, letters = await make_next(bench), MemoryDeadLetters()
    titles = ("раз", "плохой", "два", "три")
    records = [raw(a_document_committed(a_document(title)), offset) for offset, title in enumerate(titles)]

    async def nothing(_batch: Batch, _rows: Sequence[Row]) -> None:
        """Do nothing."""

    view = documents_view_refusing("плохой")
    writer = BatchWriter(view, replace(ground, letters=letters), nothing, copy_rows, traced=False)
    assert await writer.write(Batch((DOCUMENT_EVENT, 3), 0, records))
    assert [row["title"] for row in await bench.pool.fetch(f"SELECT title FROM {NEXT}.documents")] == [  # noqa: S608
        "раз",
        "два",
        "три",
    ]
    assert [letter.headers["dl_source_offset"] for letter in letters.letters] == ["1"]
    assert (await positions(bench.pool, NEXT, "documents"))[DOCUMENT_EVENT, 3] == 4
    assert not await writer.write(Batch((DOCUMENT_EVENT, 3), 0, records))


async def test_several_processes_load_what_one_does_and_tell_what_they_give_up(bench: Bench, tmp_path: Path) -> None:
    root, identity = tmp_path / "hot", an_identity(new_id(NOW))
    documents = [a_document(f"{number}") for number in range(20)]
    broken = a_document("битый")
    write_element(root, identity, (*documents, broken))
    path = next(root.rglob(f"{broken.document_id}*"))
    path.write_bytes(flipped(broken.sealed()))
    record = encode(a_document_committed(broken))
    await bench.publish(*map(a_document_committed, documents), replace(record, key=b"other"))
    reports = []
    for source, processes in (("log", 1), ("log", 3), ("attributes", 1), ("attributes", 3)):
        lines: list[str] = []
        plan = Plan(source, (root,), 0, allow_missing=True, processes=processes)  # type: ignore[arg-type]
        report = await rebuild(bench.settings, plan, lines.append)
        rows = await bench.pool.fetch(
            "SELECT * FROM views.documents WHERE document_id = ANY($1::text[]) ORDER BY document_id",
            [each.document_id for each in documents],
        )
        assert len(rows) == 20
        told = sorted(line.split(": log")[0] for line in lines if line.startswith(("given up", "broken")))
        reports.append((source, list(map(dict, rows)), [each.path for each in report.broken], report.letters, told))
    assert reports[0] == reports[1]
    assert reports[2] == reports[3]
    assert reports[0][1] == reports[2][1]
    assert reports[3][2] == [path]
    assert "given up by projector-timeline" in reports[3][4]


async def test_a_rebuild_that_was_cut_off_is_begun_again_and_the_live_views_never_noticed(bench: Bench) -> None:
    kept = a_document("Прежний")
    await bench.publish(a_document_committed(kept))
    await bench.project(*VIEWS)
    for last in ("loaded in", "indexes:"):

        def cut(line: str, last: str = last) -> None:
            if line.startswith(last):
                raise SystemError(line)

        with pytest.raises(SystemError):
            await rebuild(bench.settings, Plan("log", text_seconds=0), cut)
        assert await document(bench.pool, kept.document_id) is not None
        assert await bench.pool.fetchval(f"SELECT count(*) > 0 FROM {NEXT}.documents")  # noqa: S608
    report = await rebuild(bench.settings, Plan("log", text_seconds=0), lambda _: None)
    assert report.comparison is not None
    assert report.comparison.missing == 0
    assert await document(bench.pool, kept.document_id) is not None


@asynccontextmanager
async def held_up(bench: Bench) -> AsyncIterator[None]:
    """Let whoever loads the views wait in the middle of a transaction."""
    async with bench.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"LOCK TABLE {NEXT}.documents IN ACCESS EXCLUSIVE MODE")
        yield


async def loading(bench: Bench, count: int) -> None:
    """Wait until so many processes hang in the middle of a transaction, or, for 0, until none is connected."""
    statement = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'artstore-rebuild-load' AND ($1 = 0 OR wait_event_type = 'Lock')
    """
    async with asyncio.timeout(SECONDS):
        while await bench.pool.fetchval(statement, count) != count:  # noqa: ASYNC110 - the database has no event
            await asyncio.sleep(0.05)


def children() -> list[int]:
    """The loading processes that this one has begun."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            command = (stat.parent / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == os.getpid() and b"projections.loaders" in command:
            found.append(int(stat.parent.name))
    return found


async def two_pieces(bench: Bench) -> list[Piece]:
    """Every partition that holds a document, dealt to two processes; there are documents in both."""
    await bench.publish(*(a_document_committed(a_document(f"{number}")) for number in range(60)))
    until = await ends(bench.settings.kafka, DOCUMENTS.partitions)
    stretches = [Stretch(partition, end, (DOCUMENTS.name,)) for partition, end in until.items() if end]
    return [Piece(tuple(stretches[number::2]), (), number, 2) for number in range(2)]


async def test_one_killed_process_ends_the_load_and_all_others_with_it(bench: Bench) -> None:
    ground, work = await make_next(bench), await two_pieces(bench)
    letters = ToldDeadLetters(lambda _: None)
    ears = Ears(lambda _: None, letters.tell)
    async with held_up(bench):
        kafka, postgres = bench.settings.kafka, bench.settings.postgres
        task = asyncio.create_task(load_in_processes(kafka, postgres, NEXT, work, ears))
        await loading(bench, 2)
        assert len(children()) == 2
        os.kill(children()[0], signal.SIGKILL)
        with pytest.raises(Transient, match="-9"):
            await task
        assert children() == []
    await loading(bench, 0)
    assert sum((await positions(ground.pool, NEXT, "documents")).values()) == 0
    assert await bench.pool.fetchval(f"SELECT count(*) FROM {NEXT}.documents") == 0  # noqa: S608
    await load_in_processes(bench.settings.kafka, bench.settings.postgres, NEXT, work, ears)
    assert await bench.pool.fetchval(f"SELECT count(*) >= 60 FROM {NEXT}.documents")  # noqa: S608
    # A second load of the same views is fenced by the positions that the first one has left.
    with pytest.raises(Busy):
        await load_in_processes(bench.settings.kafka, bench.settings.postgres, NEXT, work, ears)


async def test_a_loading_process_ends_with_whoever_began_it(bench: Bench) -> None:
    await make_next(bench)
    postgres = bench.settings.postgres
    given = {
        "kafka": bench.settings.kafka.model_dump(mode="json"),
        "postgres": {**postgres.model_dump(mode="json"), "dsn": postgres.required_dsn()},
        "schema": NEXT,
        "piece": asdict((await two_pieces(bench))[0]),
    }
    async with held_up(bench):
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "projections.loaders"), stdin=asyncio.subprocess.PIPE
        )
        assert program.stdin is not None
        program.stdin.write(json.dumps(given).encode() + b"\n")
        await loading(bench, 1)
        program.stdin.close()
        async with asyncio.timeout(SECONDS):
            assert await program.wait() == 1
    await loading(bench, 0)
