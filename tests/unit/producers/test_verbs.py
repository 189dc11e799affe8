"""The verbs: what stands in the inbox afterwards."""

from datetime import timedelta

from producers.integrator import MemoryPublisher, program, request_account, request_key, request_upload, upload_request
from schemas.identifiers import AccountId, KeyId, derive, new_id
from schemas.registry import decode
from schemas.requests import AccountRequested, KeyRequested, SealedSecret, UploadRequested
from schemas.retention import PERMANENT
from schemas.signing import signable
from tests.builders import ELEMENT_ID, EMPTY_SHA256, NOW, an_actor

SECRET = SealedSecret(key_id="installation", nonce=b"n", ciphertext=b"c")


def an_upload(
    filename: str = "a.txt", operation_id: str | None = None, retention_class: str = PERMANENT, media_type: str = "a/b"
) -> UploadRequested:
    return upload_request(
        filename=filename,
        size=3,
        element_id=ELEMENT_ID,
        actor=program("scanner"),
        now=NOW,
        source="scanner",
        operation_id=operation_id,
        retention_class=retention_class,
        media_type=media_type,
    )


async def test_an_upload_request_stands_in_the_inbox_with_the_trace_of_its_caller() -> None:
    publisher, request = MemoryPublisher(), an_upload()
    await request_upload(publisher, request, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    (record,) = publisher.records
    assert decode(record.value) == request
    assert record.headers["traceparent"].startswith("00-4bf9")
    assert record.headers["ce_id"] == request.meta.aggregate_id == request.meta.correlation_id


def test_two_requests_have_their_own_ids_and_one_under_a_given_operation_has_its_event_id() -> None:
    first, second = an_upload(), an_upload()
    assert first.meta.event_id != second.meta.event_id
    assert first.document_id != second.document_id
    assert an_upload(operation_id=derive("s", "k")).meta.event_id == derive("s", "k")


def test_the_digest_of_a_request_tells_it_from_another_one() -> None:
    assert an_upload("a.txt").request_sha256 == an_upload("a.txt").request_sha256
    assert an_upload("a.txt").request_sha256 != an_upload("b.txt").request_sha256
    assert an_upload().request_sha256 != an_upload(retention_class="years-5").request_sha256
    assert an_upload().request_sha256 != an_upload(media_type="text/plain").request_sha256


def test_a_deadline_beyond_its_cap_is_the_cap() -> None:
    request = upload_request(
        filename="a",
        size=0,
        element_id=ELEMENT_ID,
        actor=an_actor(),
        now=NOW,
        source="gateway",
        deadline=timedelta(hours=9),
        deadline_max=timedelta(hours=3),
    )
    assert request.deadline_at == request.deadline_at_max == NOW + timedelta(hours=3)


async def test_requests_for_accounts_and_keys_are_signed_over_their_own_bytes() -> None:
    publisher, operation = MemoryPublisher(), new_id(NOW)
    envelope = {
        "event_id": operation,
        "aggregate_id": operation,
        "occurred_at": NOW,
        "correlation_id": operation,
        "source": "gateway",
    }
    account = AccountRequested(
        meta=AccountRequested.meta_for(**envelope, actor=an_actor()),  # type: ignore[arg-type]
        account_id=AccountId(new_id(NOW)),
        login="reader",
        full_name="Чтец",
        role="reader",
        sealed_password=SECRET,
        request_sha256=EMPTY_SHA256,
    )
    key = KeyRequested(
        meta=KeyRequested.meta_for(**envelope, actor=an_actor()),  # type: ignore[arg-type]
        key_id=KeyId(new_id(NOW)),
        public_jwk="{}",
        sealed_private=SECRET,
        active_from=NOW,
        request_sha256=EMPTY_SHA256,
    )
    await request_account(publisher, account, lambda data: b"signed:" + data[-4:])
    await request_key(publisher, key, lambda data: b"signed:" + data[-4:])
    sent = [decode(record.value) for record in publisher.records]
    assert [message.model_copy(update={"signature": b""}) for message in sent] == [account, key]
    assert [getattr(message, "signature", b"") for message in sent] == [
        b"signed:" + signable(request)[-4:] for request in (account, key)
    ]
