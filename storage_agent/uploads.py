"""PUT of a document's bytes: checked, streamed to the disk, judged, and committed before the answer."""

import hashlib
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.runtime.clock import Clock
from infra.runtime.metrics import Metrics
from infra.runtime.problems import problem_body, problem_response
from infra.runtime.telemetry import current_traceparent, span
from schemas.api.uploads import Receipt
from schemas.errors import (
    ArtStoreError,
    DigestMismatch,
    LengthRequired,
    Malformed,
    SizeMismatch,
    TypeRefused,
    UnsupportedMediaType,
    UploadConflict,
)
from schemas.ticket import UploadTicket
from storage_agent.access import Access
from storage_agent.bodies import ArrivingBody
from storage_agent.digests import announced_sha256, digest_value, etag_of
from storage_agent.documents import Documents
from storage_agent.inspection import HEAD_BYTES, Policy, Verdict, inspect
from storage_agent.staging import Staged

LENGTH_DIGITS_MAX = 18


@dataclass(frozen=True)
class Uploads:
    """The verb `upload` over HTTP."""

    documents: Documents
    access: Access
    policy: Policy
    clock: Clock
    metrics: Metrics

    async def put(self, request: Request) -> Response:
        """Answer 200 with the receipt once the document is committed, else a problem; then nothing is kept."""
        body = ArrivingBody(request, self.clock)
        try:
            ticket = self.access.upload(request)
            announced = self._announced(request, ticket)
            receipt = self.documents.admit(ticket)
            if receipt is None:
                receipt = await self._take(request, ticket, body, announced or ticket.sha256)
            else:
                await self._require_same(ticket, receipt, body, announced)
        except ArtStoreError as error:
            self.metrics.uploads_refused.labels(error.code).inc()
            return body.answered(problem_response(error, request.url.path))
        headers = {"Repr-Digest": digest_value(receipt.sha256), "ETag": etag_of(receipt.sha256)}
        return body.answered(JSONResponse(receipt.model_dump(mode="json"), headers=headers))

    async def _take(self, request: Request, ticket: UploadTicket, body: ArrivingBody, announced: str | None) -> Receipt:
        head = b""
        arriving = await self.documents.stage(ticket)
        try:
            async for piece in body.pieces(ticket.deadline_at_max):
                head += piece[: HEAD_BYTES - len(head)]
                await arriving.write(piece)
            staged = await arriving.finish()
            self._require_promised(request, ticket, staged, announced)
            return await self._commit(request, ticket, staged, head)
        finally:
            await arriving.discard()

    def _announced(self, request: Request, ticket: UploadTicket) -> str | None:
        """Check what the headers say against the ticket; return the SHA-256 that they announce."""
        size = _length(request)
        digest = announced_sha256(*(request.headers.get(name) for name in ("repr-digest", "content-digest")))
        if size != ticket.size:
            msg = f"Content-Length is {size}, the upload was announced with {ticket.size} bytes. Nothing is kept."
            raise self._noted(request, ticket, SizeMismatch(msg))
        if digest is not None and ticket.sha256 not in (None, digest):
            msg = "The digest in the header is not the one that was announced with the upload. Nothing is kept."
            raise self._noted(request, ticket, DigestMismatch(msg))
        return digest

    def _require_promised(self, request: Request, ticket: UploadTicket, staged: Staged, announced: str | None) -> None:
        if staged.size != ticket.size:
            msg = f"{staged.size} bytes arrived, {ticket.size} were announced. Nothing is kept; send them again."
            raise self._noted(request, ticket, SizeMismatch(msg))
        if announced not in (None, staged.sha256):
            msg = (
                f"The bytes have the SHA-256 {staged.sha256}, {announced} was announced. Nothing is kept; "
                "send them again with the same ticket."
            )
            raise self._noted(request, ticket, DigestMismatch(msg))

    async def _commit(self, request: Request, ticket: UploadTicket, staged: Staged, head: bytes) -> Receipt:
        """Judge and commit, inside the trace that began with the announcement; the PUT's own span becomes a link."""
        own = current_traceparent()
        started = self.clock.monotonic()
        with span("commit", parent=ticket.traceparent, links=(own,) if own else ()):
            verdict = await self._judged(request, ticket, head)
            receipt = await self.documents.commit(ticket, staged, verdict.media_type, current_traceparent())
        self.metrics.commit_seconds.observe(self.clock.monotonic() - started)
        self.metrics.uploads_committed.inc()
        self.metrics.upload_bytes.inc(staged.size)
        return receipt

    async def _judged(self, request: Request, ticket: UploadTicket, head: bytes) -> Verdict:
        try:
            return inspect(head, ticket.media_type, ticket.filename, self.policy)
        except TypeRefused as error:
            problem = problem_body(error, request.url.path)
            await self.documents.refuse(ticket, error, problem, current_traceparent())
            raise

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

    def _noted(self, request: Request, ticket: UploadTicket, error: ArtStoreError) -> ArtStoreError:
        """Remember a refusal that leaves the ticket unspent, for who gives the upload up later."""
        self.documents.note_refusal(ticket, problem_body(error, request.url.path))
        return error


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
