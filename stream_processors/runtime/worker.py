"""Faust in its restricted profile: it brings inbox records to the guard one by one and commits behind it."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import faust
from faust.contrib.asgi import bind_to_running_loop

from infra.runtime.settings_sections import KafkaSettings
from schemas.topics import SAGA_INBOX
from stream_processors.fold import GROUP, FoldGate
from stream_processors.runtime.guard import Guard

SESSION_SECONDS = 10.0
HEARTBEAT_SECONDS = 3.0
COMMIT_SECONDS = 1.0
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
        self._assigned = False
        self._app = self._declared(kafka, folder)

    @property
    def is_assigned(self) -> bool:
        """Tell whether the group has given this member its share."""
        return self._assigned

    async def run(self) -> None:
        """Work until cancelled, then stop within a bound; FaustEndedError when Faust ends by itself."""
        bind_to_running_loop(self._app)
        self._app.finalize()
        try:
            await self._app.start()
            await self._app.wait_until_stopped()
            raise FaustEndedError from self._app.crash_reason
        finally:
            # Faust may hang here: what is not committed then is read again, and the lifecycle ends the process.
            await asyncio.wait({asyncio.create_task(self._app.stop())}, timeout=STOP_SECONDS)

    def _declared(self, kafka: KafkaSettings, folder: Path) -> faust.App:
        for name in ("faust", "mode"):
            logging.getLogger(name).setLevel(logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        app = faust.App(GROUP, **_profile(kafka, folder))
        app.boot_strategy.enable_web = False
        # Outputs go through our own publisher; Faust's producer would never be used.
        app.boot_strategy.enable_kafka_producer = False
        inbox = app.topic(
            SAGA_INBOX, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", allow_empty=True
        )
        app.agent(inbox, concurrency=1, name="decider")(self._decide)
        app.on_partitions_assigned.connect(self._on_assigned)
        app.on_partitions_revoked.connect(self._on_revoked)
        return app

    async def _decide(self, stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            await self._guard.take(event.message)

    async def _on_assigned(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - a signal's arguments
        self._gate.forget()
        self._assigned = True

    async def _on_revoked(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - a signal's arguments
        self._gate.forget()
        self._assigned = False


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
        "broker_commit_interval": COMMIT_SECONDS,
        "consumer_auto_offset_reset": "earliest",
        "stream_wait_empty": False,
        "table_standby_replicas": 0,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
    }
