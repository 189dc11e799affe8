"""Where the projector puts records that it gives up: the dead-letter topics, acknowledged before it goes on."""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from infra.runtime.kafka import open_producer, translated_errors
from infra.runtime.metrics import Metrics
from infra.runtime.settings_sections import KafkaSettings
from projections.batch import is_ours
from schemas.envelope import Record


class DeadLetters(Protocol):
    """Takes what cannot be understood."""

    async def put(self, letters: Sequence[Record]) -> None:
        """Keep the letters; returns once they are acknowledged. LogUnavailable: put the same ones again."""
        ...


class KafkaDeadLetters:
    """Dead letters on Kafka. They are rare, so each bunch opens a producer of its own."""

    def __init__(self, settings: KafkaSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics

    async def put(self, letters: Sequence[Record]) -> None:
        """Send those that are the projector's to write; the others are told in the log of this program."""
        mine = [record for record in letters if is_ours(record)]
        if mine:
            async with open_producer(self._settings, "artstore-projector-letters") as producer:
                for record in mine:
                    headers = [(name, value.encode()) for name, value in record.headers.items()]
                    with translated_errors():
                        await producer.send_and_wait(record.topic, record.value, record.key, headers=headers)
                    self._metrics.dead_letters.labels(record.topic).inc()
        log = structlog.get_logger("artstore.views")
        for record in letters:
            causes = {name: value for name, value in record.headers.items() if name.startswith("dl_")}
            log.warning("record_given_up", kept=is_ours(record), **causes)


class ToldDeadLetters:
    """Takes what a rebuild gives up: the running projector has kept it, so here it is told and counted."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.count = 0

    async def put(self, letters: Sequence[Record]) -> None:
        """Tell each."""
        for letter in letters:
            self.tell(f"given up by {letter.headers['dl_group']}: {letter_line(letter)}")

    def tell(self, line: str) -> None:
        """Tell one that was given up, by this process or by one that works for it."""
        self._tell(line)
        self.count += 1


def letter_line(letter: Record) -> str:
    """Say where the record stands that was given up, and why."""
    told = letter.headers
    place = f"{told['dl_source_topic']}/{told['dl_source_partition']}@{told['dl_source_offset']}"
    return f"log {place}: {told['dl_cause']}: {told['dl_detail']}"


class MemoryDeadLetters:
    """The shipped double: keeps them in memory."""

    def __init__(self) -> None:
        self.letters: list[Record] = []

    async def put(self, letters: Sequence[Record]) -> None:
        """Keep the letters."""
        self.letters.extend(letters)
