"""What every message carries: who, what, when, caused by what; and the Kafka record that it becomes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from schemas.avro import full_name
from schemas.identifiers import AccountId, EventId


class Value(BaseModel):
    """A frozen value inside a message. Unknown fields are refused: schemas, not luck, carry evolution."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Actor(Value):
    """The human (or program) who acts. `client` is the program used, `on_behalf_of` the one it acts for."""

    subject: AccountId = Field(description="Id of the account.")
    login: str = Field(description="Name that the account signs in with, at that time.")
    full_name: str = Field(description="Name of the person or program, at that time.")
    client: str | None = Field(default=None, description="Program through which they acted; null: none told.")
    on_behalf_of: AccountId | None = Field(default=None, description="Account for which they acted; null: their own.")


class Meta(Value):
    """The envelope inside the value, so that a record explains itself on disk and after mirroring.

    `correlation_id` is the operation's id (= saga id); `causation_id` the event that caused this one.
    """

    event_id: EventId
    type: str
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    occurred_at: datetime
    correlation_id: str
    causation_id: str | None = None
    actor: Actor
    source: str
    ext: dict[str, str] = Field(default_factory=dict)


class Message(Value):
    """One record's value: `meta` first, then the type's own fields. `topic` is where the type lives."""

    topic: ClassVar[str]
    aggregate: ClassVar[str]

    meta: Meta

    @property
    def key(self) -> bytes:
        """Key of the record: UTF-8 of the aggregate's identifier."""
        return self.meta.aggregate_id.encode()

    @classmethod
    def type_name(cls) -> str:
        """Full name of the type, as in `meta.type` and `ce_type`."""
        return full_name(cls)

    @classmethod
    def meta_for(  # noqa: PLR0913 - an envelope has this many facts, all by name
        cls,
        *,
        event_id: str,
        aggregate_id: str,
        occurred_at: datetime,
        correlation_id: str,
        actor: Actor,
        source: str,
        aggregate_version: int = 0,
        causation_id: str | None = None,
    ) -> Meta:
        """Return the envelope of a message of this type; requests, commands and replies have version 0."""
        return Meta(
            event_id=EventId(event_id),
            type=cls.type_name(),
            aggregate_type=cls.aggregate,
            aggregate_id=aggregate_id,
            aggregate_version=aggregate_version,
            occurred_at=occurred_at,
            correlation_id=correlation_id,
            causation_id=causation_id,
            actor=actor,
            source=source,
        )


@dataclass(frozen=True)
class Record:
    """A Kafka record before it is sent: topic, key bytes, value bytes (Confluent framing), headers by name."""

    topic: str
    key: bytes
    value: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Position:
    """Where a record stands in the log."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Received:
    """A decoded message with its position and the W3C `traceparent` that it came with."""

    message: Message
    position: Position
    traceparent: str | None = None
