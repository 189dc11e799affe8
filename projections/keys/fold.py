"""The fold of `keys`."""

from datetime import datetime
from typing import NamedTuple

from projections.tables import Row
from schemas.envelope import Received
from schemas.events import KeyRegistered


class KeyRow(NamedTuple):
    """A token-signing key: the public half as JWK text, the private half sealed."""

    key_id: str
    public_jwk: str
    sealed_key_id: str
    sealed_nonce: bytes
    sealed_ciphertext: bytes
    active_from: datetime
    announced_at: datetime

    @property
    def key(self) -> tuple[object, ...]:
        """The key."""
        return (self.key_id,)

    @property
    def rank(self) -> int:
        """The first one stays."""
        return 0


def fold(received: Received) -> tuple[Row, ...]:
    """Return the row of a registered key; none for other records."""
    message = received.message
    if not isinstance(message, KeyRegistered):
        return ()
    row = KeyRow(
        key_id=message.key_id,
        public_jwk=message.public_jwk,
        sealed_key_id=message.sealed_private.key_id,
        sealed_nonce=message.sealed_private.nonce,
        sealed_ciphertext=message.sealed_private.ciphertext,
        active_from=message.active_from,
        announced_at=message.meta.occurred_at,
    )
    return (row,)
