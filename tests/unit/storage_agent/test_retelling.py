"""What the log acknowledged and lost is told again at the next start, with the same ids and bytes, in order."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest
from aiokafka import TopicPartition

from producers.publisher import MemoryPublisher
from schemas.envelope import Record
from schemas.errors import LogUnavailable
from storage_agent.documents import Documents
from storage_agent.entries import Landed
from storage_agent.files import LocalDisk
from storage_agent.journal import segment_names
from storage_agent.retelling import KafkaLog, MemoryLog, Retelling
from tests.elements import a_ticket_for, an_element, put, relay_all
from tests.unit.stream_processors.doubles import Raw

DATA = b"bytes"
EVENTS = 7  # the element, and fact and reply of three documents


async def told_by_an_element(root: Path) -> list[Record]:
    """Let an element store three documents and the log acknowledge all about them; return what it was told."""
    publisher = MemoryPublisher()
    async with an_element(None, root) as documents:
        for _ in range(3):
            await put(documents, a_ticket_for(documents.identity, DATA), DATA)
        await relay_all(documents, publisher)
    assert len(publisher.records) == EVENTS
    return publisher.records


async def retold(documents: Documents, log: MemoryLog, publisher: MemoryPublisher | None = None) -> list[Record]:
    publisher = publisher or MemoryPublisher()
    async with asyncio.timeout(10):
        await Retelling(documents._parts).run(publisher, log)
    return publisher.records


async def test_a_log_that_has_everything_is_told_nothing(tmp_path: Path) -> None:
    records = await told_by_an_element(tmp_path)
    async with an_element(None, tmp_path) as documents:
        assert await retold(documents, MemoryLog(records)) == []


@pytest.mark.parametrize("kept", [0, 1, EVENTS - 1])
async def test_a_log_that_lost_its_end_is_told_everything_again_and_only_once(tmp_path: Path, kept: int) -> None:
    records = await told_by_an_element(tmp_path)
    publisher = MemoryPublisher()
    publisher.records = records[:kept]
    async with an_element(None, tmp_path) as documents:
        await retold(documents, MemoryLog(records[:kept]), publisher)
        assert publisher.records == records[:kept] + records
    async with an_element(None, tmp_path) as documents:
        assert await retold(documents, MemoryLog(publisher.records)) == []


async def test_a_log_made_anew_in_which_another_event_stands_in_that_place_has_lost_it(tmp_path: Path) -> None:
    records = await told_by_an_element(tmp_path)
    others = [Record(one.topic, one.key, one.value, one.headers | {"ce_id": "another"}) for one in records]
    async with an_element(None, tmp_path) as documents:
        assert await retold(documents, MemoryLog(others)) == records


async def test_what_is_not_acknowledged_yet_is_left_to_the_outbox(tmp_path: Path) -> None:
    records = await told_by_an_element(tmp_path)
    async with an_element(None, tmp_path) as documents:
        await put(documents, a_ticket_for(documents.identity, DATA), DATA)
        assert await retold(documents, MemoryLog()) == records
        assert documents.outbox.length == 1


async def test_a_damaged_old_segment_does_not_keep_the_others_from_being_told(tmp_path: Path) -> None:
    await told_by_an_element(tmp_path)
    records = await told_more(tmp_path)
    oldest = segment_names(LocalDisk(), tmp_path / "journal")[0]
    (tmp_path / "journal" / oldest).write_bytes(b"rubbish")
    async with an_element(None, tmp_path) as documents:
        assert await retold(documents, MemoryLog()) == records


async def test_a_log_that_is_away_is_waited_for(tmp_path: Path) -> None:
    records = await told_by_an_element(tmp_path)
    publisher = MemoryPublisher()
    publisher.fail(1)
    async with an_element(None, tmp_path) as documents:
        assert await retold(documents, AwayAtFirst(), publisher) == records


async def told_more(root: Path) -> list[Record]:
    publisher = MemoryPublisher()
    async with an_element(None, root) as documents:
        await put(documents, a_ticket_for(documents.identity, DATA), DATA)
        await relay_all(documents, publisher)
    return publisher.records


async def test_on_kafka_the_one_record_in_each_place_is_read() -> None:
    there, another, behind, expired = (
        Landed(topic="artstore.document.event.v1", partition=partition, offset=offset, event_id=event_id)
        for partition, (offset, event_id) in enumerate([(4, "e4"), (4, "another"), (6, "e6"), (1, "expired")])
    )
    assert await KafkaLog(FromTwoToFive).lost([there, another, behind, expired]) == [behind, another]
    assert await KafkaLog(FromTwoToFive).lost([]) == []


class FromTwoToFive:
    """A reader of partitions that begin at offset 2 and end before 6."""

    def __init__(self, places: Sequence[TopicPartition]) -> None:
        assert places
        self.at: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 2)

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 6)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.at[place] = offset

    async def getone(self, place: TopicPartition) -> Raw:
        offset = self.at[place]
        return Raw.of(Record(place.topic, b"k", b"v", {"ce_id": f"e{offset}"}), offset, place.partition)


class AwayAtFirst(MemoryLog):
    """Does not answer the first question, and has nothing afterwards."""

    asked = False

    async def lost(self, landed: Sequence[Landed]) -> list[Landed]:
        if not self.asked:
            self.asked = True
            raise LogUnavailable
        return await super().lost(landed)
