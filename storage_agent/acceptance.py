"""The one way from a finished body to a document: compared with what was announced, judged, committed, counted."""

from dataclasses import dataclass

from infra.runtime.clock import Clock
from infra.runtime.metrics import Metrics
from infra.runtime.problems import problem_body
from infra.runtime.telemetry import current_traceparent, span
from schemas.api.uploads import Receipt
from schemas.errors import ArtStoreError, DigestMismatch, SizeMismatch, TypeRefused
from schemas.ticket import UploadTicket
from storage_agent.digests import digest_value, etag_of
from storage_agent.documents import Documents
from storage_agent.inspection import Policy, Verdict, inspect
from storage_agent.staging import Staged


@dataclass(frozen=True)
class Acceptance:
    """What PUT and resumable uploads do alike. `instance` is always the path of the request that is answered."""

    documents: Documents
    policy: Policy
    clock: Clock
    metrics: Metrics

    def require_promised(self, instance: str, ticket: UploadTicket, staged: Staged, announced: str | None) -> None:
        """Raise SizeMismatch or DigestMismatch unless the body is what the ticket and `announced` (SHA-256) say."""
        if staged.size != ticket.size:
            msg = f"{staged.size} bytes arrived, {ticket.size} were announced. Nothing is kept; send them again."
            raise self.noted(instance, ticket, SizeMismatch(msg))
        if announced not in (None, staged.sha256):
            msg = (
                f"The bytes have the SHA-256 {staged.sha256}, {announced} was announced. Nothing is kept; "
                "send them again with the same ticket."
            )
            raise self.noted(instance, ticket, DigestMismatch(msg))

    async def commit(self, instance: str, ticket: UploadTicket, staged: Staged, head: bytes) -> Receipt:
        """Judge by the first bytes and commit, inside the trace that began with the announcement.

        The request's own span becomes a link. TypeRefused spends the ticket; else as `Documents.commit`.
        """
        own = current_traceparent()
        started = self.clock.monotonic()
        with span("commit", parent=ticket.traceparent, links=(own,) if own else ()):
            verdict = await self._judged(instance, ticket, head)
            receipt = await self.documents.commit(ticket, staged, verdict.media_type, current_traceparent())
        self.metrics.commit_seconds.observe(self.clock.monotonic() - started)
        self.metrics.uploads_committed.inc()
        self.metrics.upload_bytes.inc(staged.size)
        return receipt

    def noted(self, instance: str, ticket: UploadTicket, error: ArtStoreError) -> ArtStoreError:
        """Remember a refusal that leaves the ticket unspent, for who gives the upload up later; return it."""
        self.documents.note_refusal(ticket, problem_body(error, instance))
        return error

    async def _judged(self, instance: str, ticket: UploadTicket, head: bytes) -> Verdict:
        try:
            return inspect(head, ticket.media_type, ticket.filename, self.policy)
        except TypeRefused as error:
            await self.documents.refuse(ticket, error, problem_body(error, instance), current_traceparent())
            raise


def committed_headers(receipt: Receipt) -> dict[str, str]:
    """Return the headers that name what was committed."""
    return {"Repr-Digest": digest_value(receipt.sha256), "ETag": etag_of(receipt.sha256)}
