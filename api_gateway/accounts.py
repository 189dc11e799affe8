"""Asking for accounts: the password hashed and sealed, the request signed, the login taken by the first request."""

import hashlib
from dataclasses import dataclass

from api_gateway.inbox import acknowledgement
from api_gateway.passwords import Passwords
from infra.runtime.clock import Clock
from infra.runtime.installation import Installation
from infra.runtime.telemetry import current_traceparent
from producers.accounts import request_account
from producers.publisher import Publisher
from projections.accounts.fold import login_key
from schemas.envelope import Actor
from schemas.identifiers import AccountId, derive
from schemas.requests import AccountRequested
from schemas.sealing import canonical

SOURCE = "gateway"


@dataclass(frozen=True)
class NewAccount:
    """An account to be made."""

    account_id: str
    login: str
    full_name: str
    role: str


@dataclass(frozen=True)
class AccountDesk:
    """What asking for an account needs."""

    publisher: Publisher
    passwords: Passwords
    installation: Installation
    clock: Clock

    def operation_of(self, login: str) -> str:
        """Return the operation that makes the account `login`: one login, one saga, so that the first request wins."""
        return derive(f"{self.installation.installation_id}/{login_key(login)}", "account-operation")

    async def ask(self, account: NewAccount, password: str, actor: Actor) -> AccountRequested:
        """Put the signed request into the inbox and return it; LogUnavailable when it is not acknowledged in time."""
        hashed = await self.passwords.hash(password)
        operation_id = self.operation_of(account.login)
        request = AccountRequested(
            meta=AccountRequested.meta_for(
                event_id=derive(account.account_id, "account-requested"),
                aggregate_id=operation_id,
                occurred_at=self.clock.now(),
                correlation_id=operation_id,
                actor=actor,
                source=SOURCE,
            ),
            account_id=AccountId(account.account_id),
            login=account.login,
            full_name=account.full_name,
            role=account.role,
            sealed_password=self.installation.wrap(hashed.encode(), account.account_id),
            request_sha256=digest_of(account),
        )
        async with acknowledgement():
            await request_account(self.publisher, request, self.installation.sign, current_traceparent())
        return request


def digest_of(account: NewAccount) -> str:
    """Return the digest that tells this request from another for the same login. No password goes into it."""
    asked = {"account_id": account.account_id, "login": account.login, "role": account.role}
    return hashlib.sha256(canonical({**asked, "full_name": account.full_name})).hexdigest()
