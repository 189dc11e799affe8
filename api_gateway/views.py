"""The views in PostgreSQL, asked through their own queries and turned into what the gateway shows."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar, cast

import asyncpg
from pydantic import BaseModel, ValidationError

from api_gateway.ports import Account, Document, Element, Operation, Status
from projections.accounts import queries as accounts
from projections.documents import queries as documents
from projections.documents.search import Hit, search
from projections.elements import queries as elements
from projections.fixity import queries as fixity
from projections.operations import queries as operations
from projections.reading import Page as Listed
from projections.timeline import queries as timeline
from schemas.api.body import Page, Problem
from schemas.api.documents import DocumentBody, HitBody, Person, RetentionBody
from schemas.api.events import ActorBody, EventBody
from schemas.api.fixity import DamageBody, IntegrityBody, PassBody
from schemas.api.operations import StepBody
from schemas.elements import Mode
from schemas.envelope import Actor
from schemas.errors import DatabaseUnavailable
from schemas.events import Capacity, ScrubProgress
from schemas.permissions import Role
from schemas.requests import UploadRequested

# A statement is bounded by the server; this bounds the wait for a free connection too.
ANSWER_SECONDS = 8.0

Seen = TypeVar("Seen")
Shown = TypeVar("Shown", bound=BaseModel)


class PostgresViews:
    """`Views` over a pool of connections."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find_account(self, login: str) -> Account | None:
        """Return the account with this login, whatever its case."""
        found = await _bounded(accounts.account_by_login(self._pool, login))
        if found is None:
            return None
        return Account(found.account_id, found.login, found.full_name, found.role, found.sealed_password)

    async def has_administrator(self) -> bool:
        """Tell whether any account has the role administrator."""
        return any(found.role == Role.ADMINISTRATOR for found in await _bounded(accounts.accounts(self._pool)))

    async def find_operation(self, operation_id: str) -> Operation | None:
        """Return the operation, known by its request or by its saga."""
        found = await _bounded(operations.operation(self._pool, operation_id))
        return None if found is None else _operation(found)

    async def find_document(self, document_id: str) -> Document | None:
        """Return the document."""
        found = await _bounded(documents.document(self._pool, document_id))
        return None if found is None else Document(_body(found), found.attr_sha256)

    async def list_documents(self, limit: int, cursor: str | None) -> Page[DocumentBody]:
        """Return documents, newest first."""
        return _page(DocumentBody, await _bounded(documents.newest_documents(self._pool, limit, cursor)), _body)

    async def search(self, words: str, limit: int, cursor: str | None) -> Page[HitBody]:
        """Return hits, best first."""
        return _page(HitBody, await _bounded(search(self._pool, words, limit, cursor)), _hit)

    async def list_events(
        self, *, document_id: str | None, correlation_id: str | None, limit: int, cursor: str | None
    ) -> Page[EventBody]:
        """Return events by (occurred_at, event_id)."""
        found = await _bounded(
            timeline.events(self._pool, limit, cursor, document_id=document_id, correlation_id=correlation_id)
        )
        return _page(EventBody, found, _event)

    async def list_elements(self) -> Sequence[Element]:
        """Return every element that was ever registered, with its last status."""
        return tuple(map(_element, await _bounded(elements.elements(self._pool))))

    async def list_damages(self, limit: int, cursor: str | None) -> Page[DamageBody]:
        """Return the versions that are damaged now, the newest damage first."""
        return _page(DamageBody, await _bounded(fixity.damages(self._pool, limit, cursor)), _damage)


async def _bounded(question: Awaitable[Seen]) -> Seen:
    asked = asyncio.ensure_future(question)
    try:
        await asyncio.wait({asked}, timeout=ANSWER_SECONDS)
        if not asked.done():
            raise DatabaseUnavailable
        return asked.result()
    finally:
        # Not awaited: the driver gives a silent server's connection back only after its own, longer limit.
        asked.cancel()


def _page(kind: type[Shown], found: Listed[Seen], show: Callable[[Seen], Shown]) -> Page[Shown]:
    page: Page[Shown] = Page[kind](  # type: ignore[valid-type]
        items=tuple(map(show, found.items)), next_cursor=found.next_cursor
    )
    return page


def _operation(found: operations.OperationView) -> Operation:
    return Operation(
        operation_id=found.operation_id,
        kind=found.kind,
        status=cast("Status", found.status),
        step=found.step,
        started_at=found.started_at,
        found=found.found,
        document_id=found.document_id,
        problem=None if found.problem is None else _problem(found.problem),
        finished_at=found.finished_at,
        steps=tuple(StepBody(name=step.name, state=step.state, at=step.at) for step in found.steps),
        request_sha256=found.request_sha256,
        request=_upload(found),
    )


def _upload(found: operations.OperationView) -> UploadRequested | None:
    """Put the request together again as it stood in the inbox."""
    if found.kind != "upload" or found.request is None or found.requested_at is None:
        return None
    meta = UploadRequested.meta_for(
        event_id=found.operation_id,
        aggregate_id=found.operation_id,
        occurred_at=found.requested_at,
        correlation_id=found.operation_id,
        actor=Actor.model_validate(found.actor),
        source="views",
    )
    return UploadRequested.model_validate({**found.request, "meta": meta})


def _problem(told: Mapping[str, Any]) -> Problem:
    try:
        return Problem.model_validate(told, extra="ignore")
    except ValidationError:
        detail = str(told.get("detail", "Its reason cannot be read."))
        return Problem(
            type="urn:artstore:problem:unreadable", title="Failed", status=500, detail=detail, code="unreadable"
        )


def _body(found: documents.DocumentView) -> DocumentBody:
    return DocumentBody(
        document_id=found.document_id,
        version=found.version,
        filename=found.filename,
        title=found.title,
        size=found.size,
        media_type=found.media_type,
        sha256=found.sha256,
        document_class=found.document_class,
        tags=found.tags,
        custom=dict(found.custom),
        element_id=found.element_id,
        mode=found.mode,
        retention=RetentionBody.model_validate({"class": found.retention_class, "until": found.retention_until}),
        created_at=found.created_at,
        created_by=Person.model_validate(found.created_by, extra="ignore"),
        updated_at=found.updated_at,
        attr_seq=found.attr_seq,
        integrity=_integrity(found),
    )


def _integrity(found: documents.DocumentView) -> IntegrityBody:
    return IntegrityBody(
        state="whole" if found.damaged_part is None else "damaged",
        part=found.damaged_part,
        reason=found.damage_reason,
        found_by=found.damage_found_by,
        found_at=found.damage_found_at,
        quarantined=found.quarantined,
    )


def _damage(found: fixity.DamageView) -> DamageBody:
    return DamageBody.model_validate(asdict(found))


def _hit(found: Hit) -> HitBody:
    return HitBody(
        document_id=found.document_id,
        version=found.version,
        filename=found.filename,
        title=found.title,
        snippet=found.snippet,
        rank=found.rank,
    )


def _event(found: timeline.EventView) -> EventBody:
    return EventBody(
        topic=found.topic,
        partition=found.partition,
        offset=found.log_offset,
        event_id=found.event_id,
        type=found.type,
        aggregate_type=found.aggregate_type,
        aggregate_id=found.aggregate_id,
        aggregate_version=found.aggregate_version,
        occurred_at=found.occurred_at,
        correlation_id=found.correlation_id,
        causation_id=found.causation_id,
        actor=ActorBody.model_validate(found.actor, extra="ignore"),
        payload=dict(found.payload),
    )


def _element(found: elements.ElementView) -> Element:
    known = found.total_bytes is not None and found.used_bytes is not None and found.free_bytes is not None
    sizes = {"total": found.total_bytes, "used": found.used_bytes, "free": found.free_bytes}
    return Element(
        element_id=found.element_id,
        name=found.name,
        mode=Mode(found.mode),
        mode_epoch=found.mode_epoch,
        url=found.url,
        capacity=Capacity.model_validate(sizes) if known else None,
        at=found.last_seen_at,
        damaged=found.damaged,
        scrub=_scrub(found),
        last_pass=_last_pass(found),
    )


def _scrub(found: elements.ElementView) -> ScrubProgress | None:
    if found.scrub_pass is None:
        return None
    told = {"share": found.scrub_share, "documents": found.scrub_documents, "finished_at": found.scrub_finished_at}
    return ScrubProgress.model_validate({"pass_number": found.scrub_pass, **told})


def _last_pass(found: elements.ElementView) -> PassBody | None:
    if found.pass_number is None:
        return None
    names = ("number", "started_at", "finished_at", "documents", "bytes", "damaged")
    told = {name: getattr(found, f"pass_{name}") for name in names}
    return PassBody.model_validate({"pass_number": told.pop("number"), **told})
