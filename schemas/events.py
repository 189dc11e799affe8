"""Events: facts that stand in the log for ever. State travels with the fact."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from schemas.elements import Mode
from schemas.envelope import Message, Value
from schemas.fixity import DamagedPart, DamageReason, FoundBy
from schemas.identifiers import AccountId, DocumentId, ElementId, KeyId
from schemas.requests import SealedSecret
from schemas.topics import (
    DOCUMENT_EVENT,
    ELEMENT_EVENT,
    ELEMENT_STATUS,
    IDENTITY_EVENT,
    KEY_EVENT,
    SAGA_EVENT,
)


class DocumentCommitted(Message):
    """A document's version is durable. `attr`: the exact sealed `attr.json`; `aggregate_version`: its `attr_seq`."""

    topic: ClassVar[str] = DOCUMENT_EVENT
    aggregate: ClassVar[str] = "document"

    document_version: int
    element_id: ElementId
    size: int
    media_type: str
    sha256: str
    attr: bytes


class TextExtracted(Message):
    """A document's text lies in `derived/`. `aggregate_id` is the document's id; sizes in characters."""

    topic: ClassVar[str] = DOCUMENT_EVENT
    aggregate: ClassVar[str] = "text"

    document_version: int
    element_id: ElementId
    sha256: str
    text_sha256: str
    characters: int
    truncated: bool


class TextUnavailable(Message):
    """A document has no text that could be extracted, and why. The document itself is stored all the same."""

    topic: ClassVar[str] = DOCUMENT_EVENT
    aggregate: ClassVar[str] = "text"

    document_version: int
    element_id: ElementId
    sha256: str
    reason: str


class DocumentDamaged(Message):
    """A version on a storage element is not what it should be, and is not served until it is mended.

    `aggregate_id` is the document's id; `aggregate_version` rises with every fact of fixity that the element tells (it
    is the time in microseconds, or one more than the last). `sha256` and `size` are the body's as promised; None when
    the attributes that promise them are the damaged part. `quarantined`: names under the element's `quarantine/` that
    belong to this version.
    """

    topic: ClassVar[str] = DOCUMENT_EVENT
    aggregate: ClassVar[str] = "fixity"

    document_version: int
    element_id: ElementId
    part: DamagedPart
    reason: DamageReason
    found_by: FoundBy
    sha256: str | None = None
    size: int | None = None
    quarantined: tuple[str, ...] = ()


class DocumentMended(Message):
    """A version that was told as damaged was looked at again and is whole. Versions count as in `DocumentDamaged`."""

    topic: ClassVar[str] = DOCUMENT_EVENT
    aggregate: ClassVar[str] = "fixity"

    document_version: int
    element_id: ElementId
    found_by: FoundBy
    sha256: str
    size: int


class ElementRegistered(Message):
    """A storage element exists. `identity` is the exact sealed `element.json`; version is `mode_epoch`."""

    topic: ClassVar[str] = ELEMENT_EVENT
    aggregate: ClassVar[str] = "element"

    name: str
    mode: Mode
    mode_epoch: int
    identity: bytes


class ElementModeChanged(ElementRegistered):
    """A storage element's mode has changed; the same fields with the new mode and epoch."""


class ElementScrubbed(Message):
    """A storage element has read all that it holds, once. `aggregate_version` is the number of the pass, from 1 on.

    So many `documents` (versions) were looked at and `bytes` read from the drive; `damaged` are so at the end of it.
    """

    topic: ClassVar[str] = ELEMENT_EVENT
    aggregate: ClassVar[str] = "scrub"

    started_at: datetime
    finished_at: datetime
    documents: int
    bytes: int
    damaged: int


class Capacity(Value):
    """Room on an element's disk, in bytes."""

    total: int
    used: int
    free: int


class ScrubProgress(Value):
    """How far an element has read itself: the pass at work or the last one (0: none yet), its share done, 0 to 1.

    `documents` were looked at in that pass; `finished_at` is the end of the last whole pass.
    """

    pass_number: int
    share: float
    documents: int
    finished_at: datetime | None = None


class ElementStatus(Message):
    """An agent's heartbeat. `outbox` counts events that Kafka has not acknowledged yet, `damaged` versions now."""

    topic: ClassVar[str] = ELEMENT_STATUS
    aggregate: ClassVar[str] = "element"

    name: str
    mode: Mode
    mode_epoch: int
    url: str
    capacity: Capacity
    outbox: int
    damaged: int = 0
    scrub: ScrubProgress | None = None


class AccountCreated(Message):
    """An account exists. The password's argon2id hash is sealed."""

    topic: ClassVar[str] = IDENTITY_EVENT
    aggregate: ClassVar[str] = "account"

    account_id: AccountId
    login: str
    full_name: str
    role: str
    sealed_password: SealedSecret


class KeyRegistered(Message):
    """A token-signing key exists: announced now, used from `active_from` on."""

    topic: ClassVar[str] = KEY_EVENT
    aggregate: ClassVar[str] = "key"

    key_id: KeyId
    public_jwk: str
    sealed_private: SealedSecret
    active_from: datetime


class KeyRetired(Message):
    """Nothing that this token-signing key has signed, or will sign, is believed any more. It holds for ever."""

    topic: ClassVar[str] = KEY_EVENT
    aggregate: ClassVar[str] = "key"

    key_id: KeyId


class Output(Value):
    """A record that a saga sends, stored whole so that a redelivered input sends the same bytes again."""

    topic: str
    key: bytes
    value: bytes
    headers: dict[str, str] = Field(default_factory=dict)


class StepState(Value):
    """One step of a saga as people see it. `state`: running, done, failed, skipped."""

    name: str
    state: str
    at: datetime


class Outcome(Value):
    """An aggregate and the version that the views must hold before the saga counts as found."""

    aggregate_type: str
    aggregate_id: str
    version: int


class SagaAdvanced(Message):
    """A saga took one step: its whole new state, what it sends, and when it will be reminded.

    `state` is the saga's own JSON; `status` one of running, compensating, succeeded, failed, suspended; `problem` a
    problem document as JSON text; `deadline_token` the version that set the deadline. `cause_id` is the inbox message,
    `cause_type` its type, and `cause_causation_id` what caused it in turn: the inbox is not kept for ever, this is.
    """

    topic: ClassVar[str] = SAGA_EVENT
    aggregate: ClassVar[str] = "saga"

    kind: str
    status: str
    step: str
    state: str
    cause_id: str
    cause_type: str
    cause_causation_id: str | None = None
    steps: tuple[StepState, ...]
    outputs: tuple[Output, ...]
    outcomes: tuple[Outcome, ...] = ()
    document_id: DocumentId | None = None
    element_id: ElementId | None = None
    request_sha256: str | None = None
    problem: str | None = None
    deadline_at: datetime | None = None
    deadline_token: int | None = None
    started_at: datetime
    finished_at: datetime | None = None


class DeadLetter(Value):
    """Why a record was given up; stands in the headers of its dead letter, whose key and value are the original's.

    `is_cut`: the original is larger than a letter may be, and stands whole at its source alone.
    """

    cause: str
    detail: str
    group: str
    source_topic: str
    source_partition: int
    source_offset: int
    is_cut: bool
