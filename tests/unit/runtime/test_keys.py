"""Signing keys: what makes a ring, what it refuses, and that it survives on disk."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.runtime.files import write_json_atomic
from infra.runtime.keys import (
    KeyEvent,
    KeyFollower,
    KeyRing,
    SigningKey,
    VerifyingKey,
    generate_key,
    ring_of,
    stored,
    told,
)
from infra.runtime.settings_sections import KafkaSettings
from schemas.envelope import Message
from schemas.errors import Malformed
from schemas.events import KeyRegistered, KeyRetired
from schemas.identifiers import KeyId, derive
from schemas.registry import encode
from schemas.requests import SealedSecret
from tests.builders import an_actor
from tests.unit.stream_processors.doubles import Raw

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def a_key_registered(key: SigningKey) -> KeyRegistered:
    return KeyRegistered(
        meta=KeyRegistered.meta_for(
            event_id=derive(key.kid, "key-registered"),
            aggregate_id=key.kid,
            occurred_at=NOW,
            correlation_id=derive(key.kid, "saga"),
            actor=an_actor(),
            source="processor",
        ),
        key_id=KeyId(key.kid),
        public_jwk=key.public_jwk(),
        sealed_private=SealedSecret(key_id="installation", nonce=b"n", ciphertext=b"c"),
        active_from=NOW,
    )


def a_key_retired(kid: str, minutes: int = 1) -> KeyRetired:
    return KeyRetired(
        meta=KeyRetired.meta_for(
            event_id=derive(kid, f"key-retired-{minutes}"),
            aggregate_id=kid,
            aggregate_version=2,
            occurred_at=NOW + timedelta(minutes=minutes),
            correlation_id=derive(kid, "saga"),
            actor=an_actor(),
            source="processor",
        ),
        key_id=KeyId(kid),
    )


class Consumer:
    """A consumer that gives these messages once."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages

    async def getmany(self, **_: object) -> dict[int, list[Raw]]:
        return {0: [Raw.of(encode(message), offset) for offset, message in enumerate(self._messages)]}


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return generate_key("k1", NOW)


def verifying(key: SigningKey) -> VerifyingKey:
    return VerifyingKey.parse(key.kid, key.public_jwk(), key.active_from)


def test_a_key_survives_its_way_through_der_and_jwk(key: SigningKey) -> None:
    again = SigningKey.parse("k1", NOW, key.der())
    assert again.public_jwk() == key.public_jwk()
    assert verifying(again).public.public_numbers() == key.private.public_key().public_numbers()
    assert key.private.key_size == 3072


def test_the_jwk_set_shows_public_halves_only(key: SigningKey) -> None:
    shown = json.loads(json.dumps(KeyRing().with_key(verifying(key)).jwks()))["keys"]
    assert len(shown) == 1
    assert set(shown[0]) == {"kty", "use", "alg", "kid", "n", "e"}


def test_the_first_registration_of_an_id_wins(key: SigningKey) -> None:
    ring = KeyRing().with_key(verifying(key))
    assert ring.with_key(verifying(generate_key("k1", NOW))) is ring


@pytest.mark.parametrize(
    "change", [{"kid": "k2"}, {"kty": "EC"}, {"alg": "HS256"}, {"n": "AQAB"}, {"d": "AQAB"}, {"n": 5}, {"e": "AQ"}]
)
def test_a_public_half_that_is_not_an_rs256_key_of_that_name_is_refused(
    key: SigningKey, change: dict[str, object]
) -> None:
    with pytest.raises(Malformed):
        VerifyingKey.parse("k1", json.dumps(json.loads(key.public_jwk()) | change), NOW)


def test_short_keys_and_keys_of_another_kind_are_refused() -> None:
    short = SigningKey("k", NOW, generate_private_key(65537, 1024))  # noqa: S505 - that it is refused is the point
    with pytest.raises(Malformed):
        verifying(short)
    other = Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for der in (b"junk", other):
        with pytest.raises(Malformed):
            SigningKey.parse("k", NOW, der)


def test_a_follower_starts_from_the_set_on_disk_before_the_log_answers(key: SigningKey, tmp_path: Path) -> None:
    ring = KeyRing().with_key(verifying(key))
    write_json_atomic(tmp_path / "keys.json", stored(ring))
    follower = KeyFollower(KafkaSettings(), tmp_path / "keys.json")
    assert follower.ring == ring
    assert not follower.caught_up.is_set()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": 1}', '{"keys": [{"kid": "a"}]}'])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    assert KeyFollower(KafkaSettings(), tmp_path / "keys.json").ring == KeyRing()


def test_a_stored_ring_is_read_back_whole(key: SigningKey) -> None:
    ring = KeyRing().with_key(verifying(key))
    assert ring_of(stored(ring)) == ring
    assert ring_of(None) == KeyRing()


def test_the_private_half_never_shows_in_a_printout(key: SigningKey) -> None:
    assert "private" not in repr(key).lower()


async def test_a_header_of_any_bytes_keeps_no_key_from_being_learnt(key: SigningKey, tmp_path: Path) -> None:
    follower = KeyFollower(KafkaSettings(), tmp_path / "keys.json")
    record = encode(a_key_registered(key))
    follower._take(Raw(record.topic, 0, 0, record.key, record.value, (("traceparent", b"\xff"), ("none", None))))
    assert follower.ring.find(key.kid) is not None


REGISTERED = {kid: a_key_registered(generate_key(kid, NOW)) for kid in ("a", "b")}
EVENTS: tuple[KeyEvent, ...] = (
    *REGISTERED.values(),
    *(a_key_retired(kid, minutes) for kid in REGISTERED for minutes in (1, 2)),
)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(EVENTS), max_size=10), st.randoms(use_true_random=False))
def test_in_whatever_order_and_however_often_it_is_told_a_retired_key_verifies_nothing(
    events: list[KeyEvent], random: Random
) -> None:
    ring = again = KeyRing()
    for event in events:
        ring = told(ring, event)
    for event in random.sample([*events, *events], 2 * len(events)):
        again = ring_of(json.loads(json.dumps(stored(told(again, event)))))
    assert again == ring
    retired = {event.key_id for event in events if isinstance(event, KeyRetired)}
    registered = {event.key_id for event in events if isinstance(event, KeyRegistered)}
    assert {kid for kid in REGISTERED if ring.find(kid)} == registered - retired
    shown: list[dict[str, str]] = ring.jwks()["keys"]  # type: ignore[assignment]
    assert {jwk["kid"] for jwk in shown} == registered - retired


async def test_a_retired_key_stays_retired_after_a_restart_without_the_log(key: SigningKey, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    follower = KeyFollower(KafkaSettings(), path)
    await follower._read_some(Consumer([a_key_registered(key)]))
    assert KeyFollower(KafkaSettings(), path).ring.find(key.kid) == verifying(key)
    await follower._read_some(Consumer([a_key_retired(key.kid)]))
    begun_anew = KeyFollower(KafkaSettings(), path)
    assert begun_anew.ring.find(key.kid) is None
    await begun_anew._read_some(Consumer([a_key_registered(key)]))
    assert begun_anew.ring.find(key.kid) is None


def test_a_set_on_disk_of_an_earlier_release_is_still_read(key: SigningKey) -> None:
    ring = KeyRing().with_key(verifying(key))
    assert ring_of({"keys": stored(ring)["keys"]}) == ring


@pytest.mark.parametrize("retired", [1, {"a": 1}, {"a": "soon"}, [["a", "b"]]])
def test_retired_keys_that_cannot_be_read_make_the_whole_set_unreadable(key: SigningKey, retired: object) -> None:
    with pytest.raises(Malformed):
        ring_of({**stored(KeyRing().with_key(verifying(key))), "retired": retired})
