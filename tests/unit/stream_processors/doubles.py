"""Records as the driver gives them, and a reader over records in memory."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from schemas.envelope import Message, Record
from schemas.registry import encode


@dataclass
class Raw:
    """A record with its place."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()

    @classmethod
    def of(cls, record: Record, offset: int = 0, partition: int = 0) -> "Raw":
        headers = tuple((name, value.encode()) for name, value in record.headers.items())
        return cls(record.topic, partition, offset, record.key, record.value, headers)

    @classmethod
    def holding(cls, message: Message, offset: int = 0, partition: int = 0) -> "Raw":
        return cls.of(encode(message), offset, partition)


@dataclass
class MemoryReader:
    """Answers like the driver's reader; its log begins at `first` and may have holes."""

    records: list[Raw] = field(default_factory=list)
    first: int = 0
    opened: int = 0
    at: int = 0

    @property
    def end(self) -> int:
        return max([self.first, *(record.offset + 1 for record in self.records)])

    @contextlib.asynccontextmanager
    async def __call__(self, places: Sequence[TopicPartition]) -> AsyncIterator["MemoryReader"]:
        assert len(places) == 1
        self.opened += 1
        self.at = 0
        yield self

    async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, self.first)

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, self.end)

    def seek(self, _place: TopicPartition, offset: int) -> None:
        self.at = offset

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Raw]]:
        assert timeout_ms > 0
        found = [record for record in self.records if record.offset >= self.at][: min(2, max_records)]
        self.at = found[-1].offset + 1 if found else self.end
        return {TopicPartition(found[0].topic, found[0].partition): found} if found else {}

    async def position(self, _place: TopicPartition) -> int:
        return self.at
