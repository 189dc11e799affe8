"""Signing in: login and password against the account in the views, answered by an access token."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from api_gateway.attempts import Attempts
from api_gateway.keyholder import Keys
from api_gateway.passwords import Passwords
from api_gateway.ports import Account, Views
from api_gateway.texts import is_storable
from infra.runtime.clock import Clock
from infra.runtime.installation import Installation
from infra.runtime.metrics import Metrics
from infra.runtime.security import AccessClaims, sign_token
from projections.accounts.fold import login_key
from schemas.api.auth import TokenBody
from schemas.errors import ArtStoreError, InvalidCredentials, ViewsBehind

LOGIN_MAX, PASSWORD_MAX = 256, 1024


@dataclass(frozen=True)
class Sessions:
    """Everything that signing in needs."""

    views: Views
    keys: Keys
    passwords: Passwords
    installation: Installation
    clock: Clock
    metrics: Metrics
    attempts: Attempts
    token_seconds: int
    issuer: str
    begun: asyncio.Event

    async def sign_in(self, login: str, password: str, address: str) -> TokenBody:
        """Return a token; InvalidCredentials, after the same time whether the login exists or not.

        TooManyAttempts when the login, or the client's address, has had too many wrong passwords. ViewsBehind while
        the installation is not `begun`: its first account may be on the way, password and all.
        """
        attempt = self.attempts.begin(login_key(login[:LOGIN_MAX]), address)
        try:
            account = await self._verified(login, password)
            if account is None and not self.begun.is_set():
                message = (
                    "This installation is at its first start, and the account may not be known yet."
                    " Try again in a second."
                )
                raise ViewsBehind(message, retry_after_seconds=1)
        except ArtStoreError:
            attempt.forgive()
            raise
        self.metrics.sign_ins.labels("refused" if account is None else "ok").inc()
        if account is None:
            raise InvalidCredentials
        attempt.forgive()
        token = self._token(account, self.clock.now())
        return TokenBody(access_token=token, expires_in=self.token_seconds)

    async def _verified(self, login: str, password: str) -> Account | None:
        if not _is_plausible(login, LOGIN_MAX) or not _is_plausible(password, PASSWORD_MAX):
            return None
        account = await self.views.find_account(login)
        if account is None:
            await self.passwords.refuse(password)
            return None
        hashed = self.installation.unwrap(account.sealed_password, account.account_id).decode()
        return account if await self.passwords.matches(hashed, password) else None

    def _token(self, account: Account, now: datetime) -> str:
        claims = AccessClaims(
            subject=account.account_id, login=account.login, full_name=account.full_name, role=account.role
        )
        expires_at = now + timedelta(seconds=self.token_seconds)
        return sign_token(self.keys.signing_key(now), claims, now, expires_at, issuer=self.issuer)


def _is_plausible(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and is_storable(text)
