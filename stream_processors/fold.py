"""Before anything of an inbox partition is decided, the saga topic's partition of the same number is folded."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.runtime.kafka import open_reader, translated_errors
from infra.runtime.settings_sections import KafkaSettings
from producers.publisher import Publisher
from schemas.dead_letters import RawRecord, dead_letter, text_headers
from schemas.envelope import Record
from schemas.errors import Corrupted, UndecodableRecord, UnknownSchema
from schemas.events import SagaAdvanced
from schemas.identifiers import is_uuid
from schemas.topics import SAGA_EVENT
from stream_processors.store import SagaStore, Stored

# The consumer group, and who writes the dead letters.
GROUP = "artstore-processor"
CLIENT_ID = "artstore-processor-fold"
POLL_MILLISECONDS = 1000
BATCH_RECORDS = 500
# How the type of every event begins.
OURS = f"{SagaAdvanced.type_name().split('.')[0]}."

OpenReader = Callable[[Sequence[TopicPartition]], AbstractAsyncContextManager[AIOKafkaConsumer]]


class FoldGate:
    """Remembers which partitions are folded; forgets when the group changes or the database was away."""

    def __init__(self, fold: "Folder") -> None:
        self._fold = fold
        self._folded: set[int] = set()

    async def ensure(self, partition: int) -> None:
        """Fold the partition unless that was done; DatabaseUnavailable, LogUnavailable: try again."""
        # If everything is forgotten in the middle of a fold, that fold counts for nothing.
        folded = self._folded
        if partition not in folded:
            await self._fold.bring_forward(partition)
            folded.add(partition)

    def forget(self) -> None:
        """Let every partition be folded again before it is decided on."""
        self._folded = set()


class Folder:
    """Brings the store forward to the end of one partition of the saga topic."""

    def __init__(self, store: SagaStore, publisher: Publisher, opened: OpenReader) -> None:
        self._store = store
        self._publisher = publisher
        self._opened = opened

    async def bring_forward(self, partition: int) -> None:
        """Fold from the stored position to the end as it is now."""
        place = TopicPartition(SAGA_EVENT, partition)
        position = await self._store.position(partition)
        async with self._opened([place]) as reader:
            with translated_errors():
                first, end = await _bounds(reader, place)
            # A log younger than the table (made anew) begins before the position that was noted.
            position = max(position, first) if position <= end else first
            if position < end:
                reader.seek(place, position)
            while position < end:
                with translated_errors():
                    fetched = await reader.getmany(timeout_ms=POLL_MILLISECONDS, max_records=BATCH_RECORDS)
                    reached = await reader.position(place)
                found = [await self._read(record) for record in fetched.get(place, ())]
                await self._store.fold(partition, [stored for stored in found if stored is not None], reached)
                position = reached

    async def _read(self, record: RawRecord) -> Stored | None:
        try:
            return Stored.read(
                Record(record.topic, record.key or b"", record.value or b"", text_headers(record.headers))
            )
        except UndecodableRecord as error:
            if isinstance(error, UnknownSchema) and claims_to_be_ours(record):
                place = f"{record.topic}/{record.partition}@{record.offset}"
                message = (
                    f"A newer release wrote {place}: sagas cannot be decided without reading it. Start that release."
                )
                raise Corrupted(message) from error
            await self._publisher.publish(dead_letter(record, error, GROUP))
            structlog.get_logger("artstore.processor").error("dead_letter", **place_of(record), cause=error.code)
            return None


def claims_to_be_ours(record: RawRecord) -> bool:
    """Tell whether the envelope is one that a release of ours gives to what it writes here: CloudEvents about a saga.

    Every release does (decision 12), so that an older one can tell its record from a stranger's without reading it.
    """
    headers = text_headers(record.headers)
    about = headers.get("ce_subject", "")
    typed = headers.get("ce_type", "").startswith(OURS)
    return typed and is_uuid(about) and record.key == about.encode() and is_uuid(headers.get("ce_id", ""))


def place_of(record: RawRecord) -> dict[str, str | int]:
    """Return where a record stands, as a log line says it."""
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}


def reader_of(settings: KafkaSettings) -> OpenReader:
    """Return what opens a reader of the given partitions."""
    return partial(open_reader, settings, CLIENT_ID)


async def _bounds(reader: AIOKafkaConsumer, place: TopicPartition) -> tuple[int, int]:
    first = await reader.beginning_offsets([place])
    end = await reader.end_offsets([place])
    return first[place], end[place]
