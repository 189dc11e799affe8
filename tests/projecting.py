"""What tests of the views share: a database of their own, records on the real log, and facts with good defaults."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
from pydantic import SecretStr

from infra.runtime.kafka import apply_topics, open_producer
from infra.runtime.metrics import Metrics
from infra.runtime.postgres import open_pool
from infra.runtime.settings import Settings
from projections.catalogue import DOCUMENTS, VIEWS
from projections.dead_letters import DeadLetters, MemoryDeadLetters
from projections.documents.fold import DocumentRow
from projections.log import ends
from projections.projector import Ground, Projector
from projections.shape import ensure_views
from projections.tables import Row
from projections.texts.queries import TextStore, Wanted
from projections.view import View
from projections.words import normal
from schemas.attributes import Attributes
from schemas.elements import ElementIdentity, Mode
from schemas.envelope import Message, Meta, Position, Received, Record
from schemas.events import (
    AccountCreated,
    Capacity,
    DocumentDamaged,
    DocumentMended,
    ElementRegistered,
    ElementScrubbed,
    ElementStatus,
    Outcome,
    Output,
    SagaAdvanced,
    StepState,
    TextExtracted,
    TextUnavailable,
)
from schemas.fixity import DamagedPart, DamageReason, FoundBy
from schemas.identifiers import AccountId, ElementId, derive, new_id
from schemas.registry import encode
from schemas.requests import Description, SealedSecret, UploadRequested
from tests.builders import ELEMENT_ID, EMPTY_SHA256, NOW, an_actor, an_attributes, an_upload_request


@dataclass(frozen=True)
class Bench:
    """Real servers with a database that belongs to one test."""

    settings: Settings
    pool: asyncpg.Pool

    def ground(self, letters: DeadLetters | None = None) -> Ground:
        return Ground(self.pool, self.settings.kafka, letters or MemoryDeadLetters(), Metrics())

    async def publish(self, *records: Message | Record) -> None:
        """Put messages on the log, in this order, each acknowledged."""
        async with open_producer(self.settings.kafka, "artstore-test") as producer:
            for each in records:
                record = each if isinstance(each, Record) else encode(each)
                headers = [(name, value.encode()) for name, value in record.headers.items()]
                await producer.send_and_wait(record.topic, record.value, record.key, headers=headers)

    async def project(self, *views: View) -> None:
        """Bring views to the present end of the log."""
        for view in views or VIEWS:
            until = await ends(self.settings.kafka, view.partitions)
            await Projector(view, self.ground()).catch_up(until)

    async def keep_text(self, fact: TextExtracted, text: str) -> None:
        """Store a text as if it had been fetched."""
        wanted = Wanted(
            fact.meta.aggregate_id,
            fact.document_version,
            fact.element_id,
            fact.meta.aggregate_version,
            fact.text_sha256,
            1,
            None,
        )
        assert await TextStore(self.pool).store(wanted, text, normal(text))


@asynccontextmanager
async def open_bench(servers: Settings, home: Path) -> AsyncIterator[Bench]:
    await apply_topics(servers.kafka)
    name = f"test_{uuid4().hex}"
    owner = servers.postgres.required_dsn()
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        dsn = SecretStr(f"{owner.rsplit('/', 1)[0]}/{name}")
        postgres = servers.postgres.model_copy(update={"dsn": dsn})
        settings = servers.model_copy(update={"postgres": postgres, "home": home})
        async with open_pool(settings.postgres, "artstore-test") as pool:
            await ensure_views(pool)
            yield Bench(settings, pool)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


def documents_view_refusing(title: str) -> View:
    """The view of documents, but PostgreSQL does not take the rows of those with this title."""

    def spoiled(row: Row) -> Row:
        return row._replace(size=2**70) if isinstance(row, DocumentRow) and row.title == title else row

    return replace(DOCUMENTS, fold=lambda record: tuple(map(spoiled, DOCUMENTS.fold(record))))


def received(message: Message, offset: int = 0) -> Received:
    return Received(message, Position(message.topic, 0, offset))


def a_document(  # noqa: PLR0913 - a document has this many faces, all by name
    title: str = "Годовой отчёт",
    filename: str = "Отчёт.txt",
    *,
    tags: Sequence[str] = (),
    custom: dict[str, str | bool | int | float] | None = None,
    now: datetime = NOW,
    attr_seq: int = 1,
) -> Attributes:
    """Attributes of a document with a new id."""
    description = Description(title=title, tags=tuple(tags), custom=custom or {})
    request = an_upload_request(filename=filename, now=now, description=description)
    return an_attributes(request, now=now, attr_seq=attr_seq)


def next_state(attributes: Attributes, **description: str) -> Attributes:
    """The same document after one more change of its description."""
    described = attributes.description.model_copy(update=description)
    return attributes.model_copy(update={"attr_seq": attributes.attr_seq + 1, "description": described})


def a_text(attributes: Attributes, text: str, *, text_version: int = 1) -> TextExtracted:
    data = text.encode()
    meta = TextExtracted.meta_for(
        event_id=derive(attributes.document_id, "text", text_version),
        aggregate_id=attributes.document_id,
        aggregate_version=text_version,
        occurred_at=attributes.provenance.created_at + timedelta(seconds=1),
        correlation_id=new_id(NOW),
        actor=an_actor(),
        source="agent/hot",
    )
    return TextExtracted(
        meta=meta,
        document_version=attributes.version,
        element_id=attributes.element.element_id,
        sha256=attributes.content.sha256,
        text_sha256=hashlib.sha256(data).hexdigest(),
        characters=len(text),
        truncated=False,
    )


def no_text(attributes: Attributes, reason: str = "no text in this type") -> TextUnavailable:
    fact = a_text(attributes, "")
    meta = fact.meta.model_copy(update={"type": TextUnavailable.type_name()})
    return TextUnavailable(
        meta=meta,
        document_version=fact.document_version,
        element_id=fact.element_id,
        sha256=fact.sha256,
        reason=reason,
    )


def an_identity(element_id: str, name: str = "hot", *, mode: Mode = Mode.EDIT, epoch: int = 1) -> ElementIdentity:
    return ElementIdentity(
        element_id=ElementId(element_id),
        name=name,
        mode=mode,
        mode_epoch=epoch,
        open_epoch=1,
        created_at=NOW,
        changed_at=NOW,
    )


def a_registration(identity: ElementIdentity) -> ElementRegistered:
    meta = ElementRegistered.meta_for(
        event_id=derive(identity.element_id, "registered", identity.mode_epoch),
        aggregate_id=identity.element_id,
        aggregate_version=identity.mode_epoch,
        occurred_at=NOW,
        correlation_id=new_id(NOW),
        actor=an_actor(),
        source="agent/hot",
    )
    return ElementRegistered(
        meta=meta,
        name=identity.name,
        mode=identity.mode,
        mode_epoch=identity.mode_epoch,
        identity=identity.sealed(),
    )


def a_heartbeat(
    element_id: str,
    url: str = "http://127.0.0.1:1",
    *,
    at: datetime = NOW,
    epoch: int = 1,
) -> ElementStatus:
    meta = ElementStatus.meta_for(
        event_id=new_id(at),
        aggregate_id=element_id,
        occurred_at=at,
        correlation_id=new_id(at),
        actor=an_actor(),
        source="agent/hot",
    )
    return ElementStatus(
        meta=meta,
        name="hot",
        mode=Mode.EDIT,
        mode_epoch=epoch,
        url=url,
        capacity=Capacity(total=100, used=40, free=60),
        outbox=0,
    )


def a_damage(document_id: str, number: int, version: int = 1, element_id: str = ELEMENT_ID) -> DocumentDamaged:
    """A version's body is found damaged; `number` is the fact's, and its microseconds after NOW."""
    return DocumentDamaged(
        meta=_fixity_meta(DocumentDamaged, document_id, number),
        document_version=version,
        element_id=ElementId(element_id),
        part=DamagedPart.BODY,
        reason=DamageReason.DIGEST,
        found_by=FoundBy.SCRUB,
        sha256=EMPTY_SHA256,
        size=0,
        quarantined=(f"{document_id}.v{version}.Опись.txt",),
    )


def a_mending(document_id: str, number: int, version: int = 1, element_id: str = ELEMENT_ID) -> DocumentMended:
    """The same version is found whole again."""
    return DocumentMended(
        meta=_fixity_meta(DocumentMended, document_id, number),
        document_version=version,
        element_id=ElementId(element_id),
        found_by=FoundBy.READ,
        sha256=EMPTY_SHA256,
        size=0,
    )


def a_pass(element_id: str, number: int, *, finished_at: datetime = NOW, damaged: int = 0) -> ElementScrubbed:
    """An element has read itself through in an hour."""
    meta = ElementScrubbed.meta_for(
        event_id=derive(element_id, f"scrubbed/{finished_at.isoformat()}", number),
        aggregate_id=element_id,
        aggregate_version=number,
        occurred_at=finished_at,
        correlation_id=new_id(NOW),
        actor=an_actor(),
        source="agent/hot",
    )
    started_at = finished_at - timedelta(hours=1)
    return ElementScrubbed(
        meta=meta, started_at=started_at, finished_at=finished_at, documents=41, bytes=1_000, damaged=damaged
    )


def _fixity_meta(kind: type[Message], document_id: str, number: int) -> Meta:
    event_id = derive(document_id, "fixity", number)
    return kind.meta_for(
        event_id=event_id,
        aggregate_id=document_id,
        aggregate_version=number,
        occurred_at=NOW + timedelta(microseconds=number),
        correlation_id=event_id,
        actor=an_actor(),
        source="agent/hot",
    )


def a_saga_step(  # noqa: PLR0913 - a step has this many faces, all by name
    request: UploadRequested,
    version: int,
    *,
    status: str = "running",
    step: str = "content",
    outcomes: Iterable[Outcome] = (),
    outputs: Iterable[Output] = (),
    state: str = "{}",
    problem: str | None = None,
) -> SagaAdvanced:
    operation_id, at = request.meta.aggregate_id, request.meta.occurred_at + timedelta(seconds=version)
    meta = SagaAdvanced.meta_for(
        event_id=derive(operation_id, "advanced", version),
        aggregate_id=operation_id,
        aggregate_version=version,
        occurred_at=at,
        correlation_id=operation_id,
        causation_id=request.meta.event_id,
        actor=request.meta.actor,
        source="processor",
    )
    return SagaAdvanced(
        meta=meta,
        kind="upload",
        status=status,
        step=step,
        state=state,
        cause_id=request.meta.event_id,
        cause_type=request.meta.type,
        steps=(StepState(name="request", state="done", at=at),),
        outputs=tuple(outputs),
        outcomes=tuple(outcomes),
        document_id=request.document_id,
        element_id=request.element_id,
        request_sha256=request.request_sha256,
        problem=problem,
        started_at=request.meta.occurred_at,
        finished_at=at if status in {"succeeded", "failed"} else None,
    )


def an_account(login: str, account_id: str | None = None) -> AccountCreated:
    account_id = account_id or new_id(NOW)
    meta = AccountCreated.meta_for(
        event_id=derive(account_id, "account-created"),
        aggregate_id=account_id,
        aggregate_version=1,
        occurred_at=NOW,
        correlation_id=new_id(NOW),
        actor=an_actor(),
        source="processor",
    )
    return AccountCreated(
        meta=meta,
        account_id=AccountId(account_id),
        login=login,
        full_name="Анна Ёлкина",
        role="reader",
        sealed_password=SealedSecret(key_id="k1", nonce=b"\0\1", ciphertext=b"\2\0"),
    )


def write_element(root: Path, identity: ElementIdentity, documents: Iterable[Attributes]) -> None:
    """Lay an element's folder out as an agent would, without the bodies."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "element.json").write_bytes(identity.sealed())
    for attributes in documents:
        hour = root / "2026" / "11" / "24" / "10"
        hour.mkdir(parents=True, exist_ok=True)
        name = f"{attributes.document_id}.v{attributes.version}.attr.json"
        (hour / name).write_bytes(attributes.sealed())


def flipped(data: bytes) -> bytes:
    """The same sealed file with one letter of its title changed."""
    body = json.loads(data)
    return data.replace(json.dumps(body["description"]["title"], ensure_ascii=False).encode(), b'"forged"', 1)
