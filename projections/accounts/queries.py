"""Questions to the view `accounts`: who is behind a login, or an id."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from projections.accounts.fold import login_key
from projections.reading import LIVE, reading, storable
from schemas.requests import SealedSecret

_COLUMNS = "account_id, login, full_name, role, sealed_key_id, sealed_nonce, sealed_ciphertext, created_at"
_BY_LOGIN = f"SELECT {_COLUMNS} FROM {LIVE}.accounts WHERE login_key = $1"
_BY_ID = f"SELECT {_COLUMNS} FROM {LIVE}.accounts WHERE account_id = $1"
_ALL = f"SELECT {_COLUMNS} FROM {LIVE}.accounts ORDER BY login_key"


@dataclass(frozen=True)
class AccountView:
    """An account with its sealed password hash."""

    account_id: str
    login: str
    full_name: str
    role: str
    sealed_password: SealedSecret
    created_at: datetime


async def account_by_login(pool: asyncpg.Pool, login: str) -> AccountView | None:
    """Return the account with this login, whatever its case. DatabaseUnavailable, ViewsBehind."""
    return await _one(pool, _BY_LOGIN, login_key(storable(login)))


async def account(pool: asyncpg.Pool, account_id: str) -> AccountView | None:
    """Return the account with this id. DatabaseUnavailable, ViewsBehind."""
    return await _one(pool, _BY_ID, storable(account_id))


async def accounts(pool: asyncpg.Pool) -> tuple[AccountView, ...]:
    """Return all accounts by login. DatabaseUnavailable, ViewsBehind."""
    async with reading():
        return tuple(_account(record) for record in await pool.fetch(_ALL))


async def _one(pool: asyncpg.Pool, statement: str, argument: str) -> AccountView | None:
    async with reading():
        record = await pool.fetchrow(statement, argument)
    return None if record is None else _account(record)


def _account(record: asyncpg.Record) -> AccountView:
    return AccountView(
        account_id=record["account_id"],
        login=record["login"],
        full_name=record["full_name"],
        role=record["role"],
        sealed_password=SealedSecret(
            key_id=record["sealed_key_id"], nonce=record["sealed_nonce"], ciphertext=record["sealed_ciphertext"]
        ),
        created_at=record["created_at"],
    )
