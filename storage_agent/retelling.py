"""At a start the log is read back: what it acknowledged and lost since is told again, from what the journal keeps."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.runtime.kafka import translated_errors
from producers.publisher import MemoryPublisher, Publisher
from schemas.dead_letters import text_headers
from schemas.envelope import Position, Record
from schemas.errors import JournalDamaged, LogUnavailable, Transient
from storage_agent.entries import Acknowledged, Landed, Telling
from storage_agent.files import Disk
from storage_agent.journal import segment_names
from storage_agent.parts import Parts
from storage_agent.segments import scan

READ_SECONDS = 10.0
AGAIN_SECONDS = 1.0
EVENT_ID = "ce_id"


OpenReader = Callable[[Sequence[TopicPartition]], AbstractAsyncContextManager[AIOKafkaConsumer]]


class Log(Protocol):
    """The log as far as it is read back."""

    async def lost(self, landed: Sequence[Landed]) -> list[Landed]:
        """Return those events that do not stand in their place any more; LogUnavailable when it does not answer."""
        ...


class KafkaLog:
    """The log on Kafka. An event older than all that its topic keeps is not lost: it expired."""

    def __init__(self, opened: OpenReader) -> None:
        self._opened = opened

    async def lost(self, landed: Sequence[Landed]) -> list[Landed]:
        """Read the one record in each place."""
        places = {TopicPartition(one.topic, one.partition): one for one in landed}
        if not places:
            return []
        async with self._opened(tuple(places)) as reader:
            with translated_errors():
                async with asyncio.timeout(READ_SECONDS):
                    first, end = await reader.beginning_offsets(list(places)), await reader.end_offsets(list(places))
                    gone = [one for place, one in places.items() if one.offset >= end[place]]
                    there = {place: one for place, one in places.items() if first[place] <= one.offset < end[place]}
                    for place, one in there.items():
                        reader.seek(place, one.offset)
                    return gone + [one for place, one in there.items() if not await _stands(reader, place, one)]


async def _stands(reader: AIOKafkaConsumer, place: TopicPartition, landed: Landed) -> bool:
    record = await reader.getone(place)
    event_id = text_headers(record.headers).get(EVENT_ID)
    return bool(record.offset == landed.offset) and event_id == landed.event_id


class MemoryLog:
    """The shipped double: has what the records of a `MemoryPublisher` are, placed as it placed them."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = tuple(records)

    async def lost(self, landed: Sequence[Landed]) -> list[Landed]:
        """Look the places up."""
        placed = MemoryPublisher()
        ids = {await placed.publish(record): record.headers[EVENT_ID] for record in self._records}
        return [one for one in landed if ids.get(Position(one.topic, one.partition, one.offset)) != one.event_id]


class Retelling:
    """Makes good what a log lost that had acknowledged it: a broker without power, restored, or made anew."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self, publisher: Publisher, log: Log) -> None:
        """Compare the newest acknowledged events, and when one is gone send all that the journal keeps once more.

        Every event has its old id and bytes, so that whoever has it already passes it over. Returns when the log has
        everything that was acknowledged; a log that is away is waited for, because nothing else can be told either.
        """
        below, waiting = self._parts.journal.next_number, frozenset(self._parts.memory.waiting)
        lost = await _insist_lost(log, tuple(self._parts.memory.landed.values()))
        if not lost:
            return
        places = [f"{landed.topic}/{landed.partition}@{landed.offset}" for landed in lost]
        structlog.get_logger("artstore.agent").critical("log_has_lost_events", places=places)
        told: dict[tuple[str, int], Landed] = {}
        for name in await self._parts.gate.call(segment_names, self._parts.disk, self._parts.folders.journal):
            for number, entry in await self._tellings(self._parts.folders.journal / name):
                if number < below and number not in waiting:
                    for stored in entry.records:
                        landed = Landed.at(await _insist_sent(publisher, stored.record()), stored)
                        told[landed.topic, landed.partition] = landed
        await self._parts.journal.append(Acknowledged(through=0, last=tuple(told.values())))

    async def _tellings(self, path: Path) -> list[tuple[int, Telling]]:
        try:
            return await self._parts.gate.call(_read, self._parts.disk, path)
        except JournalDamaged as damage:
            # It is an old segment, which only a lost log needs; what the others hold is told all the same.
            log = structlog.get_logger("artstore.agent")
            log.critical("segment_not_told", segment=path.name, reason=damage.detail)
            return []


def _read(disk: Disk, path: Path) -> list[tuple[int, Telling]]:
    numbered = scan(disk.read(path) or b"").numbered()
    return [(number, entry) for number, entry in numbered if isinstance(entry, Telling)]


async def _insist_lost(log: Log, landed: Sequence[Landed]) -> list[Landed]:
    while True:
        try:
            return await log.lost(landed)
        except LogUnavailable:
            await asyncio.sleep(AGAIN_SECONDS)


async def _insist_sent(publisher: Publisher, record: Record) -> Position:
    while True:
        try:
            return await publisher.publish(record)
        except Transient:
            await asyncio.sleep(AGAIN_SECONDS)
