"""The fold of `accounts`."""

import unicodedata
from datetime import datetime
from typing import NamedTuple

from projections.tables import Row
from schemas.envelope import Received
from schemas.events import AccountCreated


class AccountRow(NamedTuple):
    """An account. The password's hash stays sealed."""

    account_id: str
    login: str
    login_key: str
    full_name: str
    role: str
    sealed_key_id: str
    sealed_nonce: bytes
    sealed_ciphertext: bytes
    created_at: datetime

    @property
    def key(self) -> tuple[object, ...]:
        """The account."""
        return (self.account_id,)

    @property
    def rank(self) -> int:
        """The first one stays."""
        return 0


def login_key(login: str) -> str:
    """Return the form in which two logins are the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login).casefold()).strip()


def fold(received: Received) -> tuple[Row, ...]:
    """Return the row of a created account; none for other records."""
    message = received.message
    if not isinstance(message, AccountCreated):
        return ()
    row = AccountRow(
        account_id=message.account_id,
        login=message.login,
        login_key=login_key(message.login),
        full_name=message.full_name,
        role=message.role,
        sealed_key_id=message.sealed_password.key_id,
        sealed_nonce=message.sealed_password.nonce,
        sealed_ciphertext=message.sealed_password.ciphertext,
        created_at=message.meta.occurred_at,
    )
    return (row,)
