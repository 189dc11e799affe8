"""Questions to the view `keys`: the keys that sign tokens, private halves sealed."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from projections.reading import LIVE, reading
from schemas.requests import SealedSecret

_ALL = f"""
    SELECT key_id, public_jwk, sealed_key_id, sealed_nonce, sealed_ciphertext, active_from, announced_at
    FROM {LIVE}.keys ORDER BY active_from, key_id
"""


@dataclass(frozen=True)
class KeyView:
    """A token-signing key, used from `active_from` on."""

    key_id: str
    public_jwk: str
    sealed_private: SealedSecret
    active_from: datetime
    announced_at: datetime


async def keys(pool: asyncpg.Pool) -> tuple[KeyView, ...]:
    """Return all keys, the one that became active last at the end. DatabaseUnavailable, ViewsBehind."""
    async with reading():
        return tuple(_key(record) for record in await pool.fetch(_ALL))


def _key(record: asyncpg.Record) -> KeyView:
    return KeyView(
        key_id=record["key_id"],
        public_jwk=record["public_jwk"],
        sealed_private=SealedSecret(
            key_id=record["sealed_key_id"], nonce=record["sealed_nonce"], ciphertext=record["sealed_ciphertext"]
        ),
        active_from=record["active_from"],
        announced_at=record["announced_at"],
    )
