"""What was read of several partitions at once is written at once, on a real PostgreSQL: all of it or nothing."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from infra.runtime.postgres import open_pool
from infra.runtime.settings import Settings
from projections.batch import Batch
from projections.catalogue import DOCUMENTS
from projections.dead_letters import MemoryDeadLetters
from projections.documents.queries import document
from projections.position import positions
from projections.reading import LIVE
from projections.tables import Row
from projections.writing import BatchWriter
from schemas.attributes import Attributes
from schemas.topics import DOCUMENT_EVENT
from tests.builders import a_document_committed
from tests.projecting import Bench, a_document, documents_view_refusing, open_bench
from tests.records import raw


@pytest.fixture
async def bench(servers: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(servers, tmp_path) as bench:
        yield bench


def batches(*parts: tuple[int, int, Attributes]) -> list[Batch]:
    """One record for each (partition, offset, attributes)."""
    return [
        Batch((DOCUMENT_EVENT, number), start, (raw(a_document_committed(attributes), start),))
        for number, start, attributes in parts
    ]


def titled(title: str) -> Attributes:
    return a_document(title=title)


async def stored(bench: Bench) -> dict[int, int]:
    found = await positions(bench.pool, LIVE, DOCUMENTS.name)
    return {number: offset for (topic, number), offset in found.items() if topic == DOCUMENT_EVENT and offset}


async def test_batches_of_several_partitions_are_written_in_one_transaction(bench: Bench) -> None:
    told: list[tuple[int, int]] = []

    async def note(batch: Batch, rows: Sequence[Row]) -> None:
        told.append((batch.partition[1], len(rows)))
        # Whoever is told of one partition finds the rows of all.
        assert [await document(bench.pool, each.document_id) for each in (first, second)].count(None) == 0

    first, second = titled("раз"), titled("два")
    writer = BatchWriter(DOCUMENTS, bench.ground(), note)
    assert await writer.write_together(batches((3, 0, first), (5, 0, second)))
    assert (await stored(bench), [number for number, _ in told]) == ({3: 1, 5: 1}, [3, 5])


async def test_nothing_is_written_when_the_view_stands_elsewhere(bench: Bench) -> None:
    async def note(_batch: Batch, _rows: Sequence[Row]) -> None:
        """Do nothing."""

    first, second, third = titled("раз"), titled("два"), titled("три")
    writer = BatchWriter(DOCUMENTS, bench.ground(), note)
    assert await writer.write_together(batches((5, 0, first)))
    assert not await writer.write_together(batches((3, 0, second), (5, 0, third)))
    assert await stored(bench) == {5: 1}
    assert [await document(bench.pool, each.document_id) for each in (second, third)] == [None, None]


async def test_a_row_that_is_refused_in_one_partition_stops_none_in_the_others(bench: Bench) -> None:
    async def note(_batch: Batch, _rows: Sequence[Row]) -> None:
        """Do nothing."""

    first, bad, last = titled("раз"), titled("плохой"), titled("два")
    letters = MemoryDeadLetters()
    writer = BatchWriter(documents_view_refusing("плохой"), bench.ground(letters), note)
    assert await writer.write_together(batches((1, 0, first), (2, 0, bad), (3, 0, last)))
    assert await stored(bench) == {1: 1, 2: 1, 3: 1}
    found = [await document(bench.pool, each.document_id) for each in (first, bad, last)]
    assert [each is not None for each in found] == [True, False, True]
    assert [letter.key for letter in letters.letters] == [bad.document_id.encode()]


async def test_a_transaction_that_was_left_open_is_nobody_elses(bench: Bench) -> None:
    one_connection = bench.settings.postgres.model_copy(update={"pool_size": 1})
    async with open_pool(one_connection, "artstore-test") as pool:
        connection = await pool.acquire()
        await connection.execute("BEGIN")
        await connection.execute("CREATE TABLE views.left_open (number int)")
        await pool.release(connection)
        assert await pool.fetchval("SELECT to_regclass('views.left_open')") is None
