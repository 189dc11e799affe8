"""Documents: the list, one of them, and the way to its bytes and attributes at the agent."""

import json
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import RedirectResponse

from api_gateway.dependencies import PAGE_LIMIT, Cursor, Given, Limit, Parts, Reader
from api_gateway.discovery import find
from api_gateway.ports import Document, Element
from api_gateway.tickets import download_url, link_url
from schemas.api.body import Page
from schemas.api.documents import DocumentBody, LinkAnswer, LinkBody
from schemas.errors import AgentUnavailable, FieldError, InvalidRequest, NotFound

router = APIRouter(prefix="/api/v1/documents", tags=["documents"])


@router.get("")
async def list_documents(
    _who: Reader, parts: Given, limit: Limit = PAGE_LIMIT, cursor: Cursor = None
) -> Page[DocumentBody]:
    """List documents, newest first."""
    return await parts.views.list_documents(limit, cursor)


@router.get("/{document_id}", response_model=DocumentBody)
async def show_document(
    document_id: str, _who: Reader, parts: Given, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Show a document's newest version; 304 when the client has this very state of it."""
    document = await _found(parts, document_id)
    tag = etag_of(document)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and is_named(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    body = json.dumps(jsonable_encoder(document.body), ensure_ascii=False, separators=(",", ":"))
    return Response(body, media_type="application/json", headers=headers)


@router.head("/{document_id}/content", status_code=307, include_in_schema=False)
@router.get("/{document_id}/content", status_code=307, response_class=RedirectResponse)
async def locate_content(document_id: str, who: Reader, parts: Given) -> Response:
    """Send the client to the agent that holds the bytes, with a ticket of 60 seconds."""
    return await _redirect(parts, document_id, "content", who.subject)


@router.head("/{document_id}/attributes", status_code=307, include_in_schema=False)
@router.get("/{document_id}/attributes", status_code=307, response_class=RedirectResponse)
async def locate_attributes(document_id: str, who: Reader, parts: Given) -> Response:
    """Send the client to the agent that holds the sealed `attr.json`, with a ticket of 60 seconds."""
    return await _redirect(parts, document_id, "attributes", who.subject)


@router.post("/{document_id}/links", status_code=201)
async def make_link(document_id: str, body: LinkBody, who: Reader, parts: Given, response: Response) -> LinkAnswer:
    """Make a link to the newest version's content that opens without signing in, in any browser, until it expires."""
    life = timedelta(seconds=body.seconds)
    if life > parts.link_life_max:
        most = f"must be at most {parts.link_life_max.total_seconds():g} in this installation"
        raise InvalidRequest(errors=(FieldError("/seconds", most),))
    document, element, now = await _located(parts, document_id)
    key, until = parts.keys.signing_key(now), now + life
    response.headers["Cache-Control"] = "no-store"
    return LinkAnswer(
        document_id=document.body.document_id,
        version=document.body.version,
        url=link_url(key, document, element, who.subject, now, until, parts.issuer),
        expires_at=until,
    )


def etag_of(document: Document) -> str:
    """Return the strong entity tag: the seal, and beside it what it does not cover: the element's mode, and damage."""
    found_at = document.body.integrity.found_at
    damage = "" if found_at is None else f"/damaged:{found_at.isoformat()}"
    return f'"sha256:{document.attr_sha256}/{document.body.mode or "unknown"}{damage}"'


def is_named(tag: str, if_none_match: str) -> bool:
    """Tell whether If-None-Match names this tag (RFC 9110 section 13.1.2: compared weakly)."""
    named = [name.strip().removeprefix("W/") for name in if_none_match.split(",")]
    return "*" in named or tag in named


async def _found(parts: Parts, document_id: str) -> Document:
    document = await parts.views.find_document(document_id)
    if document is None:
        raise NotFound
    return document


async def _located(parts: Parts, document_id: str) -> tuple[Document, Element, datetime]:
    """Return a document, the element that holds it, whose agent is there, and the moment of that."""
    document = await _found(parts, document_id)
    now = parts.clock.now()
    found = await find(parts.discovery, parts.views, document.body.element_id, now)
    if found is None or not found.is_there:
        raise AgentUnavailable
    return document, found.element, now


async def _redirect(parts: Parts, document_id: str, part: str, subject: str) -> Response:
    document, element, now = await _located(parts, document_id)
    url = download_url(parts.keys.signing_key(now), document, element, part, subject, now, parts.issuer)
    return Response(status_code=307, headers={"Location": url, "Cache-Control": "no-store"})
