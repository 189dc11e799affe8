"""A gateway over doubles, asked through its real HTTP interface without a network."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

import argon2
import httpx2

from api_gateway.accounts import AccountDesk
from api_gateway.app import make_app
from api_gateway.attempts import Attempts
from api_gateway.dependencies import Parts
from api_gateway.discovery import ViewDiscovery
from api_gateway.keyholder import MemoryKeys
from api_gateway.keys import KeyDesk
from api_gateway.passwords import Passwords
from api_gateway.ports import Account, Document, Element, MemoryViews, Operation
from api_gateway.sessions import Sessions
from infra.runtime.clock import ManualClock
from infra.runtime.installation import Installation
from infra.runtime.keys import KeyRing, SigningKey, generate_key
from infra.runtime.metrics import Metrics
from infra.runtime.security import LINK_LIFE_MAX, AccessClaims, sign_token
from producers.publisher import MemoryPublisher
from schemas.api.documents import DocumentBody, Person, RetentionBody
from schemas.api.fixity import DamageBody, IntegrityBody
from schemas.elements import Mode
from schemas.envelope import Message, Position, Record
from schemas.events import Capacity
from schemas.identifiers import DocumentId, derive, new_id
from schemas.registry import decode
from schemas.requests import AccountRequested, KeyRequested, KeyRetirementRequested, UploadRequested
from tests.builders import EMPTY_SHA256, NOW

INSTALLATION = Installation.from_secret(bytes(range(32)))
HOT = Element(
    element_id=derive("hot", "element"),
    name="hot",
    mode=Mode.EDIT,
    mode_epoch=3,
    url="http://127.0.0.1:8081",
    capacity=Capacity(total=1000, used=400, free=600),
    at=NOW,
)
VAULT = replace(HOT, element_id=derive("vault", "element"), name="vault", mode=Mode.READ_WRITE)


def cheap_passwords() -> Passwords:
    """Return passwords whose hashes cost next to nothing, for those who make many."""
    return Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@cache
def signing_key() -> SigningKey:
    return generate_key("k1", NOW - timedelta(hours=1))


class FoldingPublisher(MemoryPublisher):
    """The double of the log, with processor and projector that never lag behind it; `lags` lets them fall behind."""

    def __init__(self, views: MemoryViews, keys: MemoryKeys) -> None:
        super().__init__()
        self.views = views
        self.keys = keys
        self.lags = False

    async def publish(self, record: Record) -> Position:
        position = await super().publish(record)
        if not self.lags:
            self.fold(decode(record.value))
        return position

    def fold(self, message: Message) -> None:
        if isinstance(message, KeyRequested):
            der = INSTALLATION.unwrap(message.sealed_private, message.key_id)
            self.keys.add(SigningKey.parse(message.key_id, message.active_from, der))
        elif isinstance(message, KeyRetirementRequested):
            self.keys.retire(message.key_id, message.meta.occurred_at)
        else:
            self._fold_operation(message)

    def _fold_operation(self, message: Message) -> None:
        assert isinstance(message, UploadRequested | AccountRequested)
        upload = message if isinstance(message, UploadRequested) else None
        operation = Operation(
            operation_id=message.meta.aggregate_id,
            kind="upload" if upload else "account",
            status="running" if upload else "succeeded",
            step="content" if upload else "account",
            started_at=message.meta.occurred_at,
            found=True,
            document_id=upload.document_id if upload else None,
            request_sha256=message.request_sha256,
            request=upload,
        )
        self.views.operations.setdefault(operation.operation_id, operation)
        if isinstance(message, AccountRequested):
            account = Account(
                message.account_id, message.login, message.full_name, message.role, message.sealed_password
            )
            self.views.accounts.setdefault(account.login, account)


@dataclass
class Edge:
    """The gateway, its doubles, and a client."""

    views: MemoryViews = field(default_factory=MemoryViews)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    metrics: Metrics = field(default_factory=Metrics)
    passwords: Passwords = field(default_factory=cheap_passwords)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    link_life_max: timedelta = LINK_LIFE_MAX

    def __post_init__(self) -> None:
        self.views.elements = [HOT, VAULT]
        self.begun.set()
        self.keys = keys = MemoryKeys(signing_key())
        self.publisher = FoldingPublisher(self.views, keys)
        self.desk = AccountDesk(self.publisher, self.passwords, INSTALLATION, self.clock)
        self.parts = Parts(
            clock=self.clock,
            views=self.views,
            discovery=ViewDiscovery(self.views),
            publisher=self.publisher,
            keys=keys,
            key_desk=KeyDesk(self.publisher, INSTALLATION, self.clock, keys),
            sessions=Sessions(
                self.views,
                keys,
                self.passwords,
                INSTALLATION,
                self.clock,
                self.metrics,
                Attempts(self.clock),
                900,
                "artstore",
                self.begun,
            ),
            accounts=self.desk,
            issuer="artstore",
            link_life_max=self.link_life_max,
            upload_deadline=timedelta(hours=24),
            upload_deadline_max=timedelta(hours=48),
        )
        transport = httpx2.ASGITransport(app=make_app(self.parts, self.metrics), raise_app_exceptions=False)
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://gateway")

    @property
    def ring(self) -> KeyRing:
        """What verifies now."""
        return self.keys.ring

    def token(self, role: str = "editor", login: str = "anna", now: datetime | None = None) -> str:
        who = AccessClaims(subject=derive(login, "account"), login=login, full_name="Анна Ёлкина", role=role)
        begun = now or self.clock.now()
        return sign_token(self.keys.signing_key(begun), who, begun, begun + timedelta(minutes=15))

    def headers(self, role: str = "editor", login: str = "anna", **more: str) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.token(role, login)}", **named}

    async def get(self, path: str, role: str = "administrator", **more: str) -> httpx2.Response:
        return await self.http.get(f"/api/v1{path}", headers=self.headers(role, **more))

    async def announce(
        self, body: Mapping[str, object] | None = None, role: str = "editor", login: str = "anna", **more: str
    ) -> httpx2.Response:
        asked = {"filename": "Отчёт.txt", "size": 12, **(body or {})}
        return await self.http.post("/api/v1/uploads", json=asked, headers=self.headers(role, login, **more))

    def published(self) -> list[Message]:
        return [decode(record.value) for record in self.publisher.records]

    async def add_account(self, login: str, password: str, role: str = "editor") -> Account:
        account_id = derive(login, "account")
        sealed = INSTALLATION.wrap((await self.passwords.hash(password)).encode(), account_id)
        account = self.views.accounts[login] = Account(account_id, login, "Анна Ёлкина", role, sealed)
        return account

    def add_document(self, title: str = "Опись фонда", *, seconds: int = 0, element: Element = HOT) -> Document:
        at = NOW + timedelta(seconds=seconds)
        body = DocumentBody(
            document_id=DocumentId(new_id(at)),
            version=1,
            filename="опись.txt",
            title=title,
            size=3,
            media_type="text/plain",
            sha256=EMPTY_SHA256,
            document_class="",
            tags=(),
            custom={"n": 1, "f": 1.0},
            element_id=element.element_id,
            mode=element.mode,
            retention=RetentionBody.model_validate({"class": "permanent", "until": None}),
            created_at=at,
            created_by=Person(subject="s", login="anna", full_name="Анна"),
            updated_at=at,
            attr_seq=1,
            integrity=IntegrityBody(state="whole"),
        )
        document = self.views.documents[body.document_id] = Document(body, EMPTY_SHA256)
        return document

    def damage(self, document: Document, *, seconds: int = 0) -> DamageBody:
        """Let the views know that the document's body is damaged."""
        body, at = document.body, NOW + timedelta(seconds=seconds)
        found = {"part": "body", "reason": "digest", "found_by": "scrub", "found_at": at}
        names = (f"{body.document_id}.v1.{body.filename}",)
        damaged = IntegrityBody.model_validate({"state": "damaged", **found, "quarantined": names})
        turned = body.model_copy(update={"integrity": damaged})
        self.views.documents[body.document_id] = replace(document, body=turned)
        about = body.model_dump(include={"document_id", "version", "filename", "title", "element_id"})
        damage = DamageBody.model_validate({**about, **found, "element_name": "hot", "quarantined": names})
        self.views.damages.append(damage)
        return damage


def assert_problem(answer: httpx2.Response, status: int, code: str) -> list[str]:
    """Check that the answer is this problem and return the pointers of its errors."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
    problem = answer.json()
    assert problem["code"] == code, problem
    assert {"type", "title", "status", "detail", "instance", "code", "trace_id"} <= set(problem)
    assert problem["status"] == status
    return [error["pointer"] for error in problem.get("errors", [])]
