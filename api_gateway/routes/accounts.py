"""Accounts: an administrator asks for one."""

from fastapi import APIRouter, Response

from api_gateway.accounts import NewAccount, digest_of
from api_gateway.dependencies import AccountKeeper, Given, Parts, actor_of
from api_gateway.idempotency import IdempotencyKey
from api_gateway.inbox import until_known
from infra.runtime.security import AccessClaims
from schemas.api.accounts import AccountAnswer, AccountBody
from schemas.errors import LoginTaken
from schemas.identifiers import derive, new_id

router = APIRouter(prefix="/api/v1/accounts", tags=["accounts"])


@router.post("", status_code=202)
async def request_account(
    body: AccountBody, who: AccountKeeper, parts: Given, response: Response, idempotency_key: IdempotencyKey = None
) -> AccountAnswer:
    """Ask for an account; it exists when the operation has succeeded. One login, one account."""
    account = _account(parts, body, who, idempotency_key)
    operation_id = parts.accounts.operation_of(account.login)
    if await parts.views.find_account(account.login) is None and await _is_new(parts, operation_id):
        await parts.accounts.ask(account, body.password, actor_of(who))
    # What an earlier request has failed with says nothing about this one, which is still under way then.
    asked = digest_of(account)
    known = await until_known(parts.views, operation_id, lambda it: it.status != "failed" or it.request_sha256 == asked)
    if known.request_sha256 != asked:
        raise LoginTaken
    response.headers["Location"] = f"/api/v1/operations/{operation_id}"
    return AccountAnswer(operation_id=operation_id, account_id=account.account_id, login=account.login, role=body.role)


async def _is_new(parts: Parts, operation_id: str) -> bool:
    """Tell whether the login is free to be asked for: a failed operation has made no account."""
    known = await parts.views.find_operation(operation_id)
    return known is None or known.status == "failed"


def _account(parts: Parts, body: AccountBody, who: AccessClaims, key: str | None) -> NewAccount:
    account_id = new_id(parts.clock.now()) if key is None else derive(f"{who.subject}:{key}", "account")
    return NewAccount(account_id=account_id, login=body.login, full_name=body.full_name, role=body.role)
