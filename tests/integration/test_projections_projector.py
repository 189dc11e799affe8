"""The projector on a real Kafka and PostgreSQL: exact rows, fenced rivals, poison that stops nothing, one trace."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from aiokafka import TopicPartition
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

from infra.runtime import telemetry
from infra.runtime.kafka import open_reader
from infra.runtime.metrics import Metrics
from infra.runtime.settings import Settings
from projections.catalogue import ACCOUNTS, DOCUMENTS, TIMELINE
from projections.dead_letters import KafkaDeadLetters, MemoryDeadLetters
from projections.documents.queries import document, newest_documents, versions
from projections.log import ends
from projections.position import positions
from projections.projector import Projector
from projections.reading import LIVE
from projections.shape import NEXT, ensure_views, make_indexes, make_tables, missing_views, swap
from projections.view import View
from schemas.attributes import Attributes
from schemas.envelope import Record
from schemas.errors import ConfigurationInvalid, ViewsBehind
from schemas.registry import encode
from schemas.topics import DOCUMENT_EVENT, dead_letters
from tests.builders import a_document_committed
from tests.projecting import Bench, a_document, documents_view_refusing, next_state, open_bench

SECONDS = 60


@pytest.fixture
async def bench(servers: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(servers, tmp_path) as bench:
        yield bench


async def until_found(bench: Bench, attributes: Attributes) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            found = await document(bench.pool, attributes.document_id)
            if found is not None and found.attr_seq >= attributes.attr_seq:
                return
            await asyncio.sleep(0.01)


async def test_a_committed_document_becomes_a_row_with_all_it_says(bench: Bench) -> None:
    attributes = a_document("Опись", "Опись фонда.txt", tags=("фонд", "1887"), custom={"лист": 5, "копия": True})
    await bench.publish(a_document_committed(attributes))
    await bench.project(DOCUMENTS)
    found = await document(bench.pool, attributes.document_id)
    assert found is not None
    assert (found.title, found.filename, found.tags) == ("Опись", "Опись фонда.txt", ("фонд", "1887"))
    assert found.custom == {"лист": 5, "копия": True}
    assert found.retention_until == attributes.retention.until
    assert found.attr_sha256 == json.loads(attributes.sealed())["attr_sha256"]
    assert found.created_by["full_name"] == "Анна Ёлкина"
    assert [each.version for each in await versions(bench.pool, attributes.document_id)] == [1]
    assert await document(bench.pool, "nobody\0\ud800") is None


async def test_the_higher_sequence_wins_repeats_change_nothing_and_a_gap_is_counted(bench: Bench) -> None:
    first = a_document(title="1")
    second = next_state(first, title="2")
    fourth = next_state(next_state(second), title="4")
    ground = bench.ground()
    projector = Projector(DOCUMENTS, ground)
    for states in ((first, second), (first, fourth), (second, fourth)):
        await bench.publish(*map(a_document_committed, states))
        await projector.catch_up(await ends(bench.settings.kafka, DOCUMENTS.partitions))
    found = await document(bench.pool, first.document_id)
    assert found is not None
    assert (found.title, found.attr_seq) == ("4", 4)
    assert ground.metrics.view_gaps._value.get() == 1


async def test_two_projectors_on_one_view_write_exactly_once_each_record(bench: Bench) -> None:
    await bench.pool.execute("CREATE TABLE views.written (offset_written text)")
    await bench.pool.execute(
        "CREATE FUNCTION views.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO views.written VALUES (NEW.topic || '/' || NEW.partition || '/' || NEW.log_offset); "
        "RETURN NEW; END $$"
    )
    await bench.pool.execute(
        "CREATE TRIGGER note BEFORE INSERT ON views.timeline FOR EACH ROW EXECUTE FUNCTION views.note()"
    )
    rivals = [Projector(TIMELINE, bench.ground(), records_at_once=3) for _ in range(2)]
    tasks = [asyncio.create_task(rival.run()) for rival in rivals]
    documents = [a_document(title=f"{number}") for number in range(120)]
    await bench.publish(*map(a_document_committed, documents))
    until = await ends(bench.settings.kafka, TIMELINE.partitions)
    try:
        async with asyncio.timeout(SECONDS):
            while await _behind(bench, TIMELINE, until):  # noqa: ASYNC110 - the database has no event
                await asyncio.sleep(0.05)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    ids = [each.document_id for each in documents]
    count = await bench.pool.fetchval("SELECT count(*) FROM views.timeline WHERE document_id = ANY($1::text[])", ids)
    twice = await bench.pool.fetch("SELECT offset_written FROM views.written GROUP BY 1 HAVING count(*) > 1")
    assert (count, twice) == (120, [])


async def _behind(bench: Bench, view: View, until: dict[tuple[str, int], int]) -> bool:
    stored = await positions(bench.pool, LIVE, view.name)
    return any(stored[partition] < end for partition, end in until.items())


async def test_a_crash_between_position_and_rows_leaves_neither(bench: Bench) -> None:
    attributes = a_document()
    await bench.publish(a_document_committed(attributes))
    before = await positions(bench.pool, LIVE, "documents")

    async def crash(_connection: asyncpg.Connection, _schema: str, rows: object) -> int:
        if rows:
            raise SystemError("power cut")
        return 0

    until = await ends(bench.settings.kafka, DOCUMENTS.partitions)
    mortal = Projector(replace(DOCUMENTS, watch=crash), bench.ground(), records_at_once=1)
    with pytest.raises(SystemError):
        await mortal.catch_up(until)
    after = await positions(bench.pool, LIVE, "documents")
    assert sum(after.values()) <= sum(before.values()) + sum(until.values()) - 1
    assert await document(bench.pool, attributes.document_id) is None
    await Projector(DOCUMENTS, bench.ground()).catch_up(until)
    assert await document(bench.pool, attributes.document_id) is not None


async def test_what_cannot_be_decoded_lands_among_the_dead_letters_and_its_neighbours_are_found(bench: Bench) -> None:
    before, after = a_document(title="до"), a_document(title="после")
    poison = Record(DOCUMENT_EVENT, before.document_id.encode(), b"\0\0\0\xff\xffgarbage", {"traceparent": "x"})
    letters_topic = dead_letters(DOCUMENT_EVENT)
    (letters_start,) = (await ends(bench.settings.kafka, [(letters_topic, 0)])).values()
    await bench.publish(a_document_committed(before), poison, a_document_committed(after))
    letters = KafkaDeadLetters(bench.settings.kafka, Metrics())
    until = await ends(bench.settings.kafka, DOCUMENTS.partitions)
    await Projector(DOCUMENTS, bench.ground(letters)).catch_up(until)
    assert await document(bench.pool, before.document_id) is not None
    assert await document(bench.pool, after.document_id) is not None
    found = await _letters(bench, letters_topic, letters_start)
    assert poison.value in [value for value, _ in found]
    causes = next(headers for value, headers in found if value == poison.value)
    assert causes["dl_cause"] == "unknown_schema"
    assert causes["dl_source_topic"] == DOCUMENT_EVENT


async def _letters(bench: Bench, topic: str, start: int) -> list[tuple[bytes, dict[str, str]]]:
    place = TopicPartition(topic, 0)
    async with open_reader(bench.settings.kafka, "artstore-test-letters", [place]) as reader:
        reader.seek(place, start)
        polled = await reader.getmany(timeout_ms=3000)
    return [
        (record.value, {name: value.decode(errors="replace") for name, value in record.headers})
        for record in polled.get(place, [])
    ]


async def test_rows_that_the_database_refuses_are_given_up_one_by_one(bench: Bench) -> None:
    good, bad = a_document(title="хороший"), a_document(title="плохой")

    letters = MemoryDeadLetters()
    await bench.publish(a_document_committed(bad), a_document_committed(good))
    until = await ends(bench.settings.kafka, DOCUMENTS.partitions)
    await Projector(documents_view_refusing("плохой"), bench.ground(letters)).catch_up(until)
    assert await document(bench.pool, good.document_id) is not None
    assert await document(bench.pool, bad.document_id) is None
    mine = [letter for letter in letters.letters if letter.key == bad.document_id.encode()]
    assert [letter.headers["dl_cause"] for letter in mine] == ["undecodable_record"]


async def test_a_running_projector_is_fenced_by_a_swap_and_goes_on_in_the_new_views(bench: Bench) -> None:
    early, late = a_document(title="до"), a_document(title="после")
    projector = Projector(DOCUMENTS, bench.ground())
    task = asyncio.create_task(projector.run())
    try:
        await bench.publish(a_document_committed(early))
        await until_found(bench, early)
        async with bench.pool.acquire() as connection, connection.transaction():
            await make_tables(connection, NEXT, "log")
            await make_indexes(connection, NEXT)
            await swap(connection)
        assert await document(bench.pool, early.document_id) is None
        await bench.publish(a_document_committed(late))
        await until_found(bench, late)
        await until_found(bench, early)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_swap_waits_for_a_batch_that_is_under_way(bench: Bench) -> None:
    attributes = a_document()
    await bench.publish(a_document_committed(attributes))
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_connection: asyncpg.Connection, _schema: str, _rows: object) -> int:
        inside.set()
        await go_on.wait()
        return 0

    projecting = asyncio.create_task(Projector(replace(DOCUMENTS, watch=hold), bench.ground()).run())
    try:
        await asyncio.wait_for(inside.wait(), SECONDS)
        async with bench.pool.acquire() as connection:
            async with connection.transaction():
                await make_tables(connection, NEXT, "log")
                await make_indexes(connection, NEXT)
            swapping = asyncio.create_task(_swap(connection))
            await asyncio.sleep(0.3)
            assert not swapping.done()
            go_on.set()
            await asyncio.wait_for(swapping, SECONDS)
        # What the batch wrote is in the old views; the new ones know nothing yet and are read from the start.
        await until_found(bench, attributes)
    finally:
        projecting.cancel()
        await asyncio.wait([projecting])


async def _swap(connection: asyncpg.Connection) -> None:
    async with connection.transaction():
        await swap(connection)


async def test_a_lost_connection_to_the_database_is_waited_out(bench: Bench) -> None:
    task = asyncio.create_task(Projector(DOCUMENTS, bench.ground()).run())
    try:
        for title in ("раз", "два"):
            attributes = a_document(title=title)
            await bench.publish(a_document_committed(attributes))
            await until_found(bench, attributes)
            async with bench.pool.acquire() as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Keep the spans of the test; the provider of the process can be set once only, and is another test's."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "TRACER", provider.get_tracer("test"))
    return exporter


async def test_the_trace_of_a_record_goes_on_in_the_projector(bench: Bench, spans: InMemorySpanExporter) -> None:
    trace_id, parent = "a1" * 16, "b2" * 8
    attributes = a_document()
    await bench.publish(encode(a_document_committed(attributes), f"00-{trace_id}-{parent}-01"))
    await bench.project(DOCUMENTS)
    found = [each for each in spans.get_finished_spans() if format_trace_id(each.context.trace_id) == trace_id]
    assert [each.name for each in found] == ["project"]
    assert found[0].parent is not None
    assert format_span_id(found[0].parent.span_id) == parent


async def test_views_of_another_shape_are_refused_with_the_way_out(bench: Bench) -> None:
    assert await ensure_views(bench.pool) is False
    assert await missing_views(bench.pool) is None
    await bench.pool.execute("UPDATE views.generation SET shape = 'old'")
    with pytest.raises(ConfigurationInvalid, match="artstore rebuild"):
        await ensure_views(bench.pool)
    assert "artstore rebuild" in (await missing_views(bench.pool) or "")
    await bench.pool.execute("DROP SCHEMA views CASCADE")
    with pytest.raises(ViewsBehind):
        await newest_documents(bench.pool, 10)
    assert await missing_views(bench.pool) == "the views do not exist yet"
    assert await ensure_views(bench.pool) is True


async def test_a_view_that_is_ahead_of_the_log_refuses_to_go_on(bench: Bench) -> None:
    await bench.pool.execute("UPDATE views.position SET next_offset = 1000000000 WHERE view = 'accounts'")
    with pytest.raises(ConfigurationInvalid, match="ahead of the log"):
        await bench.project(ACCOUNTS)


async def test_the_newest_documents_come_in_pages_without_overlap(bench: Bench) -> None:
    documents = [a_document(title=f"{number}") for number in range(7)]
    await bench.publish(*map(a_document_committed, documents))
    await bench.project(DOCUMENTS)
    await bench.pool.execute(
        "DELETE FROM views.documents WHERE document_id <> ALL($1::text[])", [each.document_id for each in documents]
    )
    seen: list[str] = []
    cursor = None
    while True:
        page = await newest_documents(bench.pool, 3, cursor)
        seen += [each.document_id for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted((each.document_id for each in documents), reverse=True)
