"""What the gateway asks of the views, as one seam, with the double that keeps everything in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from pydantic import BaseModel

from schemas.api.body import Page, Problem
from schemas.api.documents import DocumentBody, HitBody
from schemas.api.events import EventBody
from schemas.api.fixity import DamageBody, PassBody
from schemas.api.operations import StepBody
from schemas.elements import Mode
from schemas.errors import DatabaseUnavailable, InvalidCursor
from schemas.events import Capacity, ScrubProgress
from schemas.permissions import Role
from schemas.requests import SealedSecret, UploadRequested

Item = TypeVar("Item", bound=BaseModel)
Status = Literal["running", "compensating", "succeeded", "failed", "suspended"]


@dataclass(frozen=True)
class Account:
    """Who may sign in. The password's argon2id hash is sealed for `account_id`."""

    account_id: str
    login: str
    full_name: str
    role: str
    sealed_password: SealedSecret = field(repr=False)


@dataclass(frozen=True)
class Operation:
    """A saga as the views hold it. `found`: the views hold at least what its outcomes name.

    `request` is the upload request that began it, as long as it is known.
    """

    operation_id: str
    kind: str
    status: Status
    step: str
    started_at: datetime
    found: bool
    document_id: str | None = None
    problem: Problem | None = None
    finished_at: datetime | None = None
    steps: tuple[StepBody, ...] = ()
    request_sha256: str | None = None
    request: UploadRequested | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether its saga has ended."""
        return self.status in {"failed", "succeeded"}

    @property
    def is_settled(self) -> bool:
        """Whether nothing about it will change any more for who asks: ended, and what it made is found."""
        return self.is_terminal and (self.found or self.status == "failed")


@dataclass(frozen=True)
class Document:
    """A document's newest version, and the seal of its attributes (64 hex digits)."""

    body: DocumentBody
    attr_sha256: str


@dataclass(frozen=True)
class Element:
    """A storage element as its agent last told of itself; what was never told is None.

    `last_pass` is the last whole pass of its scrub, which only the views know.
    """

    element_id: str
    name: str
    mode: Mode
    mode_epoch: int
    url: str | None = None
    capacity: Capacity | None = None
    at: datetime | None = None
    damaged: int | None = None
    scrub: ScrubProgress | None = None
    last_pass: PassBody | None = None


class Views(Protocol):
    """The read side. Every method raises DatabaseUnavailable when it cannot answer now."""

    async def find_account(self, login: str) -> Account | None:
        """Return the account with this login."""
        ...

    async def has_administrator(self) -> bool:
        """Tell whether any account has the role administrator."""
        ...

    async def find_operation(self, operation_id: str) -> Operation | None:
        """Return the operation, known by its request or by its saga."""
        ...

    async def find_document(self, document_id: str) -> Document | None:
        """Return the document."""
        ...

    async def list_documents(self, limit: int, cursor: str | None) -> Page[DocumentBody]:
        """Return documents, newest first; InvalidCursor."""
        ...

    async def search(self, words: str, limit: int, cursor: str | None) -> Page[HitBody]:
        """Return hits, best first; InvalidCursor."""
        ...

    async def list_events(
        self, *, document_id: str | None, correlation_id: str | None, limit: int, cursor: str | None
    ) -> Page[EventBody]:
        """Return events by (occurred_at, event_id); InvalidCursor."""
        ...

    async def list_elements(self) -> Sequence[Element]:
        """Return every element that was ever registered, with its last status."""
        ...

    async def list_damages(self, limit: int, cursor: str | None) -> Page[DamageBody]:
        """Return the versions that are damaged now, the newest damage first; InvalidCursor."""
        ...


class MemoryViews:
    """The shipped double: views that hold what they are given; Cursors are positions.

    `away` takes operations and elements away.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.operations: dict[str, Operation] = {}
        self.documents: dict[str, Document] = {}
        self.events: list[EventBody] = []
        self.elements: list[Element] = []
        self.damages: list[DamageBody] = []
        self.away = False

    async def find_account(self, login: str) -> Account | None:
        """Return the account with this login."""
        return self.accounts.get(login)

    async def has_administrator(self) -> bool:
        """Tell whether any account has the role administrator."""
        return any(account.role == Role.ADMINISTRATOR for account in self.accounts.values())

    async def find_operation(self, operation_id: str) -> Operation | None:
        """Return the operation; DatabaseUnavailable while the double is told to be away."""
        if self.away:
            raise DatabaseUnavailable
        return self.operations.get(operation_id)

    async def find_document(self, document_id: str) -> Document | None:
        """Return the document."""
        return self.documents.get(document_id)

    async def list_documents(self, limit: int, cursor: str | None) -> Page[DocumentBody]:
        """Return documents, newest first."""
        bodies = sorted((document.body for document in self.documents.values()), key=lambda body: body.created_at)
        return _page(DocumentBody, bodies[::-1], limit, cursor)

    async def search(self, words: str, limit: int, cursor: str | None) -> Page[HitBody]:
        """Return documents whose title holds the words."""
        hits = [_hit(found.body) for found in self.documents.values() if words.lower() in found.body.title.lower()]
        return _page(HitBody, hits, limit, cursor)

    async def list_events(
        self, *, document_id: str | None, correlation_id: str | None, limit: int, cursor: str | None
    ) -> Page[EventBody]:
        """Return events by (occurred_at, event_id)."""
        found = [
            event
            for event in self.events
            if document_id in {None, event.aggregate_id} and correlation_id in {None, event.correlation_id}
        ]
        found.sort(key=lambda event: (event.occurred_at, event.event_id))
        return _page(EventBody, found, limit, cursor)

    async def list_elements(self) -> Sequence[Element]:
        """Return the elements; DatabaseUnavailable while the double is told to be away."""
        if self.away:
            raise DatabaseUnavailable
        return tuple(self.elements)

    async def list_damages(self, limit: int, cursor: str | None) -> Page[DamageBody]:
        """Return the versions that are damaged now, the newest damage first."""
        found = sorted(self.damages, key=lambda damage: damage.found_at, reverse=True)
        return _page(DamageBody, found, limit, cursor)


def _hit(body: DocumentBody) -> HitBody:
    return HitBody(
        document_id=body.document_id,
        version=body.version,
        filename=body.filename,
        title=body.title,
        snippet=body.title,
        rank=1.0,
    )


def _page(kind: type[Item], items: Sequence[Item], limit: int, cursor: str | None) -> Page[Item]:
    if cursor is not None and not cursor.isdecimal():
        raise InvalidCursor
    begin = int(cursor or 0)
    end = begin + limit
    page: Page[Item] = Page[kind](  # type: ignore[valid-type]
        items=tuple(items[begin:end]), next_cursor=str(end) if end < len(items) else None
    )
    return page
