"""Records: what is encoded is decoded, and everything else is refused with a cause."""

import contextlib
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Position
from schemas.errors import Malformed, UndecodableRecord, UnknownSchema, WrongKey
from schemas.registry import decode, encode, receive
from schemas.requests import Description
from schemas.topics import DOCUMENT_EVENT, SAGA_INBOX
from tests.builders import a_document_committed, an_upload_request

TEXT = st.text(max_size=40)
CUSTOM = st.dictionaries(TEXT, TEXT | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False))


@given(filename=TEXT.filter(bool), size=st.integers(0, 2**50), custom=CUSTOM, tags=st.lists(TEXT).map(tuple))
def test_a_message_survives_the_wire_with_every_value_and_its_type(
    filename: str, size: int, custom: dict[str, str | bool | int | float], tags: tuple[str, ...]
) -> None:
    message = an_upload_request(filename=filename, size=size, description=Description(custom=custom, tags=tags))
    decoded = decode(encode(message).value)
    assert decoded == message
    assert isinstance(decoded, type(message))
    assert {k: type(v) for k, v in decoded.description.custom.items()} == {k: type(v) for k, v in custom.items()}


@given(st.binary(max_size=200))
def test_garbage_is_malformed_and_nothing_else(value: bytes) -> None:
    with pytest.raises(Malformed):
        decode(value)


@given(st.data())
def test_a_damaged_record_is_malformed_or_another_message_but_never_a_crash(data: st.DataObject) -> None:
    value = bytearray(encode(an_upload_request()).value)
    index = data.draw(st.integers(0, len(value) - 1))
    value[index] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(Malformed):
        decode(bytes(value))


def test_an_unknown_schema_id_is_refused_by_its_number() -> None:
    value = struct.pack(">bI", 0, 999_999) + b"\x00"
    with pytest.raises(UnknownSchema, match="999999"):
        decode(value)


def test_bytes_behind_the_message_are_refused() -> None:
    with pytest.raises(UndecodableRecord, match="behind"):
        decode(encode(an_upload_request()).value + b"\x00")


def test_a_tombstone_is_refused() -> None:
    with pytest.raises(UndecodableRecord):
        decode(None)


def test_a_record_with_another_key_or_on_another_topic_is_refused() -> None:
    record = encode(an_upload_request())
    with pytest.raises(WrongKey):
        receive(Position(SAGA_INBOX, 0, 0), b"another", record.value, {})
    with pytest.raises(WrongKey):
        receive(Position(DOCUMENT_EVENT, 0, 0), record.key, record.value, {})


def test_the_headers_are_cloudevents_in_binary_mode_and_say_the_same_as_the_envelope() -> None:
    message = a_document_committed()
    headers = encode(message, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").headers
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_id"] == message.meta.event_id
    assert headers["ce_type"] == "artstore.DocumentCommitted"
    assert headers["ce_subject"] == message.meta.aggregate_id
    assert headers["ce_causationid"] == message.meta.causation_id
    assert datetime.fromisoformat(headers["ce_time"]) == message.meta.occurred_at
    assert headers["ce_time"].endswith("Z")
    assert message.meta.occurred_at.tzinfo is UTC
    assert headers["traceparent"].startswith("00-0af765")
