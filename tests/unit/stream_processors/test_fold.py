"""Folding the saga topic before anything is decided."""

from dataclasses import replace

import pytest

from producers.publisher import MemoryPublisher
from schemas.envelope import Record
from schemas.errors import Corrupted, LogUnavailable
from schemas.registry import encode
from schemas.topics import SAGA_EVENT
from stream_processors.fold import Folder, FoldGate
from stream_processors.store import MemorySagaStore, Stored
from tests.builders import an_upload_request
from tests.contracts.test_saga_store import loaded, versions_of_a_saga
from tests.unit.stream_processors.doubles import MemoryReader, Raw

NEWER = b"\x00\x00\x00\xff\xff"


def log_of(*stored: Stored, first: int = 0) -> MemoryReader:
    records = [Raw.of(one.record, first + n, partition=4) for n, one in enumerate(stored)]
    return MemoryReader(records, first)


def folder(reader: MemoryReader, store: MemorySagaStore, publisher: MemoryPublisher | None = None) -> Folder:
    return Folder(store, publisher or MemoryPublisher(), reader)


async def test_an_empty_store_learns_everything_that_the_topic_tells() -> None:
    store, versions = MemorySagaStore(), versions_of_a_saga()
    await folder(log_of(*versions), store).bring_forward(4)
    assert await loaded(store, versions[0].saga_id) == versions[-1]
    assert await store.position(4) == 3


async def test_what_was_folded_before_is_not_read_again() -> None:
    versions = versions_of_a_saga()
    store = MemorySagaStore(positions={4: 2})
    reader = log_of(*versions)
    await folder(reader, store).bring_forward(4)
    assert await loaded(store, versions[0].saga_id) == versions[-1]
    await folder(reader, store).bring_forward(4)
    assert await store.position(4) == 3


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning() -> None:
    store, versions = MemorySagaStore(positions={4: 900}), versions_of_a_saga()
    await folder(log_of(*versions), store).bring_forward(4)
    assert await loaded(store, versions[0].saga_id) == versions[-1]


async def test_a_topic_that_begins_later_than_the_position_is_read_from_where_it_begins() -> None:
    store, versions = MemorySagaStore(), versions_of_a_saga()
    await folder(log_of(*versions, first=70), store).bring_forward(4)
    assert await store.position(4) == 73


async def test_rubbish_in_the_topic_becomes_a_dead_letter_and_the_rest_is_folded() -> None:
    store, publisher, versions = MemorySagaStore(), MemoryPublisher(), versions_of_a_saga()
    reader = log_of(*versions)
    reader.records.append(Raw(SAGA_EVENT, 4, 3, b"k", b"rubbish"))
    await folder(reader, store, publisher).bring_forward(4)
    assert await loaded(store, versions[0].saga_id) == versions[-1]
    (letter,) = publisher.records
    assert (letter.topic, letter.value) == (f"{SAGA_EVENT}.dlq.v1", b"rubbish")
    assert (letter.headers["dl_cause"], letter.headers["dl_source_offset"]) == ("undecodable_record", "3")


@pytest.mark.parametrize("wrong", ["another type", "no uuid", "another key", "no version", "no word"])
async def test_a_record_that_is_whole_and_does_not_belong_there_becomes_a_dead_letter(wrong: str) -> None:
    store, publisher, versions = MemorySagaStore(), MemoryPublisher(), versions_of_a_saga()
    event = versions[0].event
    stray = {
        "another type": encode(an_upload_request()),
        "no uuid": encode(event.model_copy(update={"cause_id": "none"})),
        "no version": encode(event.model_copy(update={"meta": event.meta.model_copy(update={"aggregate_version": 0})})),
        "no word": encode(event.model_copy(update={"step": "\0"})),
        "another key": replace(versions[0].record, key=b"k"),
    }[wrong]
    reader = log_of(*versions)
    reader.records.append(replace(Raw.of(stray, 3, partition=4), topic=SAGA_EVENT))
    await folder(reader, store, publisher).bring_forward(4)
    assert list(store.rows.values()) == [versions[-1]]
    assert [letter.headers["dl_source_offset"] for letter in publisher.records] == ["3"]


def of_an_unknown_schema(*, key: bytes | None = None, **headers: str) -> MemoryReader:
    """Return a log that holds an event of ours and then one that this release cannot read."""
    first, second, _ = versions_of_a_saga()
    ours = second.record
    unread = Record(SAGA_EVENT, ours.key if key is None else key, NEWER + ours.value[5:], ours.headers | headers)
    return log_of(first, Stored(second.event, unread))


async def test_a_record_that_a_newer_release_wrote_stops_the_processor_which_says_where_it_stands() -> None:
    store, publisher = MemorySagaStore(), MemoryPublisher()
    with pytest.raises(Corrupted, match=rf"{SAGA_EVENT}/4@1.*Start that release"):
        await folder(of_an_unknown_schema(), store, publisher).bring_forward(4)
    assert (publisher.records, await store.position(4)) == ([], 0)


@pytest.mark.parametrize(
    "reader",
    [
        of_an_unknown_schema(key=b"k"),
        of_an_unknown_schema(key=b""),
        of_an_unknown_schema(ce_subject="somebody"),
        of_an_unknown_schema(ce_type="theirs.SagaAdvanced"),
        of_an_unknown_schema(ce_id=""),
        MemoryReader([Raw(SAGA_EVENT, 4, 0, b"k", NEWER)]),
    ],
    ids=["another key", "no key", "another subject", "another type", "no id", "no envelope"],
)
async def test_a_strangers_record_of_an_unknown_schema_becomes_a_dead_letter_and_stops_nothing(
    reader: MemoryReader,
) -> None:
    store, publisher = MemorySagaStore(), MemoryPublisher()
    await folder(reader, store, publisher).bring_forward(4)
    assert [letter.headers["dl_cause"] for letter in publisher.records] == ["unknown_schema"]
    assert await store.position(4) == reader.end


async def test_headers_of_any_bytes_keep_no_event_from_being_folded() -> None:
    store, versions = MemorySagaStore(), versions_of_a_saga()
    reader = log_of(*versions)
    reader.records = [replace(raw, headers=[*raw.headers, ("\0", b"\0\xff"), ("n", None)]) for raw in reader.records]
    await folder(reader, store).bring_forward(4)
    found = await loaded(store, versions[0].saga_id)
    assert found is not None
    assert found.version == 3
    assert not any("\0" in name + value for name, value in found.record.headers.items())


async def test_the_gate_folds_once_per_partition_until_it_forgets() -> None:
    reader = log_of()
    gate = FoldGate(folder(reader, MemorySagaStore()))
    for partition in (1, 2, 1, 2):
        await gate.ensure(partition)
    assert reader.opened == 2
    gate.forget()
    await gate.ensure(1)
    assert reader.opened == 3


async def test_a_fold_that_failed_is_done_again() -> None:
    reader, publisher = log_of(), MemoryPublisher()
    reader.records = [Raw(SAGA_EVENT, 4, 0, b"k", b"rubbish")]
    gate = FoldGate(folder(reader, MemorySagaStore(), publisher))
    publisher.fail(1)
    with pytest.raises(LogUnavailable):
        await gate.ensure(4)
    await gate.ensure(4)
    assert reader.opened == 2


async def test_a_fold_during_which_everything_is_forgotten_counts_for_nothing() -> None:
    reader = log_of()
    store = ForgettingStore()
    gate = FoldGate(folder(reader, store))
    store.gate = gate
    await gate.ensure(0)
    await gate.ensure(0)
    assert reader.opened == 2


class ForgettingStore(MemorySagaStore):
    """The group changes while its position is asked for the first time."""

    gate: FoldGate | None = None

    async def position(self, partition: int) -> int:
        if self.gate is not None:
            self.gate.forget()
            self.gate = None
        return await super().position(partition)
