"""The control plane: this element's partition of the command topic, read by hand, journalled, answered."""

import asyncio
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.runtime.kafka import open_reader, partition_for, translated_errors
from infra.runtime.metrics import Metrics
from infra.runtime.settings_sections import KafkaSettings
from infra.runtime.telemetry import span
from producers.publisher import Publisher
from schemas.commands import AbandonUpload, ExtractText
from schemas.dead_letters import RawRecord, dead_letter, position_of, text_headers
from schemas.envelope import Received
from schemas.errors import InsufficientStorage, Malformed, Transient, UndecodableRecord
from schemas.registry import receive
from schemas.topics import BY_NAME, ELEMENT_COMMAND
from storage_agent.documents import Documents
from storage_agent.text import Texts

READ_MILLISECONDS = 500
READ_SECONDS = 10.0
READ_RECORDS = 64
AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Commands:
    """Takes commands in their order. Giving up is done at once; texts are queued for others to work on."""

    documents: Documents
    texts: Texts
    publisher: Publisher
    kafka: KafkaSettings
    metrics: Metrics

    @property
    def partition(self) -> TopicPartition:
        """The partition that holds this element's key."""
        key = self.documents.identity.element_id.encode()
        return TopicPartition(ELEMENT_COMMAND, partition_for(key, BY_NAME[ELEMENT_COMMAND].partitions))

    async def run(self) -> None:
        """Finish what a stop interrupted, then follow until cancelled; a log that is away is tried every second."""
        for received in self.documents.pending_commands():
            await self._work(received)
        while True:
            try:
                await self._follow()
            except (Transient, InsufficientStorage) as error:
                structlog.get_logger("artstore.agent").warning("commands_not_followed", reason=error.detail)
            await asyncio.sleep(AGAIN_SECONDS)

    async def take(self, record: RawRecord) -> None:
        """Take one record. What is not for this element is left; what is damaged becomes a dead letter."""
        if record.key != self.documents.identity.element_id.encode():
            return
        try:
            received = receive(position_of(record), record.key, record.value, text_headers(record.headers))
            if not isinstance(received.message, AbandonUpload | ExtractText):
                msg = f"A storage element has no work for a {received.message.meta.type}."
                raise UndecodableRecord(msg)
        except Malformed as error:
            await self._give_up(record, error)
            return
        if await self.documents.accept_command(received):
            await self._work(received)

    async def _follow(self) -> None:
        partition = self.partition
        async with open_reader(self.kafka, f"artstore-agent-{self.documents.identity.name}", [partition]) as reader:
            offset = self.documents.command_offset(partition.partition)
            if offset is not None:
                reader.seek(partition, offset)
            while True:
                for record in await _some(reader):
                    await self.take(record)
                    self.metrics.records_read.labels(ELEMENT_COMMAND).inc()

    async def _work(self, received: Received) -> None:
        if isinstance(received.message, ExtractText):
            await self.texts.put(received)
            return
        with span("abandon", parent=received.traceparent):
            await self._insist(received)

    async def _insist(self, received: Received) -> None:
        """Give an upload up, or find out why not; the command is journalled, so nobody else would come back to it."""
        while True:
            try:
                return await self.documents.abandon(received)
            except (Transient, InsufficientStorage) as error:
                structlog.get_logger("artstore.agent").warning("abandon_put_off", reason=error.detail)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _give_up(self, record: RawRecord, error: Malformed) -> None:
        await self.publisher.publish(dead_letter(record, error, f"agent/{self.documents.identity.name}"))
        self.documents.pass_over(position_of(record))
        self.metrics.dead_letters.labels(record.topic).inc()
        log = structlog.get_logger("artstore.agent")
        log.error("dead_letter", partition=record.partition, offset=record.offset, cause=error.code)


async def _some(reader: AIOKafkaConsumer) -> list[RawRecord]:
    with translated_errors():
        async with asyncio.timeout(READ_SECONDS):
            batches = await reader.getmany(timeout_ms=READ_MILLISECONDS, max_records=READ_RECORDS)
    return [record for batch in batches.values() for record in batch]
