"""The one table of topics: name, key, partitions, cleanup, retention, and the programs that may write each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

GATEWAY, PROCESSOR, AGENT, PROJECTOR = "gateway", "processor", "agent", "projector"

FOR_EVER = -1
DAY_MS = 24 * 60 * 60 * 1000

SAGA_INBOX = "artstore.saga.inbox.v1"
SAGA_EVENT = "artstore.saga.event.v1"
ELEMENT_COMMAND = "artstore.element.command.v1"
DOCUMENT_EVENT = "artstore.document.event.v1"
ELEMENT_EVENT = "artstore.element.event.v1"
ELEMENT_STATUS = "artstore.element.status.v1"
IDENTITY_EVENT = "artstore.identity.event.v1"
KEY_EVENT = "artstore.key.event.v1"


@dataclass(frozen=True)
class Topic:
    """One topic. Partition counts are for ever: the key decides the partition, and the partition the order."""

    name: str
    key: str
    partitions: int
    cleanup: Literal["delete", "compact"]
    retention_ms: int
    writers: frozenset[str]
    config: Mapping[str, str] = field(default_factory=dict)


def dead_letters(topic: str) -> str:
    """Return the name of the dead-letter topic of `topic`."""
    return f"{topic}.dlq.v1"


def _topic(name: str, key: str, partitions: int, retention_ms: int, *writers: str) -> Topic:
    return Topic(name, key, partitions, "delete", retention_ms, frozenset(writers), {"max.message.bytes": "1048576"})


def _letters(topic: str, *writers: str) -> Topic:
    # A dead letter carries the poison record whole and its cause beside it, so it may be a little larger.
    config = {"max.message.bytes": "2097152"}
    return Topic(dead_letters(topic), "original key", 1, "delete", FOR_EVER, frozenset(writers), config)


# Inbox and saga events are joined on the saga's id, so they have the same number of partitions.
_LOG = (
    _topic(SAGA_INBOX, "saga id", 6, 30 * DAY_MS, GATEWAY, AGENT, PROCESSOR),
    _topic(SAGA_EVENT, "saga id", 6, FOR_EVER, PROCESSOR),
    _topic(ELEMENT_COMMAND, "element id", 6, 30 * DAY_MS, PROCESSOR),
    _topic(DOCUMENT_EVENT, "document id", 12, FOR_EVER, AGENT),
    _topic(ELEMENT_EVENT, "element id", 1, FOR_EVER, AGENT),
    Topic(ELEMENT_STATUS, "element id", 1, "compact", FOR_EVER, frozenset({AGENT})),
    _topic(IDENTITY_EVENT, "account id", 1, FOR_EVER, PROCESSOR),
    _topic(KEY_EVENT, "key id", 1, FOR_EVER, PROCESSOR),
)

# Who gives a record up writes its dead letter: the reader's group, not the record's writer.
TOPICS = (
    *_LOG,
    _letters(SAGA_INBOX, PROCESSOR),
    _letters(SAGA_EVENT, PROJECTOR, PROCESSOR),
    _letters(ELEMENT_COMMAND, AGENT),
    _letters(DOCUMENT_EVENT, PROJECTOR),
    _letters(ELEMENT_EVENT, PROJECTOR),
    _letters(ELEMENT_STATUS, PROJECTOR),
    _letters(IDENTITY_EVENT, PROJECTOR),
    _letters(KEY_EVENT, PROJECTOR),
)
BY_NAME: Mapping[str, Topic] = {topic.name: topic for topic in TOPICS}
EVENT_TOPICS = (SAGA_EVENT, DOCUMENT_EVENT, ELEMENT_EVENT, IDENTITY_EVENT, KEY_EVENT)
