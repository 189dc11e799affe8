"""Faust in its restricted profile: it shares out and reads the inbox; batches and acknowledgements are our own."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import faust
import structlog
from faust.contrib.asgi import bind_to_running_loop
from faust.transport.consumer import Consumer
from faust.types import TP
from faust.types.tuples import Message

from infra.runtime.kafka import committed_offsets, take_any_header_names
from infra.runtime.settings_sections import KafkaSettings
from schemas.dead_letters import RawRecord
from schemas.topics import SAGA_INBOX
from stream_processors.fold import GROUP, FoldGate
from stream_processors.runtime.guard import Guard
from stream_processors.runtime.progress import Progress, Verdict

SESSION_SECONDS = 10.0
HEARTBEAT_SECONDS = 3.0
# No more than this stands between the reading and the deciding, and no more is decided at once.
BATCH_RECORDS = 200
COMMIT_SECONDS = 5.0
# Records behind a gap that do not come again after so long are asked for again.
GAP_SECONDS = 1.0
# The guard finishes its batch or ends the process in less; then the batch is acknowledged.
LAST_BATCH_SECONDS = 7.0
# A handler insists for as long as a server is away; the group must not take that for a dead member.
POLL_SECONDS = 86_400.0
STOP_SECONDS = 6.0


class FaustEndedError(Exception):
    """Faust stopped or crashed although nobody asked it to."""


class Worker:
    """One member of the consumer group, on the event loop of the process."""

    def __init__(self, kafka: KafkaSettings, folder: Path, guard: Guard, gate: FoldGate) -> None:
        """Take where the log is, a folder that Faust wants for itself, and what handles the records."""
        self._guard = guard
        self._gate = gate
        self._kafka = kafka
        # Grows with every change of what is ours: what was begun before is not acknowledged after it.
        self._share = 0
        self._progress = Progress()
        self._begun = asyncio.Event()
        self._read: asyncio.Queue[Message] = asyncio.Queue(BATCH_RECORDS)
        self._app = self._declared(kafka, folder)

    @property
    def is_assigned(self) -> bool:
        """Tell whether the group has given this member its share."""
        return self._begun.is_set()

    async def run(self) -> None:
        """Work until cancelled, then stop within a bound; FaustEndedError when Faust ends by itself."""
        take_any_header_names()
        bind_to_running_loop(self._app)
        self._app.finalize()
        working = asyncio.create_task(self._work())
        ended = asyncio.create_task(self._ended())
        try:
            await asyncio.wait({working, ended}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            ended.result()
            raise FaustEndedError from self._app.crash_reason
        finally:
            ended.cancel()
            working.cancel()
            await asyncio.wait({working}, timeout=LAST_BATCH_SECONDS)
            # Faust may hang here: what is not committed then is read again, and the lifecycle ends the process.
            await asyncio.wait({asyncio.create_task(self._app.stop())}, timeout=STOP_SECONDS)

    async def _ended(self) -> None:
        await self._app.start()
        await self._app.wait_until_stopped()

    async def _work(self) -> None:
        """Decide at once on all that has been read meanwhile, and acknowledge it; nothing waits for a batch to fill."""
        while True:
            batch = await self._gathered()
            # While the group changes, nobody knows yet what is ours and where it begins.
            await self._begun.wait()
            share = self._share
            batch = [message for message in batch if await self._is_next(message)]
            if batch:
                try:
                    await self._guard.take(cast("list[RawRecord]", batch))
                finally:
                    # The guard lets go of a batch only when it is done, also when it is cancelled.
                    if share == self._share:
                        await self._acknowledge(batch)

    async def _gathered(self) -> list[Message]:
        """Return what has been read, at least one record; remind the reader of gaps while nothing comes."""
        batch: list[Message] = []
        while not batch:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GAP_SECONDS):
                    batch.append(await self._read.get())
            if not batch:
                for place, first in self._progress.gaps().items():
                    await self._read_again(place, first)
        while len(batch) < BATCH_RECORDS and not self._read.empty():
            batch.append(self._read.get_nowait())
        return batch

    async def _is_next(self, message: Message) -> bool:
        verdict = self._progress.judge(message.tp, message.offset)
        if verdict is Verdict.SEEK:
            await self._read_again(message.tp, self._progress.next(message.tp))
        return verdict is Verdict.TAKE

    async def _read_again(self, place: TP, first: int) -> None:
        structlog.get_logger("artstore.processor").warning("read_again", partition=place.partition, first=first)
        async with asyncio.timeout(COMMIT_SECONDS):
            await cast("Consumer", self._app.consumer).seek(place, first)

    async def _acknowledge(self, batch: Sequence[Message]) -> None:
        """Commit what is done. A commit that fails costs nothing but repeats: the next one says more."""
        offsets = next_offsets(batch)
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                # Not the commit of Faust's own bookkeeping, which acknowledges what it skips: see decision 11.
                await cast("Consumer", self._app.consumer)._commit(offsets)  # noqa: SLF001
        except TimeoutError:
            structlog.get_logger("artstore.processor").warning("commit_not_confirmed", partitions=len(offsets))

    def _declared(self, kafka: KafkaSettings, folder: Path) -> faust.App:
        for name in ("faust", "mode"):
            logging.getLogger(name).setLevel(logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        app = faust.App(GROUP, **_profile(kafka, folder))
        app.boot_strategy.enable_web = False
        # Outputs go through our own publisher; Faust's producer would never be used.
        app.boot_strategy.enable_kafka_producer = False
        raw: dict[str, Any] = dict.fromkeys(("key_serializer", "value_serializer"), "raw")
        inbox = app.topic(SAGA_INBOX, key_type=bytes, value_type=bytes, allow_empty=True, acks=False, **raw)
        app.agent(inbox, concurrency=1, name="reader")(self._reader)
        app.on_partitions_assigned.connect(self._on_assigned)
        app.on_partitions_revoked.connect(self._on_revoked)
        return app

    async def _reader(self, stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            await self._read.put(event.message)

    async def _on_assigned(self, *arguments: Any, **_: Any) -> None:  # noqa: ANN401 - a signal's arguments
        assigned = cast("set[TP]", arguments[1])
        self._leave_share()
        share = self._share
        # Whoever had these partitions before is refused by now: this is the last word about them.
        known = await committed_offsets(self._kafka, GROUP, SAGA_INBOX)
        if share != self._share:
            return
        self._progress.begin({place: known.get(place.partition, 0) for place in assigned if place.topic == SAGA_INBOX})
        self._begun.set()

    async def _on_revoked(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - a signal's arguments
        self._leave_share()

    def _leave_share(self) -> None:
        self._share += 1
        self._begun.clear()
        self._progress.forget()
        self._gate.forget()


def next_offsets(done: Sequence[Message]) -> Mapping[TP, int]:
    """Return what to commit per partition once these records are done; they stand in the order of their reading."""
    return {message.tp: message.offset + 1 for message in done}


def _profile(kafka: KafkaSettings, folder: Path) -> dict[str, Any]:
    servers = kafka.required_servers().split(",")
    return {
        "broker": ";".join(f"kafka://{server.strip()}" for server in servers),
        "broker_client_id": GROUP,
        "datadir": str(folder),
        "autodiscover": False,
        "version": 1,
        "processing_guarantee": "at_least_once",
        "broker_session_timeout": SESSION_SECONDS,
        "broker_rebalance_timeout": SESSION_SECONDS,
        "broker_heartbeat_interval": HEARTBEAT_SECONDS,
        "broker_request_timeout": max(kafka.request_timeout_seconds, 2 * SESSION_SECONDS),
        "broker_max_poll_interval": POLL_SECONDS,
        "consumer_auto_offset_reset": "earliest",
        "stream_wait_empty": False,
        "table_standby_replicas": 0,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
    }
