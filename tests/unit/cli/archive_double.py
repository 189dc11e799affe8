"""An archive in memory behind two real loopback ports: a gateway and an agent that keep the HTTP contract.

Words are compared by their first six letters with ё as е: enough of a stemmer for what is asked here.
"""

import base64
import contextlib
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from typer.testing import Result

from infra.cli.transport import Patience
from infra.runtime.problems import install_problem_handlers
from schemas import errors
from schemas.api.accounts import AccountBody
from schemas.api.documents import LinkBody
from schemas.api.keys import KeyBody, RetirementBody
from schemas.api.uploads import UploadBody
from schemas.attributes import SEAL_FIELD
from schemas.sealing import seal
from tests.serving import served
from tests.unit.cli.interruptions import Interruptions, interrupted
from tests.unit.cli.shown import NOW, damage, shown, trail
from tests.unit.cli.tus_double import Arriving, TusMischief, tus_routes

PASSWORD = "swordfish"
PAGE = 7
QUICK = Patience(attempts=4, seconds=5.0, first_pause_seconds=0.01, resumed_attempts=4)

Command = Callable[..., Result]


@dataclass
class Stored:
    """One upload: what was announced, its operation, and its bytes once committed."""

    body: UploadBody
    operation_id: str
    document_id: str
    ticket: str
    content: bytes | None = None
    state: str = "running"
    problem: dict[str, object] | None = None
    arriving: Arriving | None = None


def a_key(kid: str, *, in_use: bool = False, retired_at: datetime | None = None) -> KeyBody:
    return KeyBody(kid=kid, active_from=NOW - timedelta(days=1), in_use=in_use, retired_at=retired_at)


@dataclass
class World(Interruptions):
    """The state of the archive, and the mischief that a test asks of it."""

    agent_url: str = ""
    tokens: set[str] = field(default_factory=set)
    by_key: dict[str, Stored] = field(default_factory=dict)
    refused_puts: list[errors.ArtStoreError] = field(default_factory=list)
    tus: TusMischief = field(default_factory=TusMischief)
    expired_tickets: int = 0
    flipped_bit_in: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    failing_names: set[str] = field(default_factory=set)
    silent_after: str | None = None
    deaf: bool = False
    puts: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    logins: int = 0
    credentials_at_agent: list[str] = field(default_factory=list)
    accounts: dict[str, AccountBody] = field(default_factory=dict)
    account_ends_as: str = "succeeded"
    keys: dict[str, KeyBody] = field(default_factory=lambda: {"new": a_key("new", in_use=True), "old": a_key("old")})

    def committed(self) -> list[Stored]:
        """Committed documents, newest first."""
        return [stored for stored in reversed(self.by_key.values()) if stored.state == "succeeded"]

    def document(self, document_id: str) -> Stored:
        """The committed document, or NotFound."""
        for stored in self.committed():
            if stored.document_id == document_id:
                return stored
        raise errors.NotFound


def _world(request: Request) -> World:
    world: World = request.app.state.world
    return world


def _signed_in(request: Request) -> World:
    world = _world(request)
    if request.headers.get("Authorization", "").removeprefix("Bearer ") not in world.tokens:
        raise errors.Unauthenticated
    return world


async def _token(request: Request) -> Response:
    world, form = _world(request), await request.form()
    if form.get("grant_type") != "password" or form.get("password") != PASSWORD:
        raise errors.InvalidCredentials
    world.logins += 1
    token = f"token-{world.logins}"
    world.tokens.add(token)
    return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 900})


async def _announce(request: Request) -> Response:
    world = _signed_in(request)
    body = UploadBody.model_validate_json(await request.body())
    key = request.headers.get("Idempotency-Key", "")
    stored = world.by_key.get(key)
    if stored is None:
        operation_id, document_id, ticket = (str(uuid.uuid4()) for _ in range(3))
        stored = world.by_key[key] = Stored(body, operation_id, document_id, ticket)
    if stored.body != body:
        raise errors.IdempotencyKeyReused
    if stored.ticket in world.tus.expired_tickets:
        stored.ticket = str(uuid.uuid4())
    answer = {
        "operation_id": stored.operation_id,
        "document_id": stored.document_id,
        "version": 1,
        "element_id": str(uuid.UUID(int=1)),
        "upload_url": f"{world.agent_url}/documents/{stored.document_id}/versions/1/content",
        "ticket": stored.ticket,
        "expires_at": (NOW + timedelta(days=1)).isoformat(),
        "a_field_of_a_later_release": True,
    }
    return JSONResponse(answer, 201, {"Location": f"/api/v1/operations/{stored.operation_id}"})


async def _account(request: Request) -> Response:
    world = _signed_in(request)
    body = AccountBody.model_validate_json(await request.body())
    operation_id = str(uuid.uuid4())
    world.accounts[operation_id] = body
    answer = {"operation_id": operation_id, "account_id": str(uuid.uuid4()), "login": body.login, "role": body.role}
    return JSONResponse(answer, 202)


async def _operation(request: Request) -> Response:
    world = _signed_in(request)
    wanted = request.path_params["id"]
    if wanted in world.accounts:
        problem = errors.UnsignedRequest()
        told = {"type": "t", "title": problem.title, "status": 403, "detail": problem.detail, "code": problem.code}
        state = {"state": world.account_ends_as, "problem": told if world.account_ends_as == "failed" else None}
        common = {"operation_id": wanted, "kind": "account", "step": "account", "started_at": NOW.isoformat()}
        return JSONResponse({**common, **state})
    stored = next((one for one in world.by_key.values() if one.operation_id == wanted), None)
    if stored is None:
        raise errors.NotFound
    answer: dict[str, Any] = {
        "operation_id": stored.operation_id,
        "kind": "upload",
        "state": stored.state,
        "step": "content" if stored.state == "running" else "done",
        "document_id": stored.document_id,
        "problem": stored.problem,
        "started_at": NOW.isoformat(),
        "finished_at": None,
        "steps": [],
    }
    return JSONResponse(answer)


async def _put(request: Request) -> Response:
    world = _world(request)
    stored = next(one for one in world.by_key.values() if one.document_id == request.path_params["id"])
    data = await request.body()
    if request.headers["Authorization"] != f"Bearer {stored.ticket}":
        raise errors.InvalidTicket
    if world.refused_puts:
        raise world.refused_puts.pop(0)
    digest = hashlib.sha256(data)
    told = f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    if len(data) != stored.body.size or int(request.headers["Content-Length"]) != len(data):
        raise errors.SizeMismatch
    if request.headers["Repr-Digest"] != told or stored.body.sha256 != digest.hexdigest():
        raise errors.DigestMismatch
    world.puts.append(stored.body.filename)
    _settle(world, stored, data)
    receipt = {"document_id": stored.document_id, "version": 1, "size": len(data), "sha256": digest.hexdigest()}
    return JSONResponse(receipt, headers={"Repr-Digest": told, "ETag": f'"sha256:{digest.hexdigest()}"'})


def _settle(world: World, stored: Stored, data: bytes) -> None:
    if stored.body.filename in world.failing_names:
        problem = {"type": "about:blank", "title": "Upload abandoned", "status": 410, "detail": "Too late."}
        stored.state, stored.problem = "failed", {**problem, "code": "upload_abandoned", "trace_id": "ab" * 16}
    elif stored.body.filename != world.silent_after:
        stored.content, stored.state = data, "succeeded"


async def _damages(request: Request) -> Response:
    world = _signed_in(request)
    about = {"version": 1, "element_id": str(uuid.UUID(int=1)), "element_name": "hot", "title": None}
    names = [stored for stored in world.committed() if stored.body.filename in world.damaged]
    items = [
        {"document_id": stored.document_id, "filename": stored.body.filename, **about, **damage(stored)}
        for stored in names
    ]
    return _page(request, items)


async def _keys(request: Request) -> Response:
    return _page(request, [key.model_dump(mode="json") for key in _signed_in(request).keys.values()])


async def _retire_key(request: Request) -> Response:
    world, kid = _signed_in(request), request.path_params["kid"]
    body = RetirementBody.model_validate_json(await request.body())
    if kid not in world.keys:
        raise errors.NotFound
    if world.keys[kid].in_use and not body.replace:
        raise errors.KeyInUse
    world.keys[kid] = a_key(kid, retired_at=NOW)
    return JSONResponse(world.keys[kid].model_dump(mode="json"))


async def _document(request: Request) -> Response:
    world = _signed_in(request)
    return JSONResponse(shown(world.document(request.path_params["id"]), world))


async def _attributes(request: Request) -> Response:
    stored = _signed_in(request).document(request.path_params["id"])
    return Response(seal({"title": stored.body.title or ""}, SEAL_FIELD), media_type="application/json")


async def _content(request: Request) -> Response:
    world = _signed_in(request)
    stored = world.document(request.path_params["id"])
    return RedirectResponse(f"{world.agent_url}/documents/{stored.document_id}?ticket={stored.ticket}", 307)


async def _link(request: Request) -> Response:
    world = _signed_in(request)
    stored, body = world.document(request.path_params["id"]), LinkBody.model_validate_json(await request.body())
    until = NOW + timedelta(seconds=body.seconds)
    url = f"{world.agent_url}/documents/{stored.document_id}?ticket={stored.ticket}"
    told = {"document_id": stored.document_id, "version": 1, "url": url, "expires_at": until.isoformat()}
    return JSONResponse(told, 201)


async def _serve(request: Request) -> Response:
    world = _world(request)
    stored = world.document(request.path_params["id"])
    world.credentials_at_agent.append(request.headers.get("Authorization", ""))
    if world.expired_tickets:
        world.expired_tickets -= 1
        raise errors.InvalidTicket
    if request.query_params.get("ticket") != stored.ticket:
        raise errors.InvalidTicket
    data = stored.content or b""
    if stored.body.filename in world.flipped_bit_in:
        data = bytes([data[0] ^ 1]) + data[1:]
    etag = f'"sha256:{stored.body.sha256}"'
    start, status, headers = 0, 200, {"ETag": etag, "Accept-Ranges": "bytes"}
    asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    if asked and request.headers.get("If-Range") == etag:
        start, status = int(asked[1]), 206
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        world.ranges.append(request.headers["Range"])
    headers["Content-Length"] = str(len(data) - start)
    return StreamingResponse(interrupted(world, data[start:]), status, headers)


async def _list(request: Request) -> Response:
    world = _signed_in(request)
    return _page(request, [shown(stored, world) for stored in world.committed()])


async def _search(request: Request) -> Response:
    world = _signed_in(request)
    wanted = _stems(request.query_params["q"])
    if not wanted:
        raise errors.InvalidRequest
    hits = []
    for stored in [] if world.deaf else world.committed():
        is_text = (stored.body.media_type or "").startswith("text/")
        text = (stored.content or b"").decode(errors="ignore") if is_text else ""
        if wanted <= _stems(f"{stored.body.filename} {stored.body.title} {text}"):
            told = shown(stored, world)
            named = {name: told[name] for name in ("document_id", "version", "filename", "title")}
            hits.append({**named, "snippet": text[:40], "rank": 0.5})
    return _page(request, hits)


def _stems(text: str) -> set[str]:
    return {word[:6] for word in re.findall(r"\w+", text.lower().replace("ё", "е"))}


async def _events(request: Request) -> Response:
    world = _signed_in(request)
    events = [event for stored in world.committed() for event in trail(stored)]
    for name, place in (("document_id", "aggregate_id"), ("correlation_id", "correlation_id")):
        if name in request.query_params:
            events = [event for event in events if event[place] == request.query_params[name]]
    return _page(request, events)


def _page(request: Request, items: list[dict[str, Any]]) -> Response:
    start = int(request.query_params.get("cursor", "0"))
    end = start + min(PAGE, int(request.query_params.get("limit", "20")))
    return JSONResponse({"items": items[start:end], "next_cursor": str(end) if end < len(items) else None})


@dataclass(frozen=True)
class Double:
    """Both halves of the archive, running. One pair of servers serves many tests, each with a world of its own."""

    gateway: Starlette
    agent: Starlette
    gateway_url: str
    agent_url: str

    def begin_anew(self) -> World:
        """Forget everything; the new, empty world."""
        world = World(agent_url=self.agent_url)
        self.gateway.state.world = self.agent.state.world = world
        return world


GATEWAY_ROUTES = (
    Route("/api/v1/auth/token", _token, methods=["POST"]),
    Route("/api/v1/accounts", _account, methods=["POST"]),
    Route("/api/v1/uploads", _announce, methods=["POST"]),
    Route("/api/v1/operations/{id}", _operation),
    Route("/api/v1/documents", _list),
    Route("/api/v1/documents/{id}", _document),
    Route("/api/v1/documents/{id}/attributes", _attributes),
    Route("/api/v1/documents/{id}/content", _content),
    Route("/api/v1/documents/{id}/links", _link, methods=["POST"]),
    Route("/api/v1/damages", _damages),
    Route("/api/v1/keys", _keys),
    Route("/api/v1/keys/{kid}/retire", _retire_key, methods=["POST"]),
    Route("/api/v1/search", _search),
    Route("/api/v1/events", _events),
)
VERSION = "/documents/{id}/versions/1"
AGENT_ROUTES = (
    Route(f"{VERSION}/content", _put, methods=["PUT"]),
    *tus_routes(f"{VERSION}/uploads", _settle),
    Route("/documents/{id}", _serve),
)


@contextlib.contextmanager
def running_double() -> Iterator[Double]:
    """Both halves on free loopback ports, until the block ends."""
    gateway, agent = Starlette(routes=GATEWAY_ROUTES), Starlette(routes=AGENT_ROUTES)
    for app in (gateway, agent):
        install_problem_handlers(app)
    with served(agent) as at_agent, served(gateway) as at_gateway:
        yield Double(gateway, agent, f"http://127.0.0.1:{at_gateway}", f"http://127.0.0.1:{at_agent}")


def as_lines(text: str) -> list[dict[str, Any]]:
    """Items of a printed JSON list."""
    items: list[dict[str, Any]] = json.loads(text)["items"]
    return items
