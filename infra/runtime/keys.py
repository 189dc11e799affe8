"""Keys that sign tokens and tickets: the ring that verifiers hold, followed from the log and kept on disk."""

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    RSAPublicNumbers,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from infra.runtime.files import read_json, write_json_atomic
from infra.runtime.kafka import open_reader, translated_errors
from infra.runtime.settings_sections import KafkaSettings
from schemas.dead_letters import text_headers
from schemas.envelope import Position
from schemas.errors import Malformed, Transient, UndecodableRecord
from schemas.events import KeyRegistered, KeyRetired
from schemas.registry import receive
from schemas.topics import BY_NAME, KEY_EVENT

KEY_BITS = 3072
KEY_BITS_MIN = 2048
EXPONENT = 65537
READ_MILLISECONDS = 500
READ_SECONDS = 10.0
AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class VerifyingKey:
    """The public half of a signing key. What it signed before `active_from` is not believed."""

    kid: str
    public_jwk: str
    active_from: datetime
    public: RSAPublicKey = field(repr=False, compare=False)

    @classmethod
    def parse(cls, kid: str, public_jwk: str, active_from: datetime) -> "VerifyingKey":
        """Read a JWK (RFC 7517); Malformed unless it is an RSA key of at least 2048 bits for RS256 named `kid`."""
        return cls(kid, public_jwk, active_from, _public_of(kid, public_jwk))


@dataclass(frozen=True)
class SigningKey:
    """The private half, held by gateways only."""

    kid: str
    active_from: datetime
    private: RSAPrivateKey = field(repr=False)

    @classmethod
    def parse(cls, kid: str, active_from: datetime, der: bytes) -> "SigningKey":
        """Read PKCS #8 DER; Malformed when it is no RSA key."""
        try:
            private = load_der_private_key(der, password=None)
        except (ValueError, TypeError) as error:
            msg = f"The private half of key {kid} is not PKCS #8."
            raise Malformed(msg) from error
        if not isinstance(private, RSAPrivateKey):
            msg = f"Key {kid} is not an RSA key."
            raise Malformed(msg)
        return cls(kid, active_from, private)

    def der(self) -> bytes:
        """Return the private half as PKCS #8 DER, in clear: to be wrapped at once."""
        return self.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def public_jwk(self) -> str:
        """Return the public half as a JWK (RFC 7517) in JSON."""
        numbers = self.private.public_key().public_numbers()
        jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid}
        return json.dumps(jwk | {"n": _base64url(numbers.n), "e": _base64url(numbers.e)})


@dataclass(frozen=True)
class KeyRing:
    """All verifying keys by their `kid`, and since when those that are retired are.

    Both only grow, so that it does not matter in which order, or how often, registrations and retirements are read.
    """

    keys: Mapping[str, VerifyingKey] = field(default_factory=dict)
    retired: Mapping[str, datetime] = field(default_factory=dict)

    def find(self, kid: str) -> VerifyingKey | None:
        """Return the key with this id; None when it is not known, or retired."""
        return None if kid in self.retired else self.keys.get(kid)

    def with_key(self, key: VerifyingKey) -> "KeyRing":
        """Return a ring with `key` in it; the first registration of an id wins."""
        return self if key.kid in self.keys else replace(self, keys={**self.keys, key.kid: key})

    def with_retired(self, kid: str, at: datetime) -> "KeyRing":
        """Return a ring in which this id, known or not, verifies nothing for ever; the earliest retirement counts."""
        since = self.retired.get(kid)
        return self if since is not None and since <= at else replace(self, retired={**self.retired, kid: at})

    def jwks(self) -> dict[str, object]:
        """Return the JWK set (RFC 7517 section 5) of the keys that are not retired."""
        return {"keys": [json.loads(key.public_jwk) for kid, key in self.keys.items() if kid not in self.retired]}


def generate_key(kid: str, active_from: datetime) -> SigningKey:
    """Make an RSA key of 3072 bits (about 0.1 s: call it in a thread)."""
    return SigningKey(kid, active_from, generate_private_key(EXPONENT, KEY_BITS))


def ring_of(value: Mapping[str, object] | None) -> KeyRing:
    """Return the ring that `stored` made; Malformed when `value` is none."""
    ring = KeyRing()
    try:
        for item in (value or {"keys": []})["keys"]:  # type: ignore[attr-defined]
            active_from = datetime.fromisoformat(item["active_from"])
            ring = ring.with_key(VerifyingKey.parse(item["kid"], item["public_jwk"], active_from))
        # A file of an earlier release has no retired keys.
        for kid, at in (value or {}).get("retired", {}).items():  # type: ignore[attr-defined]
            ring = ring.with_retired(kid, datetime.fromisoformat(at))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Malformed("This is not a stored set of keys.") from error
    return ring


def stored(ring: KeyRing) -> dict[str, object]:
    """Return `ring` as JSON values."""
    keys = ring.keys.values()
    return {
        "keys": [{"kid": k.kid, "public_jwk": k.public_jwk, "active_from": k.active_from.isoformat()} for k in keys],
        "retired": {kid: at.isoformat() for kid, at in ring.retired.items()},
    }


KeyEvent = KeyRegistered | KeyRetired
Observer = Callable[[KeyEvent], None]


def unobserved(_event: KeyEvent) -> None:
    """Nobody else looks at the events."""


def told(ring: KeyRing, event: KeyEvent) -> KeyRing:
    """Return `ring` with what `event` says; Malformed when the key that it registers is none."""
    if isinstance(event, KeyRetired):
        return ring.with_retired(event.key_id, event.meta.occurred_at)
    return ring.with_key(VerifyingKey.parse(event.key_id, event.public_jwk, event.active_from))


class KeyFollower:
    """Follows the key events from their beginning; holds the ring, and keeps its last state in the file `path`."""

    def __init__(self, settings: KafkaSettings, path: Path, observe: Observer = unobserved) -> None:
        """Start from the file, when there is a readable one; `observe` sees every event that is read."""
        self.caught_up = asyncio.Event()
        self._settings = settings
        self._path = path
        self._observe = observe
        self._ring = _read(path)

    @property
    def ring(self) -> KeyRing:
        """The keys known now."""
        return self._ring

    async def run(self) -> None:
        """Follow until cancelled; a log that is away is tried again every second."""
        while True:
            try:
                await self._follow()
            except (Transient, TimeoutError) as error:
                structlog.get_logger("artstore.keys").warning("keys_not_followed", reason=str(error))
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self) -> None:
        partitions = [TopicPartition(KEY_EVENT, n) for n in range(BY_NAME[KEY_EVENT].partitions)]
        async with open_reader(self._settings, "artstore-keys", partitions) as reader:
            with translated_errors():
                async with asyncio.timeout(READ_SECONDS):
                    ends = await reader.end_offsets(partitions)
                while True:
                    await self._read_some(reader)
                    if not self.caught_up.is_set() and await _reached(reader, ends):
                        self.caught_up.set()

    async def _read_some(self, reader: AIOKafkaConsumer) -> None:
        async with asyncio.timeout(READ_SECONDS):
            batches = await reader.getmany(timeout_ms=READ_MILLISECONDS)
        before = self._ring
        for record in (record for batch in batches.values() for record in batch):
            self._take(record)
        if self._ring is not before:
            await asyncio.to_thread(write_json_atomic, self._path, stored(self._ring))

    def _take(self, record: ConsumerRecord) -> None:
        position = Position(record.topic, record.partition, record.offset)
        try:
            message = receive(position, record.key, record.value, text_headers(record.headers)).message
            if isinstance(message, KeyRegistered | KeyRetired):
                self._ring = told(self._ring, message)
                self._observe(message)
        except (UndecodableRecord, Malformed) as error:
            # A key that cannot be read is no key: whatever it signed is refused. Its dead letter is the projector's.
            structlog.get_logger("artstore.keys").error("key_ignored", offset=record.offset, reason=error.detail)


async def _reached(reader: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    async with asyncio.timeout(READ_SECONDS):
        return all([await reader.position(partition) >= end for partition, end in ends.items()])


def _read(path: Path) -> KeyRing:
    try:
        return ring_of(read_json(path))
    except (ValueError, Malformed):
        # The file only bridges the time until the log answers; a damaged one is as good as none.
        return KeyRing()


def _public_of(kid: str, public_jwk: str) -> RSAPublicKey:
    try:
        jwk = json.loads(public_jwk)
        right = jwk["kid"] == kid and jwk["kty"] == "RSA" and jwk["alg"] == "RS256"
        public = RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()
    except (ValueError, KeyError, TypeError) as error:
        msg = f"The public half of key {kid} is not a JWK of an RSA key."
        raise Malformed(msg) from error
    if not right or public.key_size < KEY_BITS_MIN or "d" in jwk:
        msg = f"The public half of key {kid} is not a public RS256 key of at least {KEY_BITS_MIN} bits."
        raise Malformed(msg)
    return public


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
