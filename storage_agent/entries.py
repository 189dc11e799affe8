"""What stands in the journal: one frozen class per kind of entry, and the records that go to Kafka from it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.envelope import Position, Received, Record
from schemas.fixity import DamagedPart
from schemas.registry import decode
from storage_agent.ledger import AbandonedAnswer, Answer, CommittedAnswer, RefusedAnswer


class Part(BaseModel):
    """A value in the journal: frozen, strict, bytes as base64."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class StoredRecord(Part):
    """A Kafka record, byte for byte as it will be sent, so that sending it again sends the same."""

    topic: str
    key: bytes
    value: bytes
    headers: dict[str, str]

    @classmethod
    def of(cls, record: Record) -> "StoredRecord":
        """Return the stored form of `record`."""
        return cls(topic=record.topic, key=record.key, value=record.value, headers=record.headers)

    def record(self) -> Record:
        """Return the record to send."""
        return Record(self.topic, self.key, self.value, dict(self.headers))


class StoredPosition(Part):
    """Where Kafka put a record."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, position: Position) -> "StoredPosition":
        """Return the stored form of `position`."""
        return cls(topic=position.topic, partition=position.partition, offset=position.offset)


class Landed(StoredPosition):
    """Which event Kafka put where."""

    event_id: str

    @classmethod
    def at(cls, position: Position, stored: StoredRecord) -> "Landed":
        """Return where the event in `stored` stands."""
        return cls(
            topic=position.topic,
            partition=position.partition,
            offset=position.offset,
            event_id=stored.headers["ce_id"],
        )


class Telling(Part):
    """An entry that has something to tell: its records go out in order, after all earlier ones of its lane.

    The lane is the document's (or the element's) id. `at` is when the entry was made.
    """

    at: datetime
    lane: str
    records: tuple[StoredRecord, ...]


class Committed(Telling):
    """Commit point of one version: the exact sealed `attr.json` text, and where body and attributes belong.

    A small body rides along as `body`, another one lies, synced, in `staging/` under the name `staged`. Directory and
    names are those of `layout.Place`; `sha256` and `size` are the body's.
    """

    kind: Literal["committed"] = "committed"
    answer: CommittedAnswer
    operation_id: str
    document_id: str
    version: int
    attr_seq: int
    attr: str
    body: bytes | None = None
    staged: str | None = None
    directory: str
    body_name: str
    attr_name: str
    sha256: str
    size: int


class Refused(Telling):
    """Policy refused a ticket's content."""

    kind: Literal["refused"] = "refused"
    answer: RefusedAnswer


class Abandoned(Telling):
    """An upload was given up by the command `command_id`."""

    kind: Literal["abandoned"] = "abandoned"
    answer: AbandonedAnswer
    command_id: str


class Note(Part):
    """A PUT was refused that may be tried again: the last such refusal of a ticket, a problem as JSON text."""

    kind: Literal["note"] = "note"
    ticket_id: str
    problem: str
    expires_at: datetime


class Command(Part):
    """A command was read from Kafka; it is worked on after this entry is durable."""

    kind: Literal["command"] = "command"
    command_id: str
    position: StoredPosition
    value: bytes
    traceparent: str | None = None

    def received(self) -> Received:
        """Return the command as it was received."""
        position = Position(self.position.topic, self.position.partition, self.position.offset)
        return Received(decode(self.value), position, self.traceparent)


class Passed(Part):
    """A record of the command topic was read that leads to no work here: seen before, or a dead letter."""

    kind: Literal["passed"] = "passed"
    position: StoredPosition


class Replied(Telling):
    """A command was answered; facts stand before replies in `records`."""

    kind: Literal["replied"] = "replied"
    command_id: str


class Announced(Telling):
    """The element, in this mode and epoch, was announced."""

    kind: Literal["announced"] = "announced"
    mode_epoch: int


class Materialised(Part):
    """Body and attributes of a version lie in their place, synced."""

    kind: Literal["materialised"] = "materialised"
    document_id: str
    version: int


class Damaged(Telling):
    """A version was found damaged. `number` is that of the fact, which rises from one fact of fixity to the next."""

    kind: Literal["damaged"] = "damaged"
    document_id: str
    version: int
    part: DamagedPart
    number: int


class Mended(Telling):
    """A damaged version was found whole."""

    kind: Literal["mended"] = "mended"
    document_id: str
    version: int
    number: int


class ScrubState(Part):
    """How far the scrub is: the pass, the hour and document looked at last, what was read in it, its share done.

    `position` is `YYYY/MM/DD/HH/<document id>`, empty at the beginning; `bytes` were read from the drive;
    `finished_at` is the end of the last whole pass, which is this one when `is_done`.
    """

    pass_number: int
    started_at: datetime
    position: str = ""
    documents: int = 0
    bytes: int = 0
    share: float = 0.0
    finished_at: datetime | None = None
    is_done: bool = False


class Scrubbing(Part):
    """The scrub has come as far as this; lost in a crash, it looks at a little twice."""

    kind: Literal["scrubbing"] = "scrubbing"
    state: ScrubState


class Scrubbed(Telling):
    """The scrub has ended a pass."""

    kind: Literal["scrubbed"] = "scrubbed"
    state: ScrubState


class Listed(Part):
    """The checksum list of an hour's folder shows every commit in it up to entry number `through`."""

    kind: Literal["listed"] = "listed"
    directory: str
    through: int


class Acknowledged(Part):
    """Kafka has every record of the entries up to number `through`; `last`: the newest event in each partition."""

    kind: Literal["acknowledged"] = "acknowledged"
    through: int
    last: tuple[Landed, ...]


class Waiting(Part):
    """The records of entry `number` that wait for Kafka's acknowledgement."""

    number: int
    at: datetime
    lane: str
    records: tuple[StoredRecord, ...]


class Unsettled(Part):
    """A commit whose files are not known to be in place."""

    number: int
    committed: Committed


class Ailing(Part):
    """A version that is damaged: which part of it, and the number of the fact that said so."""

    document_id: str
    version: int
    part: DamagedPart
    number: int


class Unlisted(Part):
    """An hour's folder whose checksum list lacks commits.

    `number` is the newest one's entry, made at `newest_at`; since `since` the folder is owed a list.
    """

    directory: str
    number: int
    since: datetime
    newest_at: datetime


class Carried(Part):
    """Head of a segment: all that the segments before it leave to remember. `previous` is their last digest."""

    kind: Literal["carried"] = "carried"
    at: datetime
    previous: str
    answers: tuple[Answer, ...] = ()
    let_go_until: datetime | None = None
    notes: tuple[Note, ...] = ()
    commands: tuple[Command, ...] = ()
    replied: tuple[str, ...] = ()
    offsets: Mapping[str, int] = {}
    waiting: tuple[Waiting, ...] = ()
    unsettled: tuple[Unsettled, ...] = ()
    landed: tuple[Landed, ...] = ()
    announced_epoch: int = 0
    ailing: tuple[Ailing, ...] = ()
    fixity_number: int = 0
    scrub: ScrubState | None = None
    unlisted: tuple[Unlisted, ...] = ()


Entry = Annotated[
    Committed
    | Refused
    | Abandoned
    | Note
    | Command
    | Passed
    | Replied
    | Announced
    | Materialised
    | Damaged
    | Mended
    | Scrubbing
    | Scrubbed
    | Listed
    | Acknowledged
    | Carried,
    Field(discriminator="kind"),
]


class Line(Part):
    """One line of a segment: what was made durable by one sync. `number` is that of its first entry."""

    number: int
    entries: tuple[Entry, ...]
