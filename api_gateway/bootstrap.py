"""The first start: a signing key and an administrator, asked for through the inbox like any other change."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from pydantic import SecretStr

from api_gateway.accounts import AccountDesk, NewAccount
from api_gateway.inbox import acknowledgement
from api_gateway.keyholder import Keyholder
from api_gateway.keys import key_request, own_actor
from api_gateway.passwords import generated_password
from api_gateway.ports import Views
from infra.runtime.clock import Clock
from infra.runtime.files import write_private
from infra.runtime.installation import Installation
from infra.runtime.telemetry import span
from producers.keys import request_key
from producers.publisher import Publisher
from schemas.errors import DependencyUnavailable, Transient
from schemas.identifiers import derive, new_id
from schemas.permissions import Role
from schemas.requests import KeyRequested

ADMIN = "admin"
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.1
AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Bootstrap:
    """Makes what an installation needs before anybody can sign in; does nothing where it exists."""

    views: Views
    publisher: Publisher
    accounts: AccountDesk
    installation: Installation
    keyholder: Keyholder
    keys_known: asyncio.Event
    clock: Clock
    password_file: Path
    given_password: SecretStr | None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Bring key and administrator about, set `done`, and stay until cancelled.

        What may pass is tried again; what does not come about within 60 seconds ends the program with its reason.
        """
        await self.complete()
        self.done.set()
        structlog.get_logger("artstore.bootstrap").info("bootstrap_done")
        await asyncio.Event().wait()

    async def complete(self) -> None:
        """Return once a key is in force and an administrator is known; DependencyUnavailable after 60 seconds."""
        missing = "the key events"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.keys_known.wait()
                missing = "a signing key"
                await _repeated(self._ensure_key)
                missing = "an administrator"
                await _repeated(self._ensure_administrator)
        except TimeoutError as error:
            message = f"The first start is still without {missing}: do processor and projector run?"
            raise DependencyUnavailable(message) from error

    async def _ensure_key(self) -> None:
        if self.keyholder.active(self.clock.now()) is not None:
            return
        with span("bootstrap key"):
            async with acknowledgement():
                await request_key(self.publisher, await self._first_key(), self.installation.sign)
        while self.keyholder.active(self.clock.now()) is None:  # noqa: ASYNC110 - time passes, no event tells
            await asyncio.sleep(PAUSE_SECONDS)

    async def _first_key(self) -> KeyRequested:
        """Its ids follow from the installation: of two gateways, or of two tries, the first one counts."""
        # The request that made a key which is retired now makes no second one.
        retired = len(self.keyholder.retired)
        role = f"bootstrap-key-{retired}" if retired else "bootstrap-key"
        operation_id = derive(self.installation.installation_id, role)
        return await key_request(self.installation, operation_id, self.clock.now(), own_actor(self.installation))

    async def _ensure_administrator(self) -> None:
        if await self.views.has_administrator():
            return
        known = await self.views.find_operation(self.accounts.operation_of(ADMIN))
        made_here: str | None = None
        if known is None or known.status == "failed":
            made_here = await self._ask_for_administrator()
        while not await self.views.has_administrator():  # noqa: ASYNC110 - the views have no event
            await asyncio.sleep(PAUSE_SECONDS)
        if made_here is not None:
            await self._forget_if_another_won(made_here)

    async def _ask_for_administrator(self) -> str:
        """Return the password that was asked for; a generated one is on disk before anybody can know of it."""
        if self.given_password is not None:
            password = self.given_password.get_secret_value()
        else:
            password = await asyncio.to_thread(_kept_password, self.password_file)
        account = NewAccount(new_id(self.clock.now()), ADMIN, "Administrator", Role.ADMINISTRATOR)
        with span("bootstrap administrator"):
            await self.accounts.ask(account, password, own_actor(self.installation))
        return password

    async def _forget_if_another_won(self, password: str) -> None:
        """Of two requests the first counts; a file that holds the other one's password would only mislead."""
        account = await self.views.find_account(ADMIN)
        if account is None:
            return
        hashed = self.installation.unwrap(account.sealed_password, account.account_id).decode()
        if not await self.accounts.passwords.matches(hashed, password):
            structlog.get_logger("artstore.bootstrap").warning("administrator_existed", file=str(self.password_file))
            await asyncio.to_thread(_forget, self.password_file, password)


async def _repeated(step: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await step()
        except Transient as error:
            structlog.get_logger("artstore.bootstrap").warning("bootstrap_waits", reason=error.detail)
        await asyncio.sleep(AGAIN_SECONDS)


def _kept_password(file: Path) -> str:
    """Return the password on disk, with which a start that broke off has perhaps asked already; else make one."""
    if file.is_file() and (kept := file.read_text(encoding="utf-8").strip()):
        return kept
    password = generated_password()
    write_private(file, password.encode() + b"\n")
    return password


def _forget(file: Path, password: str) -> None:
    if file.is_file() and file.read_text(encoding="utf-8").strip() == password:
        file.unlink()
