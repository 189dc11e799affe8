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


@pytest.mark.parametrize("wrong", ["another type", "no uuid", "another key"])
async def test_a_record_that_is_whole_and_does_not_belong_there_becomes_a_dead_letter(wrong: str) -> None:
    store, publisher, versions = MemorySagaStore(), MemoryPublisher(), versions_of_a_saga()
    event = versions[0].event
    stray = {
        "another type": encode(an_upload_request()),
        "no uuid": encode(event.model_copy(update={"cause_id": "none"})),
        "another key": replace(versions[0].record, key=b"k"),
    }[wrong]
    reader = log_of(*versions)
    reader.records.append(replace(Raw.of(stray, 3, partition=4), topic=SAGA_EVENT))
    await folder(reader, store, publisher).bring_forward(4)
    assert list(store.rows.values()) == [versions[-1]]
    assert [letter.headers["dl_source_offset"] for letter in publisher.records] == ["3"]


async def test_a_record_of_a_newer_release_stops_the_processor() -> None:
    newer = Stored(versions_of_a_saga()[0].event, Record(SAGA_EVENT, b"k", b"\x00\x00\x00\xff\xff..."))
    with pytest.raises(Corrupted):
        await folder(log_of(newer), MemorySagaStore()).bring_forward(4)


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
