"""PUT of a document's bytes: checked, streamed to the disk, judged, and committed before the answer."""

import hashlib
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.runtime.problems import problem_response
from schemas.api.uploads import Receipt
from schemas.errors import (
    ArtStoreError,
    DigestMismatch,
    LengthRequired,
    Malformed,
    SizeMismatch,
    UnsupportedMediaType,
    UploadConflict,
)
from schemas.ticket import UploadTicket
from storage_agent.acceptance import Acceptance, committed_headers
from storage_agent.access import Access
from storage_agent.bodies import ArrivingBody
from storage_agent.digests import announced_sha256
from storage_agent.documents import Documents
from storage_agent.inspection import HEAD_BYTES

LENGTH_DIGITS_MAX = 18


@dataclass(frozen=True)
class Uploads:
    """The verb `upload` over HTTP."""

    acceptance: Acceptance
    access: Access

    @property
    def documents(self) -> Documents:
        """What the element holds."""
        return self.acceptance.documents

    async def put(self, request: Request) -> Response:
        """Answer 200 with the receipt once the document is committed, else a problem; then nothing is kept."""
        body = ArrivingBody(request, self.acceptance.clock)
        try:
            ticket = self.access.upload(request)
            announced = self._announced(request, ticket)
            await self.documents.recall(ticket)
            receipt = self.documents.admit(ticket)
            if receipt is None:
                receipt = await self._take(request, ticket, body, announced or ticket.sha256)
            else:
                await self._require_same(ticket, receipt, body, announced)
        except ArtStoreError as error:
            self.acceptance.metrics.uploads_refused.labels(error.code).inc()
            return body.answered(problem_response(error, request.url.path))
        return body.answered(JSONResponse(receipt.model_dump(mode="json"), headers=committed_headers(receipt)))

    async def _take(self, request: Request, ticket: UploadTicket, body: ArrivingBody, announced: str | None) -> Receipt:
        head = b""
        arriving = await self.documents.stage(ticket)
        try:
            async for piece in body.pieces(ticket.deadline_at_max):
                head += piece[: HEAD_BYTES - len(head)]
                await arriving.write(piece)
            staged = await arriving.finish()
            self.acceptance.require_promised(request.url.path, ticket, staged, announced)
            return await self.acceptance.commit(request.url.path, ticket, staged, head)
        finally:
            await arriving.discard()

    def _announced(self, request: Request, ticket: UploadTicket) -> str | None:
        """Check what the headers say against the ticket; return the SHA-256 that they announce."""
        size = _length(request)
        digest = announced_sha256(*(request.headers.get(name) for name in ("repr-digest", "content-digest")))
        if size != ticket.size:
            msg = f"Content-Length is {size}, the upload was announced with {ticket.size} bytes. Nothing is kept."
            raise self.acceptance.noted(request.url.path, ticket, SizeMismatch(msg))
        if digest is not None and ticket.sha256 not in (None, digest):
            msg = "The digest in the header is not the one that was announced with the upload. Nothing is kept."
            raise self.acceptance.noted(request.url.path, ticket, DigestMismatch(msg))
        return digest

    async def _require_same(
        self, ticket: UploadTicket, receipt: Receipt, body: ArrivingBody, announced: str | None
    ) -> None:
        """Raise UploadConflict unless a PUT of what is committed already brings the same bytes.

        A digest in the headers spares reading them.
        """
        if announced is None:
            digest = hashlib.sha256()
            async for piece in body.pieces(ticket.deadline_at_max):
                digest.update(piece)
            announced = digest.hexdigest()
        if announced != receipt.sha256:
            raise UploadConflict


def _length(request: Request) -> int:
    """Return Content-Length; LengthRequired without it; partial and coded bodies are refused."""
    headers = request.headers
    if "content-range" in headers:
        raise Malformed("A PUT brings the whole document: Content-Range is not taken (RFC 9110 section 14.5).")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the document's own bytes, without a Content-Encoding.")
    text = headers.get("content-length", "")
    if "transfer-encoding" in headers or not text:
        raise LengthRequired
    if not text.isascii() or not text.isdigit() or len(text) > LENGTH_DIGITS_MAX:
        raise Malformed("Content-Length is not a number of bytes.")
    return int(text)
