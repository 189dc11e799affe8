"""Announcing an upload: checked, placed, put into the inbox, and answered with a ticket; a repeat gets its answer."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from api_gateway.dependencies import Parts, actor_of
from api_gateway.discovery import Found, find
from api_gateway.idempotency import digest_of, operation_of, require_same
from api_gateway.inbox import acknowledgement, until_known
from api_gateway.placement import TAKING, judged_at, place
from api_gateway.ports import Element, Operation
from api_gateway.texts import is_storable
from api_gateway.tickets import upload_answer, upload_ticket
from infra.runtime.security import AccessClaims
from infra.runtime.telemetry import current_traceparent
from producers.uploads import request_upload, upload_request
from schemas.api.uploads import UploadAnswer, UploadBody
from schemas.errors import AgentUnavailable, ElementUnavailable, FieldError, IdempotencyKeyReused, InvalidRequest
from schemas.requests import Description, UploadRequested
from schemas.retention import RETENTION_CLASSES

CLASS_BYTES_MAX = 64
SOURCE = "gateway"
REQUEST_LAG = timedelta(hours=1)


def check(body: UploadBody) -> None:
    """Refuse what the body's form alone does not show; InvalidRequest names every wrong place."""
    wrong = tuple(_wrong(body))
    if wrong:
        raise InvalidRequest(errors=wrong)


async def announce(parts: Parts, body: UploadBody, who: AccessClaims, key: str | None) -> UploadAnswer:
    """Announce the upload and return where its bytes go.

    With a `key` the first request under it is the one that counts: it is read back from the views, so that two
    gateways, or a repeat after a broken connection, answer alike.
    """
    asked = _Asked(body, who, digest_of(body), None if key is None else operation_of(who.subject, key))
    if asked.operation_id is None:
        return await _announced(parts, asked)
    if await parts.views.find_operation(asked.operation_id) is None:
        await _announced(parts, asked)
    known = await until_known(parts.views, asked.operation_id, lambda known: _is_answerable(known, parts.clock.now()))
    return await _answered_again(parts, known, asked.digest)


def _is_answerable(known: Operation, now: datetime) -> bool:
    """Tell whether the request stands beside its saga, or is so old that the inbox no longer keeps it.

    The two come from different topics, so the saga may be seen first.
    """
    return known.request is not None or now - known.started_at > REQUEST_LAG


@dataclass(frozen=True)
class _Asked:
    """What is asked for, by whom, under which operation's id (None: a new one)."""

    body: UploadBody
    who: AccessClaims
    digest: str
    operation_id: str | None


async def _announced(parts: Parts, asked: _Asked) -> UploadAnswer:
    now = parts.clock.now()
    elements = await parts.discovery.elements()
    element = place(elements, asked.body.element_id, asked.body.size, judged_at(elements, now))
    request = _request(parts, asked, element, now)
    # The ticket comes first: what does not fit into one is refused while nothing has been asked for yet.
    answer = _answer(parts, request, element)
    async with acknowledgement():
        await request_upload(parts.publisher, request, current_traceparent())
    return answer


async def _answered_again(parts: Parts, known: Operation, digest: str) -> UploadAnswer:
    require_same(known.request_sha256, digest)
    if known.request is None:
        raise IdempotencyKeyReused("The first request under this Idempotency-Key is no longer kept. Use a new key.")
    found = await find(parts.discovery, parts.views, known.request.element_id, parts.clock.now())
    if found is None or found.element.url is None:
        raise AgentUnavailable
    if not known.is_terminal:
        _require_taking(found)
    return _answer(parts, known.request, found.element)


def _require_taking(found: Found) -> None:
    element = found.element
    if element.mode not in TAKING:
        raise ElementUnavailable(f"Element {element.name} is now in mode {element.mode} and takes no uploads.")
    if not found.is_there:
        raise AgentUnavailable


def _request(parts: Parts, asked: _Asked, element: Element, now: datetime) -> UploadRequested:
    body = asked.body
    return upload_request(
        filename=body.filename,
        size=body.size,
        element_id=element.element_id,
        actor=actor_of(asked.who),
        now=now,
        source=SOURCE,
        deadline=parts.upload_deadline,
        deadline_max=parts.upload_deadline_max,
        media_type=body.media_type,
        sha256=body.sha256,
        description=Description(
            title=body.title or "", document_class=body.document_class or "", tags=body.tags, custom=body.custom
        ),
        retention_class=body.retention_class,
        operation_id=asked.operation_id,
        request_sha256=asked.digest,
    )


def _answer(parts: Parts, request: UploadRequested, element: Element) -> UploadAnswer:
    now = parts.clock.now()
    ticket = upload_ticket(request, element.mode_epoch, current_traceparent())
    return upload_answer(parts.keys.signing_key(now), ticket, element, now, parts.issuer)


def _wrong(body: UploadBody) -> Iterator[FieldError]:
    if body.retention_class not in RETENTION_CLASSES:
        yield FieldError("/retention_class", f"is none of {', '.join(RETENTION_CLASSES)}")
    if len((body.document_class or "").encode("utf-8", "replace")) > CLASS_BYTES_MAX:
        yield FieldError("/document_class", f"has more than {CLASS_BYTES_MAX} bytes of UTF-8")
    for name in ("filename", "media_type", "document_class"):
        if any(unicodedata.category(letter) == "Cc" for letter in getattr(body, name) or ""):
            yield FieldError(f"/{name}", "holds a control character")
    texts = {f"/{name}": getattr(body, name) or "" for name in ("title", "media_type", "document_class", "element_id")}
    texts |= {f"/tags/{n}": tag for n, tag in enumerate(body.tags)}
    for name, value in body.custom.items():
        texts[f"/custom/{name.replace('~', '~0').replace('/', '~1')}"] = f"{name}{value}"
    yield from (
        FieldError(place, "holds NUL or half a surrogate pair") for place in texts if not is_storable(texts[place])
    )
