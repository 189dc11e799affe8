"""One sample of each message and of the attributes; run as a program it writes the golden files that are missing."""

from datetime import timedelta
from pathlib import Path

from schemas.attributes import Attributes
from schemas.commands import AbandonUpload, ExtractText
from schemas.elements import ElementIdentity, Mode
from schemas.envelope import Message
from schemas.events import (
    AccountCreated,
    Capacity,
    DocumentDamaged,
    DocumentMended,
    ElementModeChanged,
    ElementRegistered,
    ElementScrubbed,
    ElementStatus,
    KeyRegistered,
    KeyRetired,
    Outcome,
    Output,
    SagaAdvanced,
    StepState,
    TextExtracted,
    TextUnavailable,
)
from schemas.fixity import DamagedPart, DamageReason, FoundBy
from schemas.identifiers import AccountId, DocumentId, KeyId, TicketId, derive
from schemas.registry import encode, newest_ids
from schemas.replies import TextFinished, UploadAbandoned, UploadInProgress, UploadRefused
from schemas.requests import (
    AccountRequested,
    DeadlineExpired,
    Description,
    KeyRequested,
    KeyRetirementRequested,
    SealedSecret,
    UploadRequested,
)
from tests.builders import (
    ELEMENT_ID,
    EMPTY_SHA256,
    NOW,
    a_content_committed,
    a_document_committed,
    an_actor,
    an_attributes,
    an_upload_request,
)

SAGA = derive("golden", "saga")
DOCUMENT = DocumentId(derive("golden", "document"))
TICKET = TicketId(derive("golden", "ticket"))
ACCOUNT = AccountId(derive("golden", "account"))
KEY = KeyId(derive("golden", "key"))
SEALED = SealedSecret(key_id="installation-1", nonce=bytes(range(12)), ciphertext=b"\x00\xff\x80")


def _meta(model: type[Message], aggregate_id: str = SAGA, version: int = 0) -> dict[str, object]:
    meta = model.meta_for(
        event_id=derive("golden", model.__name__),
        aggregate_id=aggregate_id,
        occurred_at=NOW,
        correlation_id=SAGA,
        actor=an_actor(),
        source="golden",
        aggregate_version=version,
        causation_id=derive("golden", "cause"),
    )
    return {"meta": meta}


def _request() -> UploadRequested:
    description = Description(
        title="Ёлка", document_class="письмо", tags=("ж", "b"), custom={"n": 7, "ok": True, "share": 0.25, "s": "стр"}
    )
    request = an_upload_request(description=description)
    changes = {"document_id": DOCUMENT, "ticket_id": TICKET, "sha256": EMPTY_SHA256, **_meta(UploadRequested)}
    return request.model_copy(update=changes)


def attributes_sample() -> Attributes:
    """Return the attributes of the golden `attr.json`."""
    return an_attributes(_request())


def _identity() -> bytes:
    return ElementIdentity(
        element_id=ELEMENT_ID,
        name="hot",
        mode=Mode.EDIT,
        mode_epoch=1,
        open_epoch=3,
        created_at=NOW,
        changed_at=NOW,
    ).sealed()


def _element() -> dict[str, object]:
    return {"name": "hot", "mode": Mode.EDIT, "mode_epoch": 1, "identity": _identity()}


def _saga() -> SagaAdvanced:
    return SagaAdvanced.model_validate(
        {
            **_meta(SagaAdvanced, version=2),
            "kind": "upload",
            "status": "succeeded",
            "step": "text",
            "state": '{"документ": 1}',
            "cause_id": derive("golden", "cause"),
            "cause_type": "artstore.ContentCommitted",
            "cause_causation_id": derive("golden", "fact"),
            "steps": (StepState(name="request", state="done", at=NOW),),
            "outputs": (Output(topic="t", key=b"k", value=b"\x00v", headers={"ce_id": "x"}),),
            "outcomes": (Outcome(aggregate_type="document", aggregate_id=DOCUMENT, version=1),),
            "document_id": DOCUMENT,
            "element_id": ELEMENT_ID,
            "request_sha256": EMPTY_SHA256,
            "problem": None,
            "deadline_at": NOW + timedelta(seconds=30),
            "deadline_token": 2,
            "started_at": NOW,
            "finished_at": NOW,
        }
    )


_UPLOAD = {"document_id": DOCUMENT, "ticket_id": TICKET}
_TEXT = {"document_version": 1, "element_id": ELEMENT_ID, "sha256": EMPTY_SHA256}
_ACCOUNT = {"account_id": ACCOUNT, "login": "anna", "full_name": "Анна", "role": "editor", "sealed_password": SEALED}
_KEY = {"key_id": KEY, "public_jwk": "{}", "sealed_private": SEALED, "active_from": NOW}
_SIGNED = {"request_sha256": EMPTY_SHA256, "signature": b"\x01\x02"}
_COMMITTED = {"meta": _meta(a_content_committed(_request()).__class__)["meta"]}

SAMPLES: tuple[Message, ...] = (
    _request(),
    AccountRequested.model_validate({**_meta(AccountRequested), **_ACCOUNT, **_SIGNED}),
    KeyRequested.model_validate({**_meta(KeyRequested), **_KEY, **_SIGNED}),
    KeyRetirementRequested.model_validate({**_meta(KeyRetirementRequested), "key_id": KEY, **_SIGNED}),
    DeadlineExpired.model_validate({**_meta(DeadlineExpired), "token": 4}),
    ExtractText.model_validate(
        {**_meta(ExtractText, ELEMENT_ID), "document_id": DOCUMENT, "document_version": 1},
    ),
    AbandonUpload.model_validate({**_meta(AbandonUpload, ELEMENT_ID), **_UPLOAD, "document_version": 1}),
    a_content_committed(_request()).model_copy(update=_COMMITTED),
    UploadRefused.model_validate({**_meta(UploadRefused), **_UPLOAD, "code": "type_refused", "problem": "{}"}),
    UploadInProgress.model_validate({**_meta(UploadInProgress), **_UPLOAD, "received_bytes": 5}),
    UploadAbandoned.model_validate({**_meta(UploadAbandoned), **_UPLOAD, "last_refusal": None}),
    TextFinished.model_validate(
        {
            **_meta(TextFinished),
            "document_id": DOCUMENT,
            "document_version": 1,
            "text_version": 0,
            "available": False,
            "reason": "no_extractor",
        }
    ),
    a_document_committed(attributes_sample(), operation_id=SAGA).model_copy(
        update={"meta": _meta(type(a_document_committed()), DOCUMENT, 1)["meta"]}
    ),
    TextExtracted.model_validate(
        {**_meta(TextExtracted, DOCUMENT, 1), **_TEXT, "text_sha256": EMPTY_SHA256, "characters": 9, "truncated": True}
    ),
    TextUnavailable.model_validate({**_meta(TextUnavailable, DOCUMENT, 1), **_TEXT, "reason": "too_slow"}),
    DocumentDamaged.model_validate(
        {
            **_meta(DocumentDamaged, DOCUMENT, 1_795_514_400_000_000),
            **_TEXT,
            "part": DamagedPart.BODY,
            "reason": DamageReason.DIGEST,
            "found_by": FoundBy.SCRUB,
            "size": 0,
            "quarantined": (f"{DOCUMENT}.v1.Ёлка.txt",),
        }
    ),
    DocumentMended.model_validate(
        {**_meta(DocumentMended, DOCUMENT, 1_795_514_400_000_001), **_TEXT, "found_by": FoundBy.READ, "size": 0}
    ),
    ElementRegistered.model_validate({**_meta(ElementRegistered, ELEMENT_ID, 1), **_element()}),
    ElementModeChanged.model_validate({**_meta(ElementModeChanged, ELEMENT_ID, 1), **_element()}),
    ElementScrubbed.model_validate(
        {
            **_meta(ElementScrubbed, ELEMENT_ID, 3),
            "started_at": NOW - timedelta(days=1),
            "finished_at": NOW,
            "documents": 41,
            "bytes": 1_000_000,
            "damaged": 1,
        }
    ),
    ElementStatus.model_validate(
        {
            **_meta(ElementStatus, ELEMENT_ID),
            "name": "hot",
            "mode": Mode.READ_WRITE,
            "mode_epoch": 2,
            "url": "http://127.0.0.1:8081",
            "capacity": Capacity(total=3, used=1, free=2),
            "outbox": 0,
        }
    ),
    AccountCreated.model_validate({**_meta(AccountCreated, ACCOUNT, 1), **_ACCOUNT}),
    KeyRegistered.model_validate({**_meta(KeyRegistered, KEY, 1), **_KEY}),
    KeyRetired.model_validate({**_meta(KeyRetired, KEY, 2), "key_id": KEY}),
    _saga(),
)


def write_missing(folder: Path) -> list[str]:
    """Write the record of each newest schema, and the attributes, where there is none yet; return the names."""
    made = []
    for sample in SAMPLES:
        path = folder / "records" / f"{newest_ids()[sample.type_name()]}.{sample.type_name()}.bin"
        if not path.exists():
            path.write_bytes(encode(sample).value)
            made.append(path.name)
    attributes = folder / "attributes" / "1.attr.json"
    if not attributes.exists():
        attributes.write_bytes(attributes_sample().sealed())
        made.append(attributes.name)
    return made


if __name__ == "__main__":
    print(*write_missing(Path(__file__).parent), sep="\n")  # noqa: T201 - a program for developers
