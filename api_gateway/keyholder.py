"""The keys that this gateway signs with: taken from the key events, opened by the installation, the newest in force."""

from datetime import datetime
from typing import Protocol

from infra.runtime.installation import Installation
from infra.runtime.keys import KeyFollower, KeyRing, SigningKey, VerifyingKey
from schemas.errors import DependencyUnavailable
from schemas.events import KeyRegistered


class Keys(Protocol):
    """What signs and what verifies."""

    @property
    def ring(self) -> KeyRing:
        """Keys to verify with."""
        ...

    def signing_key(self, now: datetime) -> SigningKey:
        """Return the newest key in force; DependencyUnavailable while there is none."""
        ...


class Keyholder:
    """Signing keys by their id. `take` is the observer of a key follower."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._keys: dict[str, SigningKey] = {}

    def take(self, event: KeyRegistered) -> None:
        """Open the private half; the first registration of an id wins. ConfigurationInvalid, Corrupted, Malformed."""
        if event.key_id not in self._keys:
            der = self._installation.unwrap(event.sealed_private, event.key_id)
            self._keys[event.key_id] = SigningKey.parse(event.key_id, event.active_from, der)

    def active(self, now: datetime) -> SigningKey | None:
        """Return the newest key whose time has begun."""
        begun = [key for key in self._keys.values() if key.active_from <= now]
        return max(begun, key=lambda key: (key.active_from, key.kid), default=None)

    def signing_key(self, now: datetime) -> SigningKey:
        """Return the newest key in force; DependencyUnavailable while there is none."""
        key = self.active(now)
        if key is None:
            raise DependencyUnavailable("This gateway does not hold a signing key yet. Repeat the request in a moment.")
        return key


class FollowedKeys:
    """`Keys` out of the log: the follower verifies, the keyholder signs."""

    def __init__(self, follower: KeyFollower, keyholder: Keyholder) -> None:
        self._follower = follower
        self._keyholder = keyholder

    @property
    def ring(self) -> KeyRing:
        """Keys to verify with."""
        return self._follower.ring

    def signing_key(self, now: datetime) -> SigningKey:
        """Return the newest key in force; DependencyUnavailable while there is none."""
        return self._keyholder.signing_key(now)


class MemoryKeys:
    """The shipped double: one key that signs and verifies."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.ring = KeyRing().with_key(VerifyingKey.parse(key.kid, key.public_jwk(), key.active_from))

    def signing_key(self, now: datetime) -> SigningKey:
        """Return the key; DependencyUnavailable before its time."""
        if now < self._key.active_from:
            raise DependencyUnavailable
        return self._key
