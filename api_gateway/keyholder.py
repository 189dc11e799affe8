"""The keys that this gateway signs with: taken from the key events, opened by the installation, the newest in force."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from infra.runtime.installation import Installation
from infra.runtime.keys import KeyEvent, KeyFollower, KeyRing, SigningKey, VerifyingKey
from schemas.errors import DependencyUnavailable
from schemas.events import KeyRetired


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
        self._retired: set[str] = set()

    @property
    def retired(self) -> frozenset[str]:
        """Ids of keys that never sign again."""
        return frozenset(self._retired)

    def take(self, event: KeyEvent) -> None:
        """Open the private half of a key, or let a retired one go, for ever: in whatever order the two are read.

        The first registration of an id wins. ConfigurationInvalid, Corrupted, Malformed.
        """
        if isinstance(event, KeyRetired):
            self._retired.add(event.key_id)
            self._keys.pop(event.key_id, None)
        elif event.key_id not in self._keys and event.key_id not in self._retired:
            der = self._installation.unwrap(event.sealed_private, event.key_id)
            self._keys[event.key_id] = SigningKey.parse(event.key_id, event.active_from, der)

    def active(self, now: datetime) -> SigningKey | None:
        """Return the newest key whose time has begun."""
        return _newest(self._keys.values(), now)

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
    """The shipped double: keys that sign and verify from the moment they are told of, or do not any more."""

    def __init__(self, key: SigningKey) -> None:
        self._keys: dict[str, SigningKey] = {}
        self.ring = KeyRing()
        self.add(key)

    def add(self, key: SigningKey) -> None:
        """Sign with this key from its time on."""
        self._keys[key.kid] = key
        self.ring = self.ring.with_key(VerifyingKey.parse(key.kid, key.public_jwk(), key.active_from))

    def retire(self, kid: str, at: datetime) -> None:
        """Neither sign with this key nor believe it any more."""
        self.ring = self.ring.with_retired(kid, at)

    def signing_key(self, now: datetime) -> SigningKey:
        """Return the newest key in force; DependencyUnavailable while there is none."""
        key = _newest((key for kid, key in self._keys.items() if kid not in self.ring.retired), now)
        if key is None:
            raise DependencyUnavailable
        return key


def _newest(keys: Iterable[SigningKey], now: datetime) -> SigningKey | None:
    begun = (key for key in keys if key.active_from <= now)
    return max(begun, key=lambda key: (key.active_from, key.kid), default=None)
