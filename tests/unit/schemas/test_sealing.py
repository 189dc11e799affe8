"""Seals: anyone can check them, and no flipped bit goes unseen."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.attributes import SEAL_FIELD, Attributes
from schemas.errors import SealBroken, TooLarge
from schemas.requests import Description
from schemas.sealing import canonical, seal, unseal
from tests.builders import an_attributes, an_upload_request

SAFE = 2**53 - 1
KEYS = st.text(max_size=10)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(-SAFE, SAFE) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS.filter(lambda key: key != "seal"), JSON_VALUES))
def test_what_is_sealed_is_unsealed(value: dict[str, Any]) -> None:
    assert unseal(seal(value, "seal"), "seal") == value


TEXTS = st.text(max_size=3) | st.sampled_from(["\ud800", '\x00\x1f\x7f"\\/', "\u2028", "\ue000\U00010000"])
ANY_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(SAFE - 1, SAFE + 2) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)


@example({"\ue000": 1, "\U00010000": 2})
@example({"a": -(2**53), "b": 1.0})
@given(st.dictionaries(TEXTS, ANY_VALUES, max_size=3))
def test_the_quick_encoder_writes_what_the_careful_one_does_or_refuses_as_it_does(value: dict[str, Any]) -> None:
    def tried(encode: Callable[[dict[str, Any]], bytes]) -> bytes | None:
        try:
            return encode(value)
        except ValueError:
            return None

    assert tried(canonical) == tried(rfc8785.dumps)


def test_a_seal_is_checked_without_knowing_the_canonical_form() -> None:
    data = an_attributes().sealed()
    digest = json.loads(data)[SEAL_FIELD]
    assert hashlib.sha256(data.replace(digest.encode(), b"0" * 64, 1)).hexdigest() == digest


@settings(max_examples=300)
@given(st.data())
def test_no_flipped_bit_goes_unseen(data: st.DataObject) -> None:
    sealed = bytearray(an_attributes().sealed())
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        Attributes.from_sealed(bytes(sealed))


def test_a_nested_field_of_the_seals_name_does_not_confuse_it() -> None:
    value = {"aaa": {SEAL_FIELD: "1" * 64}, "zzz": {SEAL_FIELD: "0" * 64}}
    assert unseal(seal(value, SEAL_FIELD), SEAL_FIELD) == value


def test_unknown_fields_survive_a_rewrite() -> None:
    body = json.loads(an_attributes().sealed())
    del body[SEAL_FIELD]
    body["from_a_later_release"] = {"deep": [1, "ё"]}
    body["content"]["and_here"] = 7
    sealed = seal(body, SEAL_FIELD)
    assert Attributes.from_sealed(sealed).sealed() == sealed


@pytest.mark.parametrize(
    ("written", "rewritten"),
    [
        ('"attr_seq":1', '"attr_seq":"3"'),
        ('"attr_seq":1', '"attr_seq":true'),
        ('"attr_seq":1', '"attr_seq":3.0'),
        ('"attr_seq":1', '"attr_seq":3.5'),
        ('"attr_seq":1', '"attr_seq":9,"attr_seq":2'),
        ('"attr_seq":1', '"attr_seq":123456789012345678901234567890'),
        ('"custom":{}', '"custom":{"a":1,"b":1.0,"c":true,"d":"1","a":"2"}'),
        ('"custom":{}', '"custom":{"a":null}'),
        ('"custom":{}', '"custom":{"half":"\\ud800","nul":"\\u0000"}'),
        ('"holds":[]', '"holds":[{"a":[1,{"b":null}]}]'),
        ('"tags":["отчёт","2026"]', '"tags":"2026"'),
        ('"created_at":"2026-11-24T10:30:15.123456Z"', '"created_at":1795516215'),
        ('"created_at":"2026-11-24T10:30:15.123456Z"', '"created_at":"2026-11-24T10:30:15+03:00"'),
        ('"created_at":"2026-11-24T10:30:15.123456Z"', '"created_at":"2026-11-24T10:30:15"'),
        ('"mode_at_write":"edit"', '"mode_at_write":"none"'),
    ],
)
def test_attributes_of_any_writer_are_those_of_the_json_inside_the_seal(written: str, rewritten: str) -> None:
    text = an_attributes().sealed().decode()
    assert written in text
    changed = text.replace(json.loads(text)[SEAL_FIELD], "0" * 64).replace(written, rewritten).encode()
    sealed = changed.replace(b"0" * 64, hashlib.sha256(changed).hexdigest().encode(), 1)
    try:
        said = Attributes.model_validate(unseal(sealed, SEAL_FIELD))
    except ValidationError:
        with pytest.raises(SealBroken, match="form"):
            Attributes.from_sealed(sealed)
    else:
        found = Attributes.from_sealed(sealed)
        assert found == said
        assert repr(found) == repr(said)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 30_000 + b"]" * 30_000,
        b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
        b'{"attr_sha256":"\\ud800' + b"0" * 63 + b'"}',
        b'{"attr_sha256":"' + b"A" * 64 + b'"}',
    ],
    ids=["lists in lists", "objects in objects", "half a character", "capital digits"],
)
def test_what_no_seal_can_be_is_a_broken_seal_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(SealBroken):
        Attributes.from_sealed(data)


def test_attributes_above_the_hard_limit_are_refused_by_the_name_of_the_largest_part() -> None:
    description = Description(custom={f"поле-{n}": "ё" * 500 for n in range(70)})
    with pytest.raises(TooLarge, match="shorten description"):
        an_attributes(an_upload_request(description=description)).sealed()
