"""Passwords: argon2id, computed in threads, a bounded number at a time; making one; the sealed form of a hash."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from schemas.errors import Busy

# Each computation takes 64 MiB and all cores for about 0.1 s: more at once would only wait for one another.
AT_ONCE = 2
PATIENCE_SECONDS = 5.0
GENERATED_BYTES = 18
# The salt and digest of a password that nobody knows.
NOBODY = "X45LqM57p/2tDXk0yIsO3Q$EAjpmtentk5wa8034kxluwFspvrng9eFpjKQx+lhOtA"


def generated_password() -> str:
    """Return a new password of 144 random bits in letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(GENERATED_BYTES)


class Passwords:
    """Hashes and verifies. Busy when others have kept it occupied for five seconds."""

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        """Take what a hash costs; argon2-cffi's own choice (RFC 9106, low memory) unless told otherwise."""
        self._hasher = hasher or argon2.PasswordHasher(type=argon2.Type.ID)
        costs = f"m={self._hasher.memory_cost},t={self._hasher.time_cost},p={self._hasher.parallelism}"
        self._nobody = f"$argon2id$v=19${costs}${NOBODY}"
        self._free = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """Return the argon2id hash in its own text form (RFC 9106 parameters inside)."""
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, hashed: str, password: str) -> bool:
        """Tell whether `password` is the one that was hashed."""
        async with self._turn():
            return await asyncio.to_thread(self._matches, hashed, password)

    async def refuse(self, password: str) -> None:
        """Spend the time that `matches` would: how long a refusal takes must not tell which logins exist."""
        await self.matches(self._nobody, password)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise Busy("Too many people are signing in at once. Try again in a moment.") from None
        try:
            yield
        finally:
            self._free.release()
