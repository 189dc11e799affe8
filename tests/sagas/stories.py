"""Stories that sagas live through: the inbox messages of each, in order."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from schemas.envelope import Message, Meta
from schemas.identifiers import AccountId, KeyId, derive, new_id
from schemas.replies import TextFinished, UploadAbandoned, UploadInProgress, UploadRefused
from schemas.requests import (
    AccountRequested,
    DeadlineExpired,
    InboxMessage,
    KeyRequested,
    KeyRetirementRequested,
    SealedSecret,
    UploadRequested,
)
from tests.builders import EMPTY_SHA256, NOW, a_content_committed, an_actor, an_upload_request
from tests.sagas.harness import SIGNATURE

M = TypeVar("M", bound=InboxMessage)
SECRET = SealedSecret(key_id="installation", nonce=b"n", ciphertext=b"c")
REFUSAL = '{"type":"urn:artstore:problem:type_refused","title":"No","status":415,"detail":"ELF.","code":"type_refused"}'


def a_reply(kind: type[InboxMessage], saga_id: str, name: str, at: datetime, cause: str | None = None) -> Meta:
    return kind.meta_for(
        event_id=derive(saga_id, name),
        aggregate_id=saga_id,
        occurred_at=at,
        correlation_id=saga_id,
        causation_id=cause,
        actor=an_actor(),
        source="agent/hot",
    )


def a_deadline(saga_id: str, token: int, at: datetime) -> DeadlineExpired:
    return DeadlineExpired(meta=a_reply(DeadlineExpired, saga_id, f"deadline-{token}", at), token=token)


def asked_by(deadline: DeadlineExpired) -> str:
    """Return the id of the `AbandonUpload` that follows from a deadline."""
    return derive(deadline.meta.event_id, "abandon-upload")


def text_finished(request: UploadRequested, *, version: int = 1, at: datetime = NOW) -> TextFinished:
    return TextFinished(
        meta=a_reply(TextFinished, request.meta.aggregate_id, "text", at),
        document_id=request.document_id,
        document_version=1,
        text_version=version,
        available=version > 0,
    )


def refused(request: UploadRequested, problem: str = REFUSAL) -> UploadRefused:
    return UploadRefused(
        meta=a_reply(UploadRefused, request.meta.aggregate_id, "refused", NOW),
        document_id=request.document_id,
        ticket_id=request.ticket_id,
        code="type_refused",
        problem=problem,
    )


def in_progress(request: UploadRequested, cause: str, at: datetime) -> UploadInProgress:
    return UploadInProgress(
        meta=a_reply(UploadInProgress, request.meta.aggregate_id, f"progress-{cause}", at, cause),
        document_id=request.document_id,
        ticket_id=request.ticket_id,
        received_bytes=7,
    )


def abandoned(request: UploadRequested, last_refusal: str | None = None) -> UploadAbandoned:
    return UploadAbandoned(
        meta=a_reply(UploadAbandoned, request.meta.aggregate_id, "abandoned", NOW),
        document_id=request.document_id,
        ticket_id=request.ticket_id,
        last_refusal=last_refusal,
    )


def an_account_request(*, signature: bytes = SIGNATURE, name: str = "first") -> AccountRequested:
    saga_id = derive("reader", "account-saga")
    return AccountRequested(
        meta=a_reply(AccountRequested, saga_id, name, NOW),
        account_id=AccountId(derive(name, "account")),
        login="reader",
        full_name="Чтец",
        role="reader",
        sealed_password=SECRET,
        request_sha256=EMPTY_SHA256,
        signature=signature,
    )


def a_key_request(*, signature: bytes = SIGNATURE) -> KeyRequested:
    saga_id = new_id(NOW)
    return KeyRequested(
        meta=a_reply(KeyRequested, saga_id, "key", NOW),
        key_id=KeyId(new_id(NOW)),
        public_jwk="{}",
        sealed_private=SECRET,
        active_from=NOW,
        request_sha256=EMPTY_SHA256,
        signature=signature,
    )


def a_key_retirement(*, signature: bytes = SIGNATURE, name: str = "first") -> KeyRetirementRequested:
    return KeyRetirementRequested(
        meta=a_reply(KeyRetirementRequested, derive("key", "retirement-saga"), name, NOW),
        key_id=KeyId(derive("a", "key")),
        request_sha256=EMPTY_SHA256,
        signature=signature,
    )


def stories() -> dict[str, Sequence[Message]]:
    """Return the stories by their names; every step of every saga is in one of them."""
    request = an_upload_request()
    saga_id, hour = request.meta.aggregate_id, timedelta(hours=1)
    first, again = a_deadline(saga_id, 1, NOW + 24 * hour), a_deadline(saga_id, 2, NOW + 25 * hour)
    renewed = a_deadline(saga_id, 3, NOW + 48 * hour)
    progress = in_progress(request, asked_by(first), NOW + 24 * hour)
    committed, text = a_content_committed(request), text_finished(request)
    return {
        "committed with text": (request, committed, text),
        "committed without text": (request, committed, text_finished(request, version=0)),
        "committed and no answer about text": (request, committed, again),
        "committed, unknown before": (committed, text),
        "refused by policy": (request, refused(request)),
        "abandoned": (request, first, abandoned(request)),
        "abandoned when asked again": (request, first, again, abandoned(request)),
        "committed while abandoning": (request, first, committed, text),
        "refused while abandoning": (request, first, refused(request)),
        "renewed, then abandoned": (request, first, progress, renewed, abandoned(request)),
        "renewed, then committed": (request, first, progress, committed, text),
        "account": (an_account_request(),),
        "account, unsigned, then signed": (an_account_request(signature=b"", name="forged"), an_account_request()),
        "two for one login": (an_account_request(), an_account_request(name="second")),
        "key": (a_key_request(),),
        "key, unsigned": (a_key_request(signature=b"guess"),),
        "key retired twice": (a_key_retirement(), a_key_retirement(name="second")),
        "key retired, unsigned, then signed": (a_key_retirement(signature=b"", name="forged"), a_key_retirement()),
    }
