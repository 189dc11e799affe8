"""Requests: what the gateway puts into the saga inbox. Their `aggregate_id` is the saga's (= operation's) id."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from schemas.envelope import Message, Value
from schemas.identifiers import AccountId, DocumentId, ElementId, KeyId, TicketId
from schemas.topics import SAGA_INBOX

CustomValue = str | bool | int | float


class Description(Value):
    """What a person says about a document. Class: free text of at most 64 bytes."""

    title: str = ""
    document_class: str = ""
    tags: tuple[str, ...] = ()
    custom: dict[str, str | bool | int | float] = Field(default_factory=dict)


class SealedSecret(Value):
    """A secret wrapped by AES-256-GCM: additional data is the subject, `key_id` names the wrapping key."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class InboxMessage(Message):
    """Anything that a saga may read."""

    topic: ClassVar[str] = SAGA_INBOX
    aggregate: ClassVar[str] = "saga"


class UploadRequested(InboxMessage):
    """A document was announced; its bytes go to the element by the ticket until the deadline.

    `request_sha256` is the digest of the request's body: it tells a repeated request from another one.
    """

    document_id: DocumentId
    document_version: int
    element_id: ElementId
    ticket_id: TicketId
    filename: str
    size: int
    media_type: str | None = None
    sha256: str | None = None
    description: Description
    retention_class: str
    deadline_at: datetime
    deadline_at_max: datetime
    deadline_seconds: int
    request_sha256: str


class AccountRequested(InboxMessage):
    """An account was asked for. `signature`: the installation's Ed25519 signature (schemas/signing.py)."""

    account_id: AccountId
    login: str
    full_name: str
    role: str
    sealed_password: SealedSecret
    request_sha256: str
    signature: bytes = b""


class KeyRequested(InboxMessage):
    """A signing key was asked for: public half as JWK text, private half sealed."""

    key_id: KeyId
    public_jwk: str
    sealed_private: SealedSecret
    active_from: datetime
    request_sha256: str
    signature: bytes = b""


class KeyRetirementRequested(InboxMessage):
    """A signing key is to be believed no more. `signature` as in `AccountRequested`."""

    key_id: KeyId
    request_sha256: str
    signature: bytes = b""


class DeadlineExpired(InboxMessage):
    """A saga's deadline has passed. `token` is the saga version that set it; a stale token is ignored."""

    token: int
